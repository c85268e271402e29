"""The driver for ordinary functions: runs operations in the caller's thread, where nothing can interrupt them."""

from __future__ import annotations

import sys

from backstay.ambient import AMBIENT, current_deadline
from backstay.classification import classify
from backstay.drivers.libraries import in_trio
from backstay.drivers.operation import refuse_coroutine, substitute_for
from backstay.errors import Missing, error_of
from backstay.frames.judging import PolicyBug
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
from backstay_core.failure import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.policy import Policy


def in_event_loop() -> bool:
    """Is an event loop running in this thread? Then nothing may wait at a gate: it would stop the loop."""
    asyncio = sys.modules.get("asyncio")
    return (asyncio is not None and asyncio._get_running_loop() is not None) or in_trio()


WAY_OUT = 15  # calls that stand on one another while a place is given back


def has_room(levels: int = WAY_OUT) -> bool:
    """Raises `RecursionError` where the stack has no room for the way out, while nothing is held that would be lost."""
    return levels == 0 or has_room(levels - 1)


def run(policy: Policy, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``function(*args, **kwargs)`` under `policy`."""
    ports = policy.ports
    clock = ports.clock
    bell = None if in_event_loop() else ports.doorbell()
    has_room()
    execution = policy.EXECUTION(policy, None if bell is None else bell.ring, current_deadline())
    event: tuple[Any, ...] = (START,)
    outcome: Any = None  # of the latest operation: its value or its exception
    actions: Any = None
    action: Any = None
    until = NEVER
    keeping = None
    if policy.looks:
        from backstay.keeping import Keeping

        keeping = Keeping(policy, function, args, kwargs)
    try:
        while True:
            actions = execution.step(event, clock())  # one at the most: nothing is ever cancelled here
            action = actions[0] if actions else (WAIT, until)
            what = action[0]
            if what in (ATTEMPT, SUBSTITUTE):
                published = AMBIENT.set(action[2])
                try:
                    if what == ATTEMPT:
                        if keeping is not None:
                            keeping.attempted(action[1])
                        outcome = function(*args, **kwargs)
                    elif keeping is None:
                        outcome = substitute_for(execution, action, args, kwargs)
                    else:
                        outcome = keeping.make(execution, action)
                except PolicyBug as bug:
                    raise bug.error from None
                except Exception as error:
                    if keeping is None or not isinstance(error, Missing):  # then it is what came before that counts
                        outcome = error
                    event = (ERROR, action[1], classify(error))
                else:
                    refuse_coroutine(outcome, f"{policy.name}: {what}")  # a mistake: no strategy is asked about it
                    event = (OK, action[1], outcome)
                finally:
                    AMBIENT.reset(published)
            elif what == WAIT:
                until = action[1]
                if execution.mode == QUEUED and bell is not None:
                    bell.wait(until - clock())
                else:
                    ports.pause(until - clock())
                event = (WAKE,)
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
        outcome = actions = action = None  # the exception's traceback holds this frame: no cycle
        try:
            execution.step(event, clock())
        finally:
            if keeping is not None:
                keeping.leave()
