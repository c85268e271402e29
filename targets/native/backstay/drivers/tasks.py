"""The driver for coroutine functions in a task of any library. It is how calls are carried out under trio."""

from __future__ import annotations

from backstay.drivers.operation import asubstitute_for
from backstay.drivers.stepping import TaskSteps
from backstay.frames.judging import PolicyBug
from backstay_core.execution import ATTEMPT, COMPLETE, SUBSTITUTE
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.policy import Policy


async def run(policy: Policy, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Await ``function(*args, **kwargs)`` under `policy`."""

    async def operation(action: tuple[Any, ...]) -> Any:
        if action[0] == SUBSTITUTE:
            if keeping is None:
                return await asubstitute_for(call.execution, action, args, kwargs)
            return await keeping.amake(call.execution, action)
        if keeping is not None:
            keeping.attempted(action[1])
        value = function(*args, **kwargs)
        if not hasattr(value, "__await__"):  # a mistake: no strategy is asked about it
            raise PolicyBug(ConfigurationError(f"{policy.name}: acall() of a function that is not async; use call()"))
        return await value

    call = TaskSteps(policy)
    event: Any = None
    action: Any = None
    keeping = None
    if policy.looks:
        from backstay.keeping import Keeping

        keeping = Keeping(policy, function, args, kwargs)
    try:
        action = await call.onwards(call.begin())
        while action[0] == ATTEMPT or action[0] == SUBSTITUTE:
            event, now = await call.operate(action, operation)
            if event is None:
                raise call.outcome
            action = await call.onwards(call.step(event, now))
        if action[0] == COMPLETE:
            if keeping is not None:
                keeping.completed(action[1], call.outcome)
            return call.outcome
        raise call.error(action)
    finally:
        event = action = None  # the exception's traceback holds this frame: no cycle
        try:
            call.leave()
        finally:
            if keeping is not None:
                keeping.leave()
