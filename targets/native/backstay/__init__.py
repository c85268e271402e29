"""Backstay: one reliability policy, written once, enforced with the same decisions wherever code runs."""

from __future__ import annotations

from backstay.ambient import deadline, remaining
from backstay.callers import calling
from backstay.errors import (
    BulkheadFull,
    CircuitOpen,
    ConcurrencyLimited,
    ConfigurationError,
    DeadlineExceeded,
    Injected,
    KeyConflict,
    KeyInUse,
    RateLimited,
    Rejected,
    SnapshotError,
    Throttled,
    TimedOut,
    UnifiedError,
)
from backstay.policy import Policy, shared
from backstay.strategies import (
    Budget,
    Bulkhead,
    Cache,
    CircuitBreaker,
    ConcurrencyLimit,
    Fallback,
    Hedge,
    Idempotency,
    Inject,
    RateLimit,
    Retry,
    Throttle,
    Timeout,
)
from backstay_core import __version__
from backstay_core.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.configuration import Configuration, load
    from backstay.lookup_keys import idempotency_key

__all__ = [
    "Budget",
    "Bulkhead",
    "BulkheadFull",
    "Cache",
    "CircuitBreaker",
    "CircuitOpen",
    "ConcurrencyLimit",
    "ConcurrencyLimited",
    "Configuration",
    "ConfigurationError",
    "DeadlineExceeded",
    "Failure",
    "Fallback",
    "Hedge",
    "Idempotency",
    "Inject",
    "Injected",
    "KeyConflict",
    "KeyInUse",
    "Policy",
    "RateLimit",
    "RateLimited",
    "Rejected",
    "Retry",
    "SnapshotError",
    "Throttle",
    "Throttled",
    "TimedOut",
    "Timeout",
    "UnifiedError",
    "__version__",
    "calling",
    "deadline",
    "idempotency_key",
    "load",
    "remaining",
    "shared",
]

#  loaded when they are asked for: most programs that start fast never do
_LATER = {
    "Configuration": "backstay.configuration",
    "idempotency_key": "backstay.lookup_keys",
    "load": "backstay.configuration",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
