"""Gates by themselves: letting in, and refusing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstay import Bulkhead, ConcurrencyLimit, Policy, RateLimit, Rejected, Throttle
from benchmarks.baselines import KEY, Unavailable, fail
from benchmarks.stacks import LONG, policy

PLENTY = (1_000_000, 0.01)  # calls in so many seconds: never reached


def rate_limit() -> Policy:
    return policy(RateLimit(*PLENTY))


def rate_window() -> Policy:
    return policy(RateLimit(*PLENTY, algorithm="sliding_window"))


def concurrency_limit() -> Policy:
    return policy(ConcurrencyLimit())


def throttle() -> Policy:
    return policy(Throttle())


def bulkhead() -> Policy:
    return policy(Bulkhead(50))


def shedding() -> Policy:
    return policy(Bulkhead(50, shed=0.4))


def _stay(key: Any) -> Iterator[Any]:
    yield key


def held(policy: Policy, places: int) -> Any:
    """A function guarded by `policy`, with so many calls inside."""
    inside = [policy(_stay)(KEY) for _ in range(places)]
    for call in inside:
        next(call)
    guarded: Any = policy(fail)
    guarded.inside = inside  # as long as it lives
    return guarded


def refused_by_concurrency_limit() -> Any:
    return held(policy(ConcurrencyLimit(1)), 1)


def refused_by_bulkhead() -> Any:
    return held(policy(Bulkhead(1)), 1)


def refused_by_shedding() -> Any:
    """One of two places is withheld from a call of the least priority, and another has the other one."""
    return held(policy(Bulkhead(2, shed=0.5)).using(priority="background"), 1)


def refused_by_rate_limit() -> Any:
    return _worn(policy(RateLimit(1, LONG)), 2)


def refused_by_throttle() -> Any:
    """Once so many have failed that nearly none is let through any more."""
    return _worn(policy(Throttle(on=Unavailable)), 20_000)


def _worn(policy: Policy, calls: int) -> Any:
    guarded = policy(fail)
    for _ in range(calls):
        try:
            guarded(KEY)
        except (Unavailable, Rejected):
            pass
    return guarded
