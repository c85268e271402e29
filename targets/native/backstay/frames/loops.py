"""What generated code awaits when it leaves the healthy path."""

from __future__ import annotations

from backstay.drivers.aio import Alarm
from backstay.drivers.libraries import backend
from backstay.frames.judging import PolicyBug
from backstay.frames.runtime import refusal
from backstay_core.failure import NEVER, ConfigurationError
from backstay_core.strategies.contract import GRANTED, REFUSED
from backstay_core.strategies.priority import ANYBODY

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from backstay.drivers.ports import Ports
    from backstay_core.strategies.contract import Permit
    from backstay_core.strategies.priority import Caller
    from backstay_core.strategies.queue import Queue


async def wait_in_loop(gate: Queue, where: str, ports: Ports, deadline: int, caller: Caller = ANYBODY) -> Permit:
    """Wait at a gate, at most until the caller's `deadline`. Raises what its refusal is; a Timeout of the policy that
    runs out meanwhile cancels the wait."""
    clock = ports.clock
    bell = backend().bell()
    answer: Any = gate.admit(clock(), bell.ring, caller)
    try:
        while answer.decision != GRANTED:
            if answer.decision == REFUSED:
                raise refusal(answer, where)
            answer.within(deadline)  # BH4
            await bell.wait(ports.in_loop(NEVER if answer.until >= NEVER else answer.until - clock()))
            answer = gate.poll(answer, clock())
    except BaseException:
        if answer.decision != REFUSED:
            gate.abandon(answer, clock())
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
