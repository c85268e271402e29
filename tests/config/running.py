"""Documents to reload, and functions that fail under them."""

from typing import Any

import pytest

from backstay import Policy

TIMEOUT = {"kind": "timeout", "seconds": 5.0}
RETRY = {"kind": "retry", "attempts": 3, "base": 0, "on": "transport_errors"}
BREAKER = {"kind": "circuit_breaker", "window_calls": 2, "minimum_calls": 2}
CALM = {"kind": "circuit_breaker"}
BULKHEAD = {"kind": "bulkhead", "limit": 2}
FALLBACK = {"kind": "fallback", "value": "substitute"}
BUDGET = {"ratio": 0, "per_second": 0, "burst": 5}


def document(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"policies": {"p": {"strategies": list(rows)}}, **more}


def failing(policy: Policy, error: type[Exception] = ConnectionError) -> tuple[Any, list[int]]:
    calls: list[int] = []

    @policy
    def fails() -> None:
        calls.append(1)
        raise error("again")

    return fails, calls


def attempts_of(function: Any, calls: list[int], error: Any = ConnectionError) -> int:
    calls.clear()
    with pytest.raises(error):
        function()
    return len(calls)
