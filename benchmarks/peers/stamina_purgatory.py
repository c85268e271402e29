"""stamina + purgatory."""

from __future__ import annotations

from typing import Any

import purgatory
import stamina

from benchmarks.baselines import Unavailable
from benchmarks.peers import LONG, NEVER_OPENS

TITLE = "stamina + purgatory"
PACKAGES = ("stamina", "purgatory")
IMPORTS = ("stamina", "purgatory")
PARTS = {"four": "retry, breaker", "five": "retry, breaker", "failing": "retry, breaker"}


def _retry() -> Any:
    return stamina.retry(on=Unavailable, attempts=3, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)


def four(function: Any) -> Any:
    return _retry()(breaker(function))


def breaker(function: Any) -> Any:
    return purgatory.SyncCircuitBreakerFactory()("benchmark")(function)


def five(function: Any) -> Any:
    return _retry()(purgatory.AsyncCircuitBreakerFactory()("benchmark")(function))


def refusing(function: Any) -> Any:
    return purgatory.SyncCircuitBreakerFactory(default_ttl=LONG)("benchmark")(function)


def retry(function: Any) -> Any:
    #  its default hook logs every retry; the others here log nothing
    stamina.instrumentation.set_on_retry_hooks([])
    return _retry()(function)


def failing(function: Any) -> Any:
    stamina.instrumentation.set_on_retry_hooks([])
    return _retry()(purgatory.SyncCircuitBreakerFactory()("benchmark", threshold=NEVER_OPENS)(function))


_factory = purgatory.SyncCircuitBreakerFactory()


def state(number: int) -> Any:
    return _factory.get_breaker(str(number))
