"""Backstay: one reliability policy, written once, enforced with the same decisions wherever code runs."""

from backstay.deadline import remaining
from backstay.errors import (
    BulkheadFull,
    CircuitOpen,
    ConfigurationError,
    DeadlineExceeded,
    Rejected,
    SnapshotError,
    TimedOut,
    UnifiedError,
)
from backstay.policy import Policy, shared
from backstay.strategies import Budget, Bulkhead, CircuitBreaker, Fallback, Retry, Timeout
from backstay_core import __version__
from backstay_core.failure import Failure

__all__ = [
    "Budget",
    "Bulkhead",
    "BulkheadFull",
    "CircuitBreaker",
    "CircuitOpen",
    "ConfigurationError",
    "DeadlineExceeded",
    "Failure",
    "Fallback",
    "Policy",
    "Rejected",
    "Retry",
    "SnapshotError",
    "TimedOut",
    "Timeout",
    "UnifiedError",
    "__version__",
    "remaining",
    "shared",
]
