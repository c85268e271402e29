"""`Script`: a dependency that does what the test says, and remembers how it was called."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from backstay.testing.decisions import brief, seconds_text
from backstay.testing.loop import Stuck
from backstay.testing.scopes import current_time
from backstay_core.failure import ConfigurationError

if TYPE_CHECKING:
    from typing import Protocol

    class Time(Protocol):
        """What a script needs of a time, such as `VirtualTime`."""

        @property
        def now(self) -> float: ...
        def advance(self, seconds: float, /) -> None: ...
        async def sleep(self, seconds: float, /) -> None: ...


FOREVER = float("inf")


class Call:
    """A call of a `Script`: with what, when it began and `ended` (None: it has not), in seconds, and its `outcome`."""

    __slots__ = ("args", "began", "ended", "kwargs", "number", "outcome")

    def __init__(self, number: int, began: float, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.number = number
        self.began = began
        self.ended: float | None = None
        self.args = args
        self.kwargs = kwargs
        self.outcome: Any = None

    def __str__(self) -> str:
        arguments = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwargs.items())]
        line = f"{seconds_text(self.began):<8}call {self.number} ({', '.join(arguments)})"
        if self.ended is None:
            return f"{line}: under way"
        return f"{line}: {outcome_text(self.outcome)} after {seconds_text(self.ended - self.began)}"

    def __repr__(self) -> str:
        return f"<{self}>"


class Script:
    """A function made of steps ``(seconds, outcome)``, one a call, the last one again and again.

    It takes that long, and then returns the outcome, or raises it if it is an exception (or a class of one).
    ``float("inf")`` seconds: it never ends. ``script(…)`` is the ordinary function, ``script.acall(…)`` the coroutine
    function. A step that takes time needs virtual time or `instant`, and takes none of the real one.

    `history` has the calls, `calls` their number, `began` when they began; ``str(script)`` is readable.
    """

    def __init__(self, *steps: tuple[float, Any]) -> None:
        if not steps:
            raise ConfigurationError("a script has at least one step: (seconds, outcome)")
        for step in steps:
            if not (isinstance(step, tuple) and len(step) == 2 and isinstance(step[0], (int, float)) and step[0] >= 0):
                raise ConfigurationError(f"a step of a script is (seconds, outcome); got {step!r}")
        self.steps = steps
        self.history: list[Call] = []

    @property
    def calls(self) -> int:
        return len(self.history)

    @property
    def began(self) -> list[float]:
        return [call.began for call in self.history]

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.play(current_time(), args, kwargs)

    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        return await self.aplay(current_time(), args, kwargs)

    def play(self, time: Time | None, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """A call in the time given, whether or not that is entered."""
        call, seconds, outcome = self._begin(time, args, kwargs or {})
        if seconds == FOREVER:
            raise Stuck(f"call {call.number} of a script never ends, and no thread can be interrupted")
        if time is not None:
            time.advance(seconds)
        self._end(call, time, outcome)
        return delivered(outcome)

    async def aplay(self, time: Time | None, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """As `play`, in a task."""
        call, seconds, outcome = self._begin(time, args, kwargs or {})
        try:
            if time is not None and seconds:
                await (_never() if seconds == FOREVER else time.sleep(seconds))
        except BaseException as error:
            self._end(call, time, error)
            raise
        self._end(call, time, outcome)
        return delivered(outcome)

    def _begin(self, time: Time | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Call, float, Any]:
        seconds, outcome = self.steps[min(len(self.history), len(self.steps) - 1)]
        if seconds and time is None:
            raise Stuck(f"a step of a script takes {seconds} s: use it inside VirtualTime() or instant()")
        call = Call(len(self.history) + 1, 0.0 if time is None else time.now, args, kwargs)
        self.history.append(call)
        return call, seconds, outcome

    def _end(self, call: Call, time: Time | None, outcome: Any) -> None:
        call.ended = call.began if time is None else time.now
        call.outcome = outcome

    def __str__(self) -> str:
        return "\n".join(map(str, self.history)) or "no calls"

    def __repr__(self) -> str:
        return f"Script({', '.join(map(repr, self.steps))})"


def is_raised(outcome: Any) -> bool:
    return isinstance(outcome, BaseException) or (isinstance(outcome, type) and issubclass(outcome, BaseException))


def delivered(outcome: Any) -> Any:
    if is_raised(outcome):
        raise outcome
    return outcome


def outcome_text(outcome: Any) -> str:
    if type(outcome).__name__ in ("CancelledError", "Cancelled"):  # asyncio, trio
        return "cancelled"
    if is_raised(outcome):
        return "raised " + (outcome.__name__ if isinstance(outcome, type) else brief(outcome))
    return f"returned {outcome!r}"


async def _never() -> None:
    """Wait to be cancelled, under asyncio or trio."""
    if asyncio._get_running_loop() is not None:
        await asyncio.get_running_loop().create_future()
    else:
        import trio

        await trio.sleep_forever()
