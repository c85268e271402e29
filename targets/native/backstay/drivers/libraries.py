"""Which async library runs here. Neither asyncio nor trio is imported to find out."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, Protocol

    from backstay.policy import Policy

    class Bell(Protocol):
        """Lets a task wait until it is rung, from any thread, or until `ns` have passed."""

        def ring(self) -> None: ...
        async def wait(self, ns: int) -> None: ...

    class Backend(Protocol):
        """What a call in a task needs of the library that runs it."""

        def bell(self) -> Bell: ...
        async def sleep(self, ns: int) -> None: ...
        def background(self, call: Any, context: Any) -> None:
            """Run ``call()`` in a task of its own, in this context. It raises nothing."""
            ...

        def crew(self, operation: Any, ended: Any) -> Any:
            """Operations in tasks of their own; an async context manager with `start`, `stop` and `patient`."""
            ...

        def alarm(self, ns: int) -> Any:
            """Cancel what the current task does when `ns` have passed; None where nothing can be cancelled."""

        def stop(self, alarm: Any, error: BaseException | None) -> tuple[bool, BaseException | None]:
            """Disarm. Is `error` the cancellation that `alarm` caused? And what is left of it if not."""
            ...


def in_trio() -> bool:
    """Is this a trio task?"""
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except (AttributeError, RuntimeError):  # half imported; not in a task
        return False
    return True


def backend() -> Backend:
    """The library of the task that asks."""
    if in_trio():
        from backstay.drivers import trio_

        return trio_.Trio()
    from backstay.drivers import aio

    return aio.Asyncio()


def driver(policy: Policy) -> Callable[..., Coroutine[Any, Any, Any]]:
    """What carries out a coroutine function step by step in the task that asks."""
    if policy.races:
        from backstay.drivers import racing_tasks

        return racing_tasks.run
    if in_trio():
        from backstay.drivers import tasks

        return tasks.run
    from backstay.drivers import aio

    return aio.run
