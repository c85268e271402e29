"""What generated code awaits when it leaves the healthy path."""

from __future__ import annotations

from backstay.drivers.aio import Alarm
from backstay.drivers.libraries import backend
from backstay.frames.judging import PolicyBug
from backstay.frames.runtime import refusal
from backstay_core.failure import NEVER, ConfigurationError
from backstay_core.strategies.contract import GRANTED, REFUSED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from backstay.drivers.ports import Ports
    from backstay_core.strategies.bulkhead import Places
    from backstay_core.strategies.contract import Permit


async def wait_in_loop(places: Places, where: str, ports: Ports, deadline: int) -> Permit:
    """Wait for a place, at most until the caller's `deadline`. Raises `BulkheadFull`; a Timeout of the policy that runs
    out meanwhile cancels the wait."""
    clock = ports.clock
    bell = backend().bell()
    answer: Any = places.admit(clock(), bell.ring)
    try:
        while answer.decision != GRANTED:
            if answer.decision == REFUSED:
                raise refusal(answer, where)
            answer.until = min(answer.until, deadline)  # BH4
            await bell.wait(ports.in_loop(NEVER if answer.until >= NEVER else answer.until - clock()))
            answer = places.poll(answer, clock())
    except BaseException:
        if answer.decision != REFUSED:
            places.abandon(answer, clock())
        raise
    permit: Permit = answer
    return permit


async def sleep_in_loop(ports: Ports, ns: int) -> None:
    await backend().sleep(ports.in_loop(ns))


async def overdue(value: Any, task: asyncio.Task[Any]) -> Any:
    """A substitute that is awaited inside a Timeout that has run out: the call did not end when it was cancelled, so
    its first pause is cancelled again (FB5)."""
    alarm = Alarm(task.get_loop(), task, 0)
    try:
        return await value
    finally:
        alarm.stop(None)


async def awaited(value: Any, where: str) -> Any:
    """The result of what `acall` was given, which must be awaitable."""
    if not hasattr(value, "__await__"):  # a mistake: no strategy is asked about it
        raise PolicyBug(ConfigurationError(f"{where}: acall() of a function that is not async; use call()"))
    return await value
