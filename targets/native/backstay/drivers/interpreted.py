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
        self._call = self._run
        self._acall = self._arun

    def _run(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        return sync.run(self, function, args, kwargs)

    async def _arun(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        from backstay.drivers import aio

        return await aio.run(self, function, args, kwargs)

    def _frame(self, function: Any, asynchronous: bool) -> Any:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            return guarded.policy._run(function, *args, **kwargs)  # type: ignore[attr-defined]

        async def aguarded(*args: Any, **kwargs: Any) -> Any:
            return await aguarded.policy._arun(function, *args, **kwargs)  # type: ignore[attr-defined]

        return aguarded if asynchronous else guarded

    def _reframe(self, guarded: Any, function: Any, asynchronous: bool) -> None:
        """Nothing to do: its policy is asked at each call."""
