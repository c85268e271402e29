"""Bugs that other libraries have, found by running them: each shows there, and not here.

A test of another library expects the bug. If a release mends it, that test fails, and the library moves from `has` to
`stands`. Scenarios also run on libraries without the bug, where we know of some: what nobody passes would prove little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from backstay import Policy, Retry, Timeout
from tests.peers import breakers, scenarios
from tests.peers.breakers import Boom, Clock, Make
from tests.peers.claims import skipped_if_absent

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # some of these libraries are old


class Bug(NamedTuple):
    """`row`: its title in docs/comparison.md. `shows`: how the scenario ends on a library that has the bug."""

    row: str
    scenario: Callable[..., Any]
    shows: str
    has: tuple[Make, ...]
    stands: tuple[Make, ...] = ()


NO_VERDICT = (
    breakers.aiobreaker, breakers.hyx, breakers.interlock, breakers.nopanic, breakers.pyresilience,
    breakers.redress, breakers.resilix,
)  # fmt: skip
"""On these, a cancelled caller is neither a failure nor a success."""

BUGS = (
    Bug(
        "half-open lets exactly its limit through",
        scenarios.one_probe,
        "50 of 50 calls reached",
        has=(breakers.aiobreaker, breakers.circuitbreaker, breakers.hyx, breakers.purgatory, breakers.pyresilience),
        stands=(breakers.interlock, breakers.nopanic, breakers.redress, breakers.resilix),
    ),
    Bug(
        "cancellation is no verdict",
        scenarios.callers_who_leave,
        "cancelled callers opened",
        has=(breakers.purgatory,),
        stands=(*NO_VERDICT, breakers.circuitbreaker),
    ),
    Bug(
        "cancellation is no verdict",
        scenarios.failures_around_one_who_leaves,
        "the count was reset",
        has=(breakers.circuitbreaker,),
        stands=NO_VERDICT,
    ),
    Bug(
        "a probe that hangs is replaced",
        scenarios.hung_probe,
        "refused for ever",
        has=(breakers.interlock, breakers.nopanic, breakers.redress, breakers.resilix),
    ),
    Bug(
        "an outcome of an earlier epoch is dropped",
        scenarios.stale_probe,
        "the stale probe closed it",
        has=(breakers.nopanic,),
        stands=(breakers.interlock,),
    ),
)


def run(bug: Bug, make: Make, patch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with skipped_if_absent():
        breaker = make(clock, patch)
    asyncio.run(bug.scenario(breaker, clock))


def each(side: str) -> Any:
    """Every bug with every library of one side."""
    rows = [(bug, make) for bug in BUGS for make in getattr(bug, side)]
    names = [f"{bug.scenario.__name__}-{make.__name__}" for bug, make in rows]
    return pytest.mark.parametrize(("bug", "make"), rows, ids=names)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.scenario.__name__)
def test_backstay_stands_it(bug: Bug, monkeypatch: pytest.MonkeyPatch):
    run(bug, breakers.backstay, monkeypatch)


@each("stands")
def test_another_library_stands_it(bug: Bug, make: Make, monkeypatch: pytest.MonkeyPatch):
    run(bug, make, monkeypatch)


@each("has")
def test_the_bug_shows(bug: Bug, make: Make, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(AssertionError, match=bug.shows):
        run(bug, make, monkeypatch)


def test_threads_call_at_once(monkeypatch: pytest.MonkeyPatch):
    scenarios.calls_at_once(breakers.backstay(Clock(), monkeypatch), patience=60)


# Retry: each call has its own backoff


def test_two_callers_of_backstay_wait_alike():
    def decorate(function: Any) -> Any:
        policy = Policy("retry", Retry(3, base=1, factor=2, backoff="exponential", on=Boom))
        policy.ports = asyncio.get_running_loop().ports  # type: ignore[attr-defined]
        return policy(function)

    scenarios.two_callers_wait_alike(decorate)


# Timeout: a module is imported before any loop runs


def decorates_without_a_loop(timeout: Any) -> None:
    async def answer() -> str:
        return "answer"

    try:
        guarded = timeout(answer)
    except RuntimeError as error:
        raise AssertionError(f"cannot decorate at import: {error}") from error
    if asyncio.run(guarded()) != "answer":
        raise scenarios.NotSetUp("the guarded function gave something else")


def test_backstay_decorates_without_a_loop():
    decorates_without_a_loop(Timeout(1))
