"""The timed cases, as data: what is called, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from backstay import CircuitBreaker
from benchmarks import baselines, gates, stacks
from benchmarks.baselines import KEY, afetch, asuspend, fail, fetch, sometimes

#  how a call must end, looked at before and after the timing
RETURNS = "returns"
FAILS = "fails"  # with the dependency's own failure
REFUSED = "refused"  # with anything else


class Contestant(NamedTuple):
    """`call` is timed, at most `most` times between two calls of `renew`, which is not timed."""

    call: Any
    renew: Callable[[], object] | None = None
    most: int = 0


class Case(NamedTuple):
    key: str
    title: str
    against: str
    baseline: Callable[[], Any]  # makes a callable, or a coroutine function where `asynchronous`
    subject: Callable[[], Any]  # makes a callable, a Contestant, or a coroutine that returns one of these
    ends: str = RETURNS
    asynchronous: bool = False
    peers: str = ""  # the adapter of the peers (see `benchmarks.peers`)
    guarded: Any = fetch  # what the peers guard


def burst() -> Contestant:
    """The four in a burst of failing calls.

    The breaker has its default options and a full window of successes at the start of every burst. The burst ends
    before half of the window has failed, which would open it.
    """
    policy = stacks.four_without_answer()
    failing = policy(fail)
    healthy = policy(fetch)
    handle = policy[CircuitBreaker]

    def renew() -> None:
        handle.auto()
        for _ in range(100):
            healthy(KEY)

    return Contestant(failing, renew, most=16)


NO_TIME = 1e-9  # seconds for which something is kept that is never found again

WRAPPER = "bare `*a, **k` wrapper"
AWRAPPER = "bare async wrapper"
RAISE = "bare `raise`"
LOOP = "hand-written loop"


def _wrapper() -> Any:
    return baselines.wrapped(fetch)


def _awrapper() -> Any:
    return baselines.awrapped(afetch)


CASES = (
    Case("sync-four", "sync: Fallback, Retry with budget, CircuitBreaker(100), Bulkhead", WRAPPER, _wrapper,
         lambda: stacks.four()(fetch), peers="four"),
    Case("sync-five", "sync: the four and a total Timeout", WRAPPER, _wrapper, lambda: stacks.five()(fetch)),
    Case("sync-six", "sync: the four, total and attempt Timeout", WRAPPER, _wrapper, lambda: stacks.six()(fetch)),
    Case("sync-call", "sync: the four by `policy.call(f, …)`", WRAPPER, _wrapper,
         lambda: _through_call(stacks.four())),
    Case("sync-keyed", "sync: the four by `keyed.call(f, …)`", WRAPPER, _wrapper,
         lambda: _through_call(stacks.four().keyed(lambda key: key))),
    Case("sync-stepwise", "sync: the four step by step, as without a GIL", WRAPPER, _wrapper,
         lambda: stacks.four_stepwise()(fetch)),
    Case("sync-cache", "sync: a fresh value of a Cache around the four", WRAPPER, _wrapper,
         lambda: stacks.cached()(fetch)),
    Case("sync-cache-inside", "sync: a fresh value of a Cache inside the four but the Fallback", WRAPPER, _wrapper,
         lambda: stacks.cached_inside()(fetch)),
    Case("sync-cache-miss", "sync: the same, fetched and kept", WRAPPER, _wrapper,
         lambda: stacks.cached_inside(NO_TIME)(fetch)),
    Case("sync-replay", "sync: a result that an Idempotency around them knows", WRAPPER, _wrapper,
         lambda: stacks.idempotent()(fetch)),
    Case("sync-first", "sync: a result that it does not know", WRAPPER, _wrapper,
         lambda: stacks.idempotent(NO_TIME)(fetch)),
    Case("sync-inject", "sync: the four around an Inject that is on, with probability 0", WRAPPER, _wrapper,
         lambda: stacks.injecting()(fetch)),
    Case("one-breaker", "sync: one CircuitBreaker", WRAPPER, _wrapper, lambda: stacks.breaker()(fetch),
         peers="breaker"),
    Case("gate-bulkhead", "sync: one Bulkhead", WRAPPER, _wrapper, lambda: gates.bulkhead()(fetch)),
    Case("gate-shedding", "sync: one Bulkhead with `shed`", WRAPPER, _wrapper, lambda: gates.shedding()(fetch)),
    Case("gate-rate-limit", "sync: one RateLimit, token bucket", WRAPPER, _wrapper,
         lambda: gates.rate_limit()(fetch)),
    Case("gate-rate-window", "sync: one RateLimit, sliding window", WRAPPER, _wrapper,
         lambda: gates.rate_window()(fetch)),
    Case("gate-concurrency-limit", "sync: one ConcurrencyLimit", WRAPPER, _wrapper,
         lambda: gates.concurrency_limit()(fetch)),
    Case("gate-throttle", "sync: one Throttle", WRAPPER, _wrapper, lambda: gates.throttle()(fetch)),
    Case("async-five", "async: the four and an attempt Timeout", AWRAPPER, _awrapper,
         lambda: stacks.five_by_attempt()(afetch), asynchronous=True, peers="five", guarded=afetch),
    Case("async-six", "async: the four, total and attempt Timeout", AWRAPPER, _awrapper,
         lambda: stacks.six()(afetch), asynchronous=True),
    Case("async-suspends", "async five over a call that suspends once", AWRAPPER,
         lambda: baselines.awrapped(asuspend), lambda: stacks.five_by_attempt()(asuspend),
         asynchronous=True, peers="five", guarded=asuspend),
    Case("refused-alone", "refusal: an open breaker alone", RAISE, lambda: fail, stacks.refused_alone,
         ends=REFUSED, peers="refusing", guarded=fail),
    Case("refused-middle", "refusal: in the middle (Bulkhead, Retry, breaker, Bulkhead)", RAISE, lambda: fail,
         stacks.refused_middle, ends=REFUSED),
    Case("refused-timeouts", "refusal: below Timeouts (total, Retry, breaker, Bulkhead, attempt)", RAISE,
         lambda: fail, stacks.refused_under_timeouts, ends=REFUSED),
    Case("refused-fallback", "refusal: below a Fallback for something else", RAISE, lambda: fail,
         stacks.refused_under_fallback, ends=REFUSED),
    Case("refused-answered", "refusal: answered by a Fallback", RAISE, lambda: fail, stacks.refused_and_answered),
    Case("refused-async", "refusal: async, below Timeouts", RAISE, lambda: baselines.afail, stacks.refused_async,
         ends=REFUSED, asynchronous=True),
    Case("refused-bulkhead", "refusal: a Bulkhead", RAISE, lambda: fail, gates.refused_by_bulkhead, ends=REFUSED),
    Case("refused-shedding", "refusal: a Bulkhead with `shed`", RAISE,
         lambda: fail, gates.refused_by_shedding, ends=REFUSED),
    Case("refused-rate-limit", "refusal: a RateLimit", RAISE,
         lambda: fail, gates.refused_by_rate_limit, ends=REFUSED),
    Case("refused-concurrency-limit", "refusal: a ConcurrencyLimit", RAISE,
         lambda: fail, gates.refused_by_concurrency_limit, ends=REFUSED),
    Case("refused-throttle", "refusal: a Throttle", RAISE, lambda: fail, gates.refused_by_throttle, ends=REFUSED),
    Case("three-retry", "three failing attempts: Retry alone", LOOP, lambda: baselines.three_attempts(fail),
         lambda: stacks.retrying()(fail), ends=FAILS, peers="retry", guarded=fail),
    Case("three-four", "three failing attempts: the four", LOOP, lambda: baselines.three_attempts(fail), burst,
         ends=FAILS, peers="failing", guarded=fail),
    Case("five-percent", "the four, every 20th attempt fails", "the same, none fails",
         lambda: stacks.four()(sometimes(20, 0)), lambda: stacks.four()(sometimes(20, 1))),
)  # fmt: skip


def _through_call(policy: Any) -> Any:
    call = policy.call
    return lambda key: call(fetch, key)
