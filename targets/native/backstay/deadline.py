"""The ambient deadline: how much time the caller of the caller has left.

A policy with a `Timeout` publishes its deadline to what runs inside it, so that nested policies do not begin what
nobody will wait for.
"""

from __future__ import annotations

from contextvars import ContextVar
from time import monotonic_ns

from backstay_core.clock import SECOND
from backstay_core.failure import NEVER

AMBIENT: ContextVar[int] = ContextVar("backstay_deadline", default=NEVER)


def remaining() -> float | None:
    """Seconds until the tightest Timeout around this code runs out (never negative); None without one."""
    deadline = AMBIENT.get()
    return None if deadline >= NEVER else max(0, deadline - monotonic_ns()) / SECOND
