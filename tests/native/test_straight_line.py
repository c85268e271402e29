"""What compiled frames write out of the strategies' methods is as safe as the methods: nothing can come in between the
reading of a number and its writing (see `tests.support.bytecode`)."""

from __future__ import annotations

import sysconfig
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    CircuitBreaker,
    ConcurrencyLimit,
    Fallback,
    Policy,
    RateLimit,
    Retry,
    Throttle,
    Timeout,
)
from tests.support.bytecode import is_quiet, updates
from tests.support.virtual import run

pytestmark = pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="without a GIL it says nothing"
)

FAILURE = {"failed", "slow", "seen", "bad"}  # what a failure changes in a breaker's window
TALLY = {"running", "accepted", "requests"}  # what a throttle counts
NUMBERS = {"free", "run", "tokens", "filled", "rest", "calls", "in_flight", "passed", *TALLY, *FAILURE}
POLICIES: dict[str, Any] = {
    "all": lambda: [
        Fallback("else"),
        Timeout(60),
        Retry(budget=Budget()),
        CircuitBreaker(),
        Bulkhead(5, queue=5),
        Timeout(5),
    ],
    "at once": lambda: [Retry(base=0, budget=Budget())],
    "bulkhead": lambda: [Bulkhead(5)],
    "breaker": lambda: [CircuitBreaker()],
    "throttle": lambda: [Throttle()],
    "limit": lambda: [ConcurrencyLimit(queue=2), RateLimit(5, queue=2), CircuitBreaker(), Timeout(9)],
    "window in time": lambda: [CircuitBreaker(window_seconds=10, slow_call=1), Retry(total=9, budget=Budget())],
}

WRITTEN_OUT = {
    "all": {"free", "run", "tokens", "calls", *FAILURE},
    "at once": {"tokens", "filled", "rest"},
    "bulkhead": {"free"},
    "breaker": {"run", *FAILURE},
    "throttle": TALLY,
    "limit": {"free", "run", *FAILURE},
    "window in time": {"tokens", "calls"},
}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("name", sorted(POLICIES))
def test_nothing_comes_in_between(name: str, asynchronous: bool):
    policy = Policy("p", *POLICIES[name]())
    guarded: Any
    if asynchronous:

        @policy
        async def guarded() -> str:
            return "fine"

        assert run(guarded()) == "fine"
    else:

        @policy
        def guarded() -> str:
            return "fine"

        assert guarded() == "fine"
    assert written_out(guarded) == WRITTEN_OUT[name]


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_nothing_comes_in_between_under_keys_either(name: str):
    keyed = Policy("p", *POLICIES[name]()).keyed(lambda: 1)
    assert keyed.call(lambda: "fine") == "fine"
    assert written_out(keyed.frame) == WRITTEN_OUT[name]


def written_out(frame: Any) -> set[str]:
    """Which numbers a frame updates itself; nothing comes in between."""
    seen: set[str] = set()
    for attribute, between in updates(frame.__code__, NUMBERS):
        seen.add(attribute)
        loud = [instruction for instruction in between if not is_quiet(instruction)]
        assert not loud, f"{attribute}: {loud}\n{frame.__source__}"
    return seen
