"""The driver for ordinary functions of policies with a Hedge: each attempt in a thread of the policy's own.

The caller's thread waits, so it can be awake when a further attempt is due, and it can leave: a Timeout fires on time,
and the loser of a race is left alone. What a thread runs cannot be stopped: its result is discarded, and its thread is
busy until the function returns. Where no thread is free, where an event loop runs in this thread, and in a virtual time
without other threads, the attempt is made in the caller's own thread, and nothing is hedged.
"""

from __future__ import annotations

from contextvars import copy_context
from functools import partial

from backstay.ambient import AMBIENT
from backstay.drivers.operation import refuse_coroutine, substitute_for
from backstay.drivers.racing import Race
from backstay.drivers.sync import in_event_loop
from backstay.frames.judging import PolicyBug
from backstay_core.execution import SUBSTITUTE
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.policy import Policy


class NoThread(Exception):
    """No thread is free for a further attempt; the others go on."""


def nothing(token: int) -> None:
    """A thread cannot be stopped."""


def run(policy: Policy, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``function(*args, **kwargs)`` under `policy`."""
    ports = policy.ports
    here = in_event_loop()
    bell = ports.doorbell()
    race = Race(policy, bell.ring, queues=not here)
    alone = here or not ports.threads
    keeping = None
    if policy.looks:
        from backstay.keeping import Keeping

        keeping = Keeping(policy, function, args, kwargs)

    def made(execution: Any, action: tuple[Any, ...]) -> Any:
        return substitute_for(execution, action, args, kwargs) if keeping is None else keeping.make(execution, action)

    def operate(action: tuple[Any, ...]) -> None:
        token = action[1]
        published = AMBIENT.set(action[2])
        try:
            if action[0] == SUBSTITUTE:
                value = made(race.execution, action)
            else:
                if keeping is not None:
                    keeping.attempted(action[1])
                value = function(*args, **kwargs)
            try:
                refuse_coroutine(value, f"{policy.name}: {action[0]}")
            except ConfigurationError as error:  # a mistake: no strategy is asked about it
                raise PolicyBug(error) from None
        except BaseException as error:
            race.ended(token, error, failed=True)
        else:
            race.ended(token, value, failed=False)
        finally:
            AMBIENT.reset(published)

    def start(action: tuple[Any, ...]) -> None:
        job: Any = partial(copy_context().run, operate, action)
        if not alone and policy.threads.start(job):
            return
        if len(race.deadlines) > 1:
            race.ended(action[1], NoThread(f"{policy.name}: no thread is free"), failed=True)
        else:
            operate(action)

    race.start, race.stop = start, nothing
    try:
        wait = race.go_on()
        while race.over is None:
            bell.wait(wait)
            wait = race.go_on()
        result = race.result()
        if keeping is not None and race.over is not None:
            keeping.completed(race.over[1], result)
        return result
    finally:
        try:
            race.leave()
        finally:
            if keeping is not None:
                keeping.leave()
        race.outcomes.clear()
