"""The policies that are measured, made as anybody would make them. Default options, but for pauses: there are none."""

from __future__ import annotations

from typing import Any

from backstay import (
    Budget,
    Bulkhead,
    Cache,
    CircuitBreaker,
    CircuitOpen,
    Fallback,
    Idempotency,
    Inject,
    Policy,
    Retry,
    Timeout,
)
from backstay.drivers import interpreted
from benchmarks.baselines import KEY, Unavailable, afail, fail

LONG = 3600.0


def retry(budget: Budget | None = None) -> Retry:
    return Retry(3, base=0, budget=budget or Budget())


def lasting() -> Retry:
    """Where every call fails, a budget that lasts: without tokens there would be nothing to measure."""
    return retry(Budget(burst=1_000_000))


def policy(*strategies: Any) -> Policy:
    return Policy("benchmark", *strategies, failures=Unavailable)


def breaker() -> Policy:
    return policy(CircuitBreaker())


def retrying() -> Policy:
    return policy(lasting())


def four() -> Policy:
    return policy(Fallback(None), retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1))


def cached() -> Policy:
    return policy(Cache(3600), retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1))


def cached_inside(fresh_for: float = LONG) -> Policy:
    return policy(retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1), Cache(fresh_for))


def idempotent(keep_for: float = LONG) -> Policy:
    key = Idempotency(keep_for, key=lambda key: key)
    return policy(key, retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1))


def injecting() -> Policy:
    return policy(
        Fallback(None), retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1), Inject(enabled=True, rate=0)
    )


class Stepwise(Policy):
    """What a build without a GIL gives: the step machine, one step at a time under a lock."""

    FRAMES = interpreted
    EXECUTION = interpreted.LockedExecution


def four_stepwise() -> Policy:
    return Stepwise("benchmark", *four().strategies, failures=Unavailable)


def four_without_answer() -> Policy:
    """The four, with a fallback for something else."""
    return policy(Fallback(None, on=LookupError), lasting(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1))


def five() -> Policy:
    """The four within a total time."""
    return policy(Fallback(None), Timeout(5), retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1))


def five_by_attempt() -> Policy:
    """The four with a time for each attempt."""
    return policy(Fallback(None), retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1), Timeout(1))


def six() -> Policy:
    """The four with both."""
    return policy(Fallback(None), Timeout(5), retry(), CircuitBreaker(), Bulkhead(50, queue=100, wait=1), Timeout(1))


def refusing(policy: Policy) -> Any:
    """A function guarded by `policy`, whose breaker has opened and stays so."""
    guarded = policy(fail)
    while policy[CircuitBreaker].state != "open":
        try:
            guarded(KEY)
        except (Unavailable, CircuitOpen):
            pass
    return guarded


async def arefusing(policy: Policy) -> Any:
    guarded = policy(afail)
    while policy[CircuitBreaker].state != "open":
        try:
            await guarded(KEY)
        except (Unavailable, CircuitOpen):
            pass
    return guarded


def refused_alone() -> Any:
    return refusing(policy(CircuitBreaker(open_for=LONG)))


def refused_middle() -> Any:
    """Under a bulkhead and a Retry, over another bulkhead."""
    return refusing(policy(Bulkhead(50), retry(), CircuitBreaker(open_for=LONG), Bulkhead(50)))


def refused_under_timeouts() -> Any:
    return refusing(policy(Timeout(5), retry(), CircuitBreaker(open_for=LONG), Bulkhead(50), Timeout(1)))


def refused_under_fallback() -> Any:
    """A fallback that is not for refusals."""
    return refusing(policy(Fallback(None, on=LookupError), retry(), CircuitBreaker(open_for=LONG), Bulkhead(50)))


def refused_and_answered() -> Any:
    return refusing(policy(Fallback(None), retry(), CircuitBreaker(open_for=LONG), Bulkhead(50)))


async def refused_async() -> Any:
    return await arefusing(policy(Timeout(5), retry(), CircuitBreaker(open_for=LONG), Bulkhead(50), Timeout(1)))
