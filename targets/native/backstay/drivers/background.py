"""Calls in the background, by which a Cache fetches a new value while it gives the old one (KE2 in `backstay.keeping`).

Whatever comes of such a call is its own affair.
"""

from __future__ import annotations

from backstay.drivers.interpreted import thread_driver
from backstay.drivers.libraries import backend, driver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context
    from typing import Any

    from backstay.policy import Policy


def in_thread(
    context: Context, policy: Policy, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """In a thread of the policy's own. False if none is free."""

    def call() -> None:
        try:
            thread_driver(policy)(policy, function, args, kwargs)
        except Exception:
            return

    return policy.threads.start(lambda: context.run(call))


def in_task(
    context: Context, policy: Policy, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """In a task of its own, of the library that runs the task that asks."""

    async def call() -> None:
        try:
            await driver(policy)(policy, function, args, kwargs)
        except Exception:
            return

    backend().background(call, context)
    return True
