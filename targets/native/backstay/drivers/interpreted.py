"""A policy whose calls the drivers carry out step by step, instead of compiled frames.

Ten times slower, and the same decisions: the step machine is the specification, and tests hold the frames against it.
"""

from __future__ import annotations

from backstay.drivers import sync
from backstay.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class InterpretedPolicy(Policy):
    """A `Policy` on the step machine."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._call = lambda function, /, *args, **kwargs: sync.run(self, function, args, kwargs)
        self._acall = lambda function, /, *args, **kwargs: _arun(self, function, args, kwargs)

    def _frame(self, function: Any, asynchronous: bool) -> Any:
        if asynchronous:

            async def guarded(*args: Any, **kwargs: Any) -> Any:
                return await _arun(self, function, args, kwargs)

            return guarded
        return lambda *args, **kwargs: sync.run(self, function, args, kwargs)


def _arun(policy: Policy, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from backstay.drivers import aio

    return aio.run(policy, function, args, kwargs)
