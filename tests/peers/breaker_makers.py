"""Breakers of other libraries, with the options that a row is about; `blocking` where they take only coroutines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.peers import breakers
from tests.peers.breakers import FAILURES, PAUSE
from tests.peers.claims import Adapter, Lab, bare, blocking


def shared(name: str, wrap: Any = bare) -> Adapter:
    """The breaker of `tests/peers/breakers.py`."""
    return lambda lab: wrap(getattr(breakers, name)(lab.clock, lab.patch).guard)


def pyresilience(lab: Lab, **options: Any) -> Any:
    library = lab.library("pyresilience", pyresilience___circuit_breaker="_monotonic", pyresilience___executor="time")
    options = {"success_threshold": 1, "recovery_timeout": PAUSE, **options}
    return library.resilient(circuit_breaker=library.CircuitBreakerConfig(**options))


def interlock(lab: Lab, *, classifier: Any = None, unreachable: Any = (), **options: Any) -> Any:
    library = lab.library("interlock")
    options = {"wait_duration_in_open": PAUSE, "permitted_calls_in_half_open": 1, **options}
    if options.pop("seconds", False):
        options["window_type"] = library.WindowType.TIME_BASED
    config = library.Config(**options)
    return library.CircuitBreaker(
        name="b", clock=lab.clock, config=config, classifier=classifier, unreachable_exceptions=unreachable
    )


def nopanic(lab: Lab, **options: Any) -> Any:
    return lab.library("nopanic").circuit_breaker(**{"reset_timeout": PAUSE, "clock": lab.clock, **options})


def resilix(lab: Lab, **options: Any) -> Any:
    library = lab.library("resilix", resilix__dsl__circuit="time")
    return library.protect.circuit(**{"failures": FAILURES, "reset_timeout": PAUSE, **options})


def circuitbreaker(lab: Lab) -> Any:
    library = lab.library("circuitbreaker")
    lab.patch.setattr(library, "monotonic", lab.clock)
    return library.CircuitBreaker(failure_threshold=FAILURES, recovery_timeout=PAUSE)


def redress(lab: Lab, **options: Any) -> Any:
    library = lab.library("redress")
    breaker = library.CircuitBreaker(
        failure_threshold=FAILURES, trip_on=set(library.ErrorClass), clock=lab.clock, **options
    )
    return lambda function: lambda: library.Policy(circuit_breaker=breaker).call(function)


def hyx(lab: Lab, **options: Any) -> Any:
    library = lab.library("hyx.circuitbreaker")
    lab.patch.setattr("hyx.circuitbreaker.states.datetime", lab.clock.datetime())
    return blocking(library.consecutive_breaker(failure_threshold=FAILURES, recovery_time_secs=PAUSE, **options))


def pybreaker(lab: Lab, **options: Any) -> Any:
    library = lab.library("pybreaker")
    lab.patch.setattr("pybreaker.datetime", lab.clock.datetime())
    return library.CircuitBreaker(fail_max=FAILURES, reset_timeout=PAUSE, **options)


def aiobreaker(lab: Lab) -> Any:
    library = lab.library("aiobreaker")
    for module in ("state", "circuitbreaker"):
        lab.patch.setattr(f"aiobreaker.{module}.datetime", lab.clock.datetime())
    return library.CircuitBreaker(fail_max=FAILURES)


# … operated by hand


def hand(guard: Any, opened: Any, closed: Any) -> SimpleNamespace:
    """`opened` and `closed` take the guarded function: one library keeps the breaker there."""
    return SimpleNamespace(guard=guard, open=opened, close=closed)


def with_methods(breaker: Any, opened: str, closed: str) -> SimpleNamespace:
    return hand(breaker, lambda _: getattr(breaker, opened)(), lambda _: getattr(breaker, closed)())


def pyresilience_by_hand(lab: Lab) -> Any:
    return hand(
        pyresilience(lab),
        lambda guarded: guarded._executor._circuit_breaker.force_open(),
        lambda guarded: guarded._executor._circuit_breaker.force_close(),
    )


def interlock_shadow(lab: Lab) -> Any:
    breaker = interlock(lab)
    breaker.metrics_only()
    return breaker, lambda: breaker.snapshot().failed_calls
