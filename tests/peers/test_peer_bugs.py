"""Bugs that other libraries have, found by running them: each shows there, and not here.

A test of another library expects the bug. If a release mends it, that test fails, and the library moves from `has` to
`stands`. Scenarios also run on libraries without the bug, where we know of some: what nobody passes would prove little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from backstay import Policy, Retry, Timeout
from tests.peers import breakers, scenarios
from tests.peers.breakers import Boom, Clock, Make
from tests.support.virtual import VirtualLoop

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # some of these libraries are old


class Bug(NamedTuple):
    """`shows`: how the scenario ends on a library that has the bug."""

    scenario: Callable[..., Any]
    shows: str
    has: tuple[Make, ...]
    stands: tuple[Make, ...] = ()


BUGS = (
    Bug(
        scenarios.one_probe,
        "50 of 50 calls reached",
        has=(breakers.aiobreaker, breakers.circuitbreaker, breakers.hyx, breakers.purgatory, breakers.pyresilience),
        stands=(breakers.interlock, breakers.nopanic, breakers.resilix),
    ),
    Bug(
        scenarios.callers_who_leave,
        "cancelled callers opened",
        has=(breakers.purgatory,),
        stands=(breakers.aiobreaker, breakers.hyx, breakers.interlock, breakers.nopanic, breakers.resilix),
    ),
    Bug(
        scenarios.failures_around_one_who_leaves,
        "the count was reset",
        has=(breakers.circuitbreaker,),
        stands=(breakers.aiobreaker, breakers.hyx, breakers.interlock, breakers.nopanic, breakers.resilix),
    ),
    Bug(
        scenarios.hung_probe,
        "refused for ever",
        has=(breakers.interlock, breakers.nopanic, breakers.resilix),
    ),
    Bug(
        scenarios.stale_probe,
        "the stale probe closed it",
        has=(breakers.nopanic,),
        stands=(breakers.interlock,),
    ),
)


def breaker_of(make: Make, clock: Clock, patch: pytest.MonkeyPatch) -> breakers.Breaker:
    try:
        return make(clock, patch)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed (requirements/dev.txt has it)")


def run(bug: Bug, make: Make, patch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    breaker = breaker_of(make, clock, patch)
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


@pytest.mark.parametrize("make", [breakers.backstay, breakers.circuitbreaker, breakers.nopanic, breakers.resilix])
def test_threads_call_at_once(make: Make, monkeypatch: pytest.MonkeyPatch):
    scenarios.calls_at_once(breaker_of(make, Clock(), monkeypatch), patience=60)


def test_pybreaker_holds_its_lock_while_it_calls(monkeypatch: pytest.MonkeyPatch):
    breaker = breaker_of(breakers.pybreaker, Clock(), monkeypatch)
    with pytest.raises(AssertionError, match="waited"):
        scenarios.calls_at_once(breaker, patience=0.2)


# Retry: each call has its own backoff


def two_callers_wait_alike(decorate: Callable[[Any], Any]) -> None:
    """Two calls at once, each failing twice, pause 1 s and then 2 s each."""
    loop = VirtualLoop()
    began: dict[str, list[float]] = {"one": [], "other": []}

    async def fail_twice(caller: str) -> str:
        began[caller].append(loop.time())
        if len(began[caller]) < 3:
            raise Boom
        return caller

    async def both() -> list[Any]:
        guarded = decorate(fail_twice)
        return await asyncio.gather(*map(guarded, began), return_exceptions=True)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        if runner.run(both()) != list(began):
            raise scenarios.NotSetUp("a third attempt did not succeed")
    pauses = {caller: [b - a for a, b in pairwise(at)] for caller, at in began.items()}
    assert pauses == {"one": [1, 2], "other": [1, 2]}, pauses


def test_two_callers_of_backstay_wait_alike():
    def decorate(function: Any) -> Any:
        policy = Policy("retry", Retry(3, base=1, factor=2, backoff="exponential", on=Boom))
        policy.ports = asyncio.get_running_loop().ports  # type: ignore[attr-defined]
        return policy(function)

    two_callers_wait_alike(decorate)


def test_callers_of_hyx_share_their_backoff():
    retry = pytest.importorskip("hyx.retry", reason="hyx is not installed (requirements/dev.txt has it)")
    backoffs = pytest.importorskip("hyx.retry.backoffs")
    with pytest.raises(AssertionError, match="one"):
        two_callers_wait_alike(retry.retry(on=Boom, attempts=3, backoff=backoffs.expo(min_delay_secs=1, base=2)))


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


def test_hyx_needs_a_loop_to_decorate():
    timeout = pytest.importorskip("hyx.timeout", reason="hyx is not installed (requirements/dev.txt has it)")
    with pytest.raises(AssertionError, match="no running event loop"):
        decorates_without_a_loop(timeout.timeout(1))
