"""nopanic."""

from __future__ import annotations

from typing import Any

import nopanic

from benchmarks.baselines import Unavailable
from benchmarks.peers import LONG, NEVER_OPENS

TITLE = "nopanic"
PACKAGES = ("nopanic",)
IMPORTS = ("nopanic",)


def four(function: Any) -> Any:
    return nopanic.compose(
        nopanic.fallback(None),
        nopanic.retry(attempts=3, on=Unavailable, backoff=0.0),
        nopanic.circuit_breaker(),
        nopanic.bulkhead(50),
    )(function)


def breaker(function: Any) -> Any:
    return nopanic.circuit_breaker()(function)


def five(function: Any) -> Any:
    return nopanic.compose(
        nopanic.fallback(None),
        nopanic.retry(attempts=3, on=Unavailable, backoff=0.0),
        nopanic.circuit_breaker(),
        nopanic.bulkhead(50),
        nopanic.timeout(1.0),
    )(function)


def refusing(function: Any) -> Any:
    return nopanic.circuit_breaker(reset_timeout=LONG)(function)


def retry(function: Any) -> Any:
    return nopanic.retry(attempts=3, on=Unavailable, backoff=0.0)(function)


def failing(function: Any) -> Any:
    return nopanic.compose(
        nopanic.retry(attempts=3, on=Unavailable, backoff=0.0),
        nopanic.circuit_breaker(min_calls=NEVER_OPENS),
        nopanic.bulkhead(50),
    )(function)


def state(number: int) -> Any:
    return nopanic.circuit_breaker(name=str(number))
