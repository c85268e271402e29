"""interlock-cb."""

from __future__ import annotations

from typing import Any

from interlock import CircuitBreaker, Config
from interlock.pipeline import Pipeline
from tenacity import retry_if_exception_type, wait_none

from benchmarks.baselines import Unavailable
from benchmarks.peers import LONG

TITLE = "interlock-cb"
PACKAGES = ("interlock-cb", "tenacity")
IMPORTS = ("interlock",)


def _nothing(error: BaseException) -> None:
    return None


def _breaker(**options: Any) -> Any:
    return CircuitBreaker(name="benchmark", config=Config(**options))


def _builder() -> Any:
    return Pipeline.builder()


def _no_pause(seconds: float) -> None:
    pass


def _retrying(builder: Any) -> Any:
    unavailable = retry_if_exception_type(Unavailable)
    return builder.retry(attempts=3, retry=unavailable, wait=wait_none(), sleep=_no_pause)


def four(function: Any) -> Any:
    return _retrying(_builder().fallback(_nothing)).circuit_breaker(_breaker()).bulkhead(50).build()(function)


def breaker(function: Any) -> Any:
    return _breaker()(function)


def five(function: Any) -> Any:
    pipeline = _retrying(_builder().fallback(_nothing)).circuit_breaker(_breaker()).bulkhead(50).timeout(1.0)
    return pipeline.build()(function)


def refusing(function: Any) -> Any:
    return _breaker(wait_duration_in_open=LONG)(function)


def retry(function: Any) -> Any:
    return _retrying(_builder()).build()(function)


def failing(function: Any) -> Any:
    never_opens = _breaker(minimum_number_of_calls=10_000, window_size=100)
    return _retrying(_builder()).circuit_breaker(never_opens).bulkhead(50).build()(function)


def state(number: int) -> Any:
    return CircuitBreaker(name=str(number))
