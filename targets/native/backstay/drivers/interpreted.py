"""Frames that are not compiled: the drivers carry out every call step by step.

Ten times slower, and the same decisions: the step machine is the specification, and tests hold the compiled frames
against it. On free-threaded builds it is what policies use: the strategies' regions rely on the interpreter lock, so
there one process-wide lock is held for each step of a call (never while its operation runs), see `LockedExecution`.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock

from backstay.drivers import sync
from backstay.drivers.libraries import driver
from backstay_core.execution import Execution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy


def free_threaded() -> bool:
    """Does this process run without the interpreter lock?"""
    gil_enabled = getattr(sys, "_is_gil_enabled", None)
    return gil_enabled is not None and not gil_enabled()


def traced() -> bool:
    """Does a tracer written in Python see every line? It runs between any two of them, and lets other threads run.

    Coverage's tracer is written in C and does not; a debugger's is.
    """
    return getattr(sys.gettrace(), "__code__", None) is not None


def thread_driver(policy: Policy) -> Any:
    """What carries out an ordinary function step by step."""
    if policy.races:
        from backstay.drivers import racing_threads

        return racing_threads.run
    return sync.run


def frame_for(
    policy: Policy, function: Any, *, asynchronous: bool, as_argument: bool = False, keyed: Any = None
) -> Any:
    """As `backstay.frames.compiler.frame_for`."""

    def frame(*args: Any, **kwargs: Any) -> Any:
        return thread_driver(frame.policy)(frame.policy, function, args, kwargs)  # type: ignore[attr-defined]

    async def frame_async(*args: Any, **kwargs: Any) -> Any:
        return await driver(frame_async.policy)(frame_async.policy, function, args, kwargs)  # type: ignore[attr-defined]

    def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return thread_driver(policy)(policy, function, args, kwargs)

    async def call_async(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await driver(policy)(policy, function, args, kwargs)

    def call_of(entry: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return thread_driver(entry)(entry, function, args, kwargs)

    async def call_of_async(entry: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return await driver(entry)(entry, function, args, kwargs)

    if keyed is not None:
        return call_of_async if asynchronous else call_of
    if as_argument:
        return call_async if asynchronous else call
    made: Any = frame_async if asynchronous else frame
    made.policy = policy
    return made


def restart(frame: Any, policy: Policy, function: Any, *, asynchronous: bool, as_argument: bool = False) -> None:
    """As `backstay.frames.compiler.restart`."""
    frame.policy = policy


LOCK = RLock()  # reentrant: a wake-up may step another call of the same thread
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOCK._at_fork_reinit)  # type: ignore[attr-defined]


class LockedExecution(Execution):
    """A call whose steps are taken one at a time in the whole process."""

    __slots__ = ()

    def step(self, event: tuple[Any, ...], now: int) -> list[tuple[Any, ...]]:
        with LOCK:
            return super().step(event, now)
