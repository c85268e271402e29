"""Attempt blocks: a policy around a piece of code that is no function.

    for attempt in policy.attempts():
        with attempt:
            ...

Rules:

AB1   Each ``for`` over `Policy.attempts` is one call, each of its turns one attempt; gates are entered before the turn.
AB2   The block is the operation. An error that another attempt follows is swallowed; any other comes out unchanged. If
      the policy itself then refuses the attempt (a breaker has opened, a Timeout has run out), the loop raises that,
      with the swallowed error as its context.
AB3   A block that ends without an error has succeeded: also by ``return``, ``break`` or ``continue`` inside it. Its
      result, for strategies that judge results, is what `Attempt.result` was given, else None.
AB4   Whoever leaves the loop in any other way goes without a verdict: ``break`` or an error outside the block, an
      interrupt or a cancellation inside it, a loop that is thrown away.
AB5   Every turn enters its attempt, once. A turn that did not ends the call with a `ConfigurationError`.
AB6   ``async for`` waits without holding up the event loop, and a Timeout cancels the block (``with`` or ``async
      with``). In a plain ``for`` nothing can be interrupted, as in a function (TO4).
AB7   Inside the block its deadline applies (`backstay.remaining`). So no generator yields inside one.
AB8   Nothing can take the place of a block, or run it twice at once: a policy with a Fallback, a Hedge, or an Inject of
      outcomes has no attempts.
"""

from __future__ import annotations

from backstay.ambient import AMBIENT, unpublish
from backstay.drivers.stepping import TaskSteps, ThreadSteps
from backstay_core.execution import ATTEMPT, COMPLETE, FAIL
from backstay_core.failure import ConfigurationError
from backstay_core.strategies.contract import LOOKUP, RACE, SUBSTITUTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from backstay.policy import Policy

WAITING, OPEN, LEFT = range(3)


def check(policy: Policy, layers: tuple[Any, ...]) -> None:
    """Can a policy of these strategies guard a block (AB8)? Raises `ConfigurationError`."""
    for layer in layers:
        if layer.ROLE in (LOOKUP, RACE):
            raise ConfigurationError(
                f"policy {policy.name!r}: a block runs once; no {layer.options.KIND} can begin it again (AB8)"
            )
        if layer.ROLE == SUBSTITUTE or getattr(layer.options, "fault", "") == "outcome":
            raise ConfigurationError(
                f"policy {policy.name!r}: a block has no value that a {layer.options.KIND} could replace (AB8);"
                " use a function, or a policy without it"
            )


class Attempts:
    """The attempts of one policy, to be looped over; every loop is a call of its own (AB1)."""

    __slots__ = ("_policy",)

    def __init__(self, policy: Policy) -> None:
        check(policy, policy.layers)
        self._policy = policy

    def __iter__(self) -> ThreadLoop:
        return ThreadLoop(self._policy)

    def __aiter__(self) -> TaskLoop:
        return TaskLoop(self._policy)


class Attempt:
    """One attempt, to be entered once. `number` counts from 1."""

    __slots__ = ("_loop", "_stage", "number")

    def __init__(self, loop: Call, number: int) -> None:
        self._loop = loop
        self._stage = WAITING
        self.number = number

    def result(self, value: object) -> None:
        """What the block has come to, for strategies that judge results (AB3)."""
        if self._stage != OPEN:
            raise ConfigurationError("attempt.result() is called inside the attempt's block")
        self._loop.result = value

    def __enter__(self) -> Self:
        loop = self._loop
        if self._stage != WAITING or not loop.granted:
            raise ConfigurationError("an attempt is entered once, in its own turn of the loop (AB5)")
        self._stage = OPEN
        loop.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._stage = LEFT
        return self._loop.left(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return self.__exit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"<attempt {self.number} of policy {self._loop.steps.policy.name!r}>"


class Call:
    """One call, as its loop and its attempts share it. `granted`: an attempt may be made, or is being made."""

    __slots__ = (
        "action", "alarm", "entered", "granted", "orphaned", "over", "published", "result", "steps", "swallowed",
    )  # fmt: skip

    def __init__(self, steps: Any) -> None:
        check(
            steps.policy, getattr(steps.execution, "layers", steps.policy.layers)
        )  # the policy may have changed since `attempts` was called
        self.steps = steps
        self.granted = False
        self.entered = False
        self.orphaned = False
        self.over = False
        self.alarm: Any = None
        self.published: Any = None
        self.result: Any = None
        self.swallowed: BaseException | None = None
        self.action: tuple[Any, ...] = ()
        try:
            self.action = steps.begin()
        except BaseException:
            self.leave()
            raise

    def goes_on(self) -> bool:
        """Is there another turn? Raises if the last one did not enter its attempt (AB5)."""
        if self.granted:
            if self.entered:
                self.left(GeneratorExit())  # as if closed
            self.leave()
            raise ConfigurationError(
                f"policy {self.steps.policy.name!r}: every turn of the loop enters its attempt: with attempt: … (AB5)"
            )
        return not self.over

    def turn(self, action: tuple[Any, ...]) -> Attempt:
        """The next attempt. Raises what the policy has decided instead (AB2)."""
        self.action = action
        if action[0] == ATTEMPT:
            self.granted = True
            self.swallowed = None
            return Attempt(self, self.steps.made)
        error: BaseException = self.steps.error(action)
        if self.swallowed is not error:
            error.__context__ = self.swallowed
        self.leave()
        try:
            raise error
        finally:
            del error  # its traceback holds this frame: no cycle

    def enter(self) -> None:
        self.entered = True
        self.result = None
        deadline = self.action[2]
        self.alarm = self.steps.arm(deadline)
        self.published = AMBIENT.set(deadline)

    def left(self, error: BaseException | None) -> bool:
        """A block has ended. True swallows its error; raises what is not the block's own."""
        if not self.entered:
            return False  # the call is over
        steps = self.steps
        self.granted = self.entered = False
        unpublish(self.published)
        alarm, self.alarm = self.alarm, None
        steps.outcome = self.result
        event, now = steps.after(self.action, alarm, error)
        if event is None:
            return self._over(error, steps.outcome)
        try:
            self.action = action = steps.step(event, now)
        except BaseException:
            self.leave()
            raise
        what = action[0]
        outcome = steps.error(action) if what == FAIL else error
        event, action = None, ()  # the traceback of an error holds this frame: no cycle
        if what in (COMPLETE, FAIL) or self.orphaned:
            return self._over(error, outcome)
        self.swallowed = error
        return True

    def _over(self, error: BaseException | None, outcome: Any) -> bool:
        self.leave()
        if outcome is error:
            return False
        try:
            raise outcome
        finally:
            del outcome, error

    def leave(self) -> None:
        """The call is over; nobody is told how, unless it has ended by itself (AB4)."""
        self.over = True
        self.granted = False
        self.swallowed = None
        self.action = ()
        self.steps.leave()


class _Loop:
    """A loop under way. The iterator keeps the call alive, not whoever still holds an attempt."""

    __slots__ = ("_call", "_policy")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._call: Call | None = None

    def __del__(self) -> None:
        call = self._call
        if call is not None and call.entered:
            call.orphaned = True  # the block comes to its end first
        elif call is not None and not call.over:
            call.leave()


class ThreadLoop(_Loop):
    """The iterator of ``for``."""

    __slots__ = ()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Attempt:
        call = self._call
        if call is None:
            call = self._call = Call(ThreadSteps(self._policy))
        elif not call.goes_on():
            raise StopIteration
        try:
            action = call.steps.onwards(call.action)
        except BaseException:
            call.leave()
            raise
        return call.turn(action)


class TaskLoop(_Loop):
    """The iterator of ``async for``."""

    __slots__ = ()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Attempt:
        call = self._call
        if call is None:
            call = self._call = Call(TaskSteps(self._policy))
        elif not call.goes_on():
            raise StopAsyncIteration
        try:
            action = await call.steps.onwards(call.action)
        except BaseException:
            call.leave()
            raise
        return call.turn(action)
