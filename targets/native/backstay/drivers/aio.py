"""The driver for coroutine functions under asyncio: one task, operations awaited in it, timers of its loop."""

from __future__ import annotations

import asyncio
from _thread import get_ident

from backstay.ambient import AMBIENT, current_deadline, unpublish
from backstay.classification import classify
from backstay.drivers.operation import asubstitute_for
from backstay.errors import Missing, error_of
from backstay.frames.judging import PolicyBug
from backstay_core.clock import SECOND
from backstay_core.execution import (
    ABORT,
    ATTEMPT,
    COMPLETE,
    ERROR,
    OK,
    QUEUED,
    START,
    SUBSTITUTE,
    WAIT,
    WAKE,
)
from backstay_core.failure import NEVER, ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context
    from typing import Any

    from backstay.policy import Policy


class Bell:
    """Lets a task wait until it is rung, from any thread, or until a time has come."""

    __slots__ = ("_future", "_loop", "_rung", "_thread")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = get_ident()
        self._rung = False
        self._future: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Raises RuntimeError if the loop is closed: nobody waits any more."""
        if get_ident() == self._thread and not self._loop.is_closed():
            self._wake()
        else:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._rung = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def _time_is_over(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    async def wait(self, ns: int) -> None:
        if not self._rung:
            self._future = self._loop.create_future()
            timer = None if ns >= NEVER // 2 else self._loop.call_later(max(0, ns) / SECOND, self._time_is_over)
            try:
                await self._future
            finally:
                self._future = None
                if timer is not None:
                    timer.cancel()
        self._rung = False


class Alarm:
    """Cancels the current task when `ns` have passed, and tells this cancellation from others.

    What counts is how many cancellations were pending at *entry*: one that comes from outside in the same instant is
    not ours to swallow.
    """

    __slots__ = ("_before", "_rang", "_task", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], ns: int) -> None:
        self._task = task
        self._before = task.cancelling()
        self._rang = False
        self._timer = loop.call_later(max(0, ns) / SECOND, self._ring)

    def _ring(self) -> None:
        self._rang = True
        self._task.cancel()

    def stop(self, error: BaseException | None) -> bool:
        """Disarm. Is `error` the cancellation that this alarm caused?"""
        self._timer.cancel()
        if not self._rang:
            return False
        return self._task.uncancel() <= self._before and isinstance(error, asyncio.CancelledError)


async def run(policy: Policy, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Await ``function(*args, **kwargs)`` under `policy`."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    policy.ports.check_loop()
    clock = policy.ports.clock
    bell = Bell(loop)
    execution = policy.EXECUTION(policy, bell.ring, current_deadline())
    event: tuple[Any, ...] = (START,)
    outcome: Any = None  # of the latest operation: its value or its exception
    made: Any = None
    awaitable = True
    actions: Any = None
    action: Any = None
    until = NEVER
    now = clock()
    keeping = None
    if policy.looks:
        from backstay.keeping import Keeping

        keeping = Keeping(policy, function, args, kwargs)
    try:
        while True:
            actions = execution.step(event, now)
            action = actions[-1] if actions else (WAIT, until)  # what a CANCEL names is over already
            what = action[0]
            if what in (ATTEMPT, SUBSTITUTE):
                deadline = action[2]
                alarm = Alarm(loop, task, deadline - clock()) if deadline < execution.deadlines[0] and task else None
                published = AMBIENT.set(deadline)
                try:
                    if what == ATTEMPT:
                        if keeping is not None:
                            keeping.attempted(action[1])
                        made = function(*args, **kwargs)
                        awaitable = hasattr(made, "__await__")
                        outcome = await made if awaitable else made
                    elif keeping is None:
                        outcome = await asubstitute_for(execution, action, args, kwargs)
                    else:
                        outcome = await keeping.amake(execution, action)
                except BaseException as error:
                    if alarm is not None and alarm.stop(error):
                        event = (WAKE,)
                        now = max(clock(), deadline)
                    elif isinstance(error, PolicyBug):
                        raise error.error from None
                    elif isinstance(error, Exception):
                        if keeping is None or not isinstance(error, Missing):  # then what came before counts
                            outcome = error
                        event = (ERROR, action[1], classify(error))
                        now = clock()
                    else:
                        raise
                else:
                    if alarm is not None:
                        alarm.stop(None)
                    if not awaitable:  # a mistake: no strategy is asked about it
                        raise ConfigurationError(f"{policy.name}: acall() of a function that is not async; use call()")
                    event = (OK, action[1], outcome)
                    now = clock()
                finally:
                    unpublish(published)
            elif what == WAIT:
                until = action[1]
                if execution.mode == QUEUED:
                    await bell.wait(policy.ports.in_loop(NEVER if until >= NEVER else until - clock()))
                else:
                    await asyncio.sleep(policy.ports.in_loop(max(0, until - clock())) / SECOND)
                event = (WAKE,)
                now = clock()
            elif what == COMPLETE:
                if keeping is not None:
                    keeping.completed(action[1], outcome)
                return outcome
            elif action[1]:
                raise outcome
            else:
                raise error_of(action[2])
    finally:
        event = (ABORT,)
        outcome = made = actions = action = None  # the exception's traceback holds this frame: no cycle
        try:
            execution.step(event, clock())
        finally:
            if keeping is not None:
                keeping.leave()


#  losers of races that are won, and calls in the background, until they have ended
_LEAVING: set[asyncio.Task[None]] = set()


class Crew:
    """Operations in tasks of their own. Whoever leaves waits for those that were stopped, if he is `patient`."""

    def __init__(
        self, operation: Callable[[tuple[Any, ...]], Coroutine[Any, Any, Any]], ended: Callable[..., None]
    ) -> None:
        self.patient = True
        self._operation = operation
        self._ended = ended
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stopped: set[int] = set()

    async def __aenter__(self) -> Crew:
        return self

    def start(self, action: tuple[Any, ...]) -> None:
        self._tasks[action[1]] = asyncio.get_running_loop().create_task(self._work(action))

    def stop(self, token: int) -> None:
        self._stopped.add(token)
        self._tasks[token].cancel()

    async def _work(self, action: tuple[Any, ...]) -> None:
        token = action[1]
        try:
            value = await self._operation(action)
        except BaseException as error:
            if token not in self._stopped:
                self._ended(token, error, failed=True)
            if not isinstance(error, (Exception, asyncio.CancelledError, PolicyBug)):
                raise
        else:
            self._ended(token, value, failed=False)

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        left = {task for task in self._tasks.values() if not task.done()}
        if left and error is None and not self.patient:
            _LEAVING.update(left)
            for task in left:
                task.add_done_callback(_LEAVING.discard)
            return
        again: BaseException | None = None
        while left:
            try:
                _, left = await asyncio.wait(left)
            except asyncio.CancelledError as cancelled:  # once more, while they end
                again = cancelled
                for task in left:
                    task.cancel()
        if again is not None and error is None:
            raise again


class Asyncio:
    """asyncio for calls that are carried out by `backstay.drivers.stepping` (see `libraries.Backend`)."""

    __slots__ = ()

    def bell(self) -> Bell:
        return Bell(asyncio.get_running_loop())

    def background(self, call: Callable[[], Coroutine[Any, Any, None]], context: Context) -> None:
        task = asyncio.get_running_loop().create_task(call(), context=context)
        _LEAVING.add(task)
        task.add_done_callback(_LEAVING.discard)

    def crew(self, operation: Any, ended: Any) -> Crew:
        return Crew(operation, ended)

    async def sleep(self, ns: int) -> None:
        await asyncio.sleep(max(0, ns) / SECOND)

    def alarm(self, ns: int) -> Alarm | None:
        task = asyncio.current_task()
        return None if task is None else Alarm(asyncio.get_running_loop(), task, ns)

    def stop(self, alarm: Alarm, error: BaseException | None) -> tuple[bool, BaseException | None]:
        return alarm.stop(error), error
