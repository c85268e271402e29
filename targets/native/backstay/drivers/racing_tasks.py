"""The driver for coroutine functions of policies with a Hedge: each operation in a task of its own, under asyncio or
trio."""

from __future__ import annotations

from backstay.ambient import AMBIENT
from backstay.drivers.libraries import backend
from backstay.drivers.operation import asubstitute_for
from backstay.drivers.racing import Race
from backstay.frames.judging import PolicyBug
from backstay_core.execution import COMPLETE, SUBSTITUTE
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.policy import Policy


async def run(policy: Policy, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Await ``function(*args, **kwargs)`` under `policy`."""

    async def operation(action: tuple[Any, ...]) -> Any:
        AMBIENT.set(action[2])  # in a context of its own
        if action[0] == SUBSTITUTE:
            if keeping is None:
                return await asubstitute_for(race.execution, action, args, kwargs)
            return await keeping.amake(race.execution, action)
        if keeping is not None:
            keeping.attempted(action[1])
        value = function(*args, **kwargs)
        if not hasattr(value, "__await__"):  # a mistake: no strategy is asked about it
            raise PolicyBug(ConfigurationError(f"{policy.name}: acall() of a function that is not async; use call()"))
        return await value

    policy.ports.check_loop()
    library = backend()
    bell = library.bell()
    race = Race(policy, bell.ring)
    error: BaseException | None = None
    keeping = None
    if policy.looks:
        from backstay.keeping import Keeping

        keeping = Keeping(policy, function, args, kwargs)
    try:
        async with library.crew(operation, race.ended) as crew:
            race.start, race.stop = crew.start, crew.stop
            try:
                wait = race.go_on()
                while race.over is None:
                    await bell.wait(policy.ports.in_loop(wait))
                    wait = race.go_on()
                crew.patient = race.over[0] != COMPLETE  # who has lost ends by himself
            except Exception as caught:  # raised in here, it would come out of a nursery in a group
                error = caught
            finally:
                race.leave()
        if error is not None:
            raise error
        result = race.result()
        if keeping is not None and race.over is not None:
            keeping.completed(race.over[1], result)
        return result
    finally:
        if keeping is not None:
            keeping.leave()
        error = None  # its traceback holds this frame: no cycle
        race.outcomes.clear()
