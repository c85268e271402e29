"""circuitbreaker."""

from __future__ import annotations

from typing import Any

from circuitbreaker import CircuitBreaker

from benchmarks.peers import LONG

TITLE = "circuitbreaker"
PACKAGES = ("circuitbreaker",)
IMPORTS = ("circuitbreaker",)


def breaker(function: Any) -> Any:
    return CircuitBreaker()(function)


def refusing(function: Any) -> Any:
    return CircuitBreaker(recovery_timeout=LONG)(function)


def state(number: int) -> Any:
    return CircuitBreaker(name=str(number))
