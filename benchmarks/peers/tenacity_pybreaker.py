"""tenacity + pybreaker."""

from __future__ import annotations

from typing import Any

import pybreaker
import tenacity

from benchmarks.baselines import Unavailable
from benchmarks.peers import LONG, NEVER_OPENS

TITLE = "tenacity + pybreaker"
PACKAGES = ("tenacity", "pybreaker")
IMPORTS = ("tenacity", "pybreaker")
PARTS = {"four": "fallback, retry, breaker", "failing": "retry, breaker", "five": "fallback, retry"}


def _nothing(state: Any) -> None:
    return None


def _retry(**options: Any) -> Any:
    return tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_none(),
        retry=tenacity.retry_if_exception_type(Unavailable),
        **options,
    )


def four(function: Any) -> Any:
    return _retry(retry_error_callback=_nothing)(pybreaker.CircuitBreaker()(function))


def breaker(function: Any) -> Any:
    return pybreaker.CircuitBreaker()(function)


def five(function: Any) -> Any:
    return _retry(retry_error_callback=_nothing)(function)


def refusing(function: Any) -> Any:
    return pybreaker.CircuitBreaker(reset_timeout=LONG)(function)


def retry(function: Any) -> Any:
    return _retry(reraise=True)(function)


def failing(function: Any) -> Any:
    return _retry(reraise=True)(pybreaker.CircuitBreaker(fail_max=NEVER_OPENS)(function))


def state(number: int) -> Any:
    return pybreaker.CircuitBreaker(name=str(number))
