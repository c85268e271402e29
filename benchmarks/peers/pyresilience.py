"""pyresilience."""

from __future__ import annotations

from typing import Any

from pyresilience import (
    BulkheadConfig,
    CircuitBreakerConfig,
    FallbackConfig,
    RetryConfig,
    TimeoutConfig,
    resilient,
)

from benchmarks.baselines import Unavailable
from benchmarks.peers import LONG, NEVER_OPENS

TITLE = "pyresilience"
PACKAGES = ("pyresilience",)
IMPORTS = ("pyresilience",)


def _retry() -> Any:
    return RetryConfig(max_attempts=3, delay=0.0, jitter=False, retry_on=(Unavailable,))


def four(function: Any) -> Any:
    return resilient(
        fallback=FallbackConfig(),
        retry=_retry(),
        circuit_breaker=CircuitBreakerConfig(sliding_window_size=100),
        bulkhead=BulkheadConfig(max_concurrent=50),
    )(function)


def breaker(function: Any) -> Any:
    return resilient(circuit_breaker=CircuitBreakerConfig(sliding_window_size=100))(function)


def five(function: Any) -> Any:
    return resilient(
        fallback=FallbackConfig(),
        retry=_retry(),
        circuit_breaker=CircuitBreakerConfig(sliding_window_size=100),
        bulkhead=BulkheadConfig(max_concurrent=50),
        timeout=TimeoutConfig(seconds=1.0, per_attempt=True),
    )(function)


def refusing(function: Any) -> Any:
    return resilient(circuit_breaker=CircuitBreakerConfig(recovery_timeout=LONG))(function)


def retry(function: Any) -> Any:
    return resilient(retry=_retry())(function)


def failing(function: Any) -> Any:
    return resilient(
        retry=_retry(),
        circuit_breaker=CircuitBreakerConfig(failure_threshold=NEVER_OPENS),
        bulkhead=BulkheadConfig(max_concurrent=50),
    )(function)
