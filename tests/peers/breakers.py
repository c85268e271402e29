"""The same circuit breaker by Backstay and by other libraries, on a clock that a test moves.

Each opens after three failures in a row, refuses for 30 seconds, lets one probe through and closes when it passes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from importlib import import_module
from inspect import iscoroutinefunction
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from backstay import CircuitBreaker, Policy
from backstay.drivers.ports import Ports
from backstay_core.clock import SECOND

FAILURES = 3
PAUSE = 30.0


class Boom(Exception):
    """What the dependency raises."""


class Clock:
    """Seconds; time passes when a test says so, or who sleeps. It can stand for the module `time` in a library."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    monotonic = time = __call__

    def monotonic_ns(self) -> int:
        return round(self.now * SECOND)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def datetime(self) -> Any:
        """A class that can stand for `datetime.datetime`."""
        clock = self

        class Moved(datetime):
            @classmethod
            def utcnow(cls) -> Any:
                return datetime.fromtimestamp(clock.now, UTC).replace(tzinfo=None)

            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return datetime.fromtimestamp(clock.now, tz)

        return Moved


class Breaker(NamedTuple):
    """`guard` decorates a function or a coroutine function; `reset` is an operator's order to close."""

    guard: Callable[[Any], Any]
    reset: Callable[[], object] | None = None


Make = Callable[[Clock, pytest.MonkeyPatch], Breaker]


def backstay(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    policy = Policy("backstay", CircuitBreaker.consecutive(FAILURES, open_for=PAUSE, open_jitter=0, on=Boom))
    policy.ports = Ports(clock=lambda: round(clock.now * SECOND))
    return Breaker(policy, policy[CircuitBreaker].auto)


def aiobreaker(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("aiobreaker")
    for module in ("aiobreaker.state", "aiobreaker.circuitbreaker"):
        patch.setattr(import_module(module), "datetime", clock.datetime())
    return Breaker(library.CircuitBreaker(fail_max=FAILURES, timeout_duration=timedelta(seconds=PAUSE)))


def circuitbreaker(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("circuitbreaker")
    patch.setattr(library, "monotonic", clock)
    return Breaker(library.CircuitBreaker(failure_threshold=FAILURES, recovery_timeout=PAUSE, expected_exception=Boom))


def hyx(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("hyx.circuitbreaker")
    patch.setattr(import_module("hyx.circuitbreaker.states"), "datetime", clock.datetime())
    return Breaker(
        library.consecutive_breaker(
            exceptions=Boom, failure_threshold=FAILURES, recovery_time_secs=PAUSE, recovery_threshold=1
        )
    )


def interlock(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("interlock")
    config = library.Config(
        minimum_number_of_calls=FAILURES, wait_duration_in_open=PAUSE, permitted_calls_in_half_open=1
    )  # fmt: skip
    breaker = library.CircuitBreaker(name="interlock", clock=clock, config=config)
    return Breaker(breaker, breaker.reset)


def nopanic(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("nopanic")
    breaker = library.circuit_breaker(min_calls=FAILURES, reset_timeout=PAUSE, clock=clock)
    return Breaker(breaker, breaker.reset)


def purgatory(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("purgatory")
    patch.setattr(import_module("purgatory.domain.model"), "time", SimpleNamespace(time=clock))
    return Breaker(library.AsyncCircuitBreakerFactory()("purgatory", threshold=FAILURES, ttl=PAUSE))


def pybreaker(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("pybreaker")
    patch.setattr(library, "datetime", clock.datetime())
    return Breaker(library.CircuitBreaker(fail_max=FAILURES, reset_timeout=PAUSE))


def pyresilience(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("pyresilience")
    patch.setattr(import_module("pyresilience._circuit_breaker"), "_monotonic", clock)
    config = library.CircuitBreakerConfig(failure_threshold=FAILURES, recovery_timeout=PAUSE, success_threshold=1)
    return Breaker(library.resilient(circuit_breaker=config))


def redress(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("redress")
    breaker = library.CircuitBreaker(
        failure_threshold=FAILURES, recovery_timeout_s=PAUSE, trip_on=set(library.ErrorClass), clock=clock
    )
    one, other = library.Policy(circuit_breaker=breaker), library.AsyncPolicy(circuit_breaker=breaker)

    def guard(function: Any) -> Any:
        call = (other if iscoroutinefunction(function) else one).call
        return wraps(function)(lambda: call(function))

    return Breaker(guard)


def resilix(clock: Clock, patch: pytest.MonkeyPatch) -> Breaker:
    library = import_module("resilix")
    patch.setattr(import_module("resilix.dsl.circuit"), "time", clock)
    return Breaker(library.protect.circuit(failures=FAILURES, reset_timeout=PAUSE, on=Boom))
