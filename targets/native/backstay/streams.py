"""Generators, sync and async, as guarded functions.

Rules:

GN1   A call begins when its generator is resumed for the first time. One that never is asks nobody for anything.
GN2   What repeats, replaces or bounds a call ends with its first item. Retry and Fallback answer failures before it.
      Every Timeout, inside a Retry or around it, bounds the time from where the policy enters it to the first item: an
      async generator is cancelled when it is over; the first item of a sync one may come late, and is handed on (TO4).
      How long the items after it take, or their reader, is no concern of the policy.
GN3   Gates are held from the first resumption to the end: until the generator is exhausted, fails, is closed or is
      collected. An async generator that is collected without its event loop gives back what it holds, and no more.
GN4   A generator that is exhausted has succeeded, with items or without. One that fails after its first item has
      failed: its error comes out unchanged, is never tried again or answered, and counts.
GN5   Time stands still for the gates after the first item: whether a call was slow is a matter of the time to it.
GN6   Closing a generator is no verdict, nor is what the reader throws into it and gets back as it is. So a breaker that
      is half-open closes only by streams that are read to their end.
GN7   `send`, `throw`, `asend`, `athrow`, `close` and `aclose` reach the generator, and the value that a sync one
      returns comes out.
GN8   The first resumption sees the deadline of its attempt, each later one that of whoever resumes (see
      `backstay.ambient`); nothing of it stays in the reader's context between two resumptions.
GN9   A substitute is an iterable of items (for an async generator also an async iterable, or something to await that
      gives one). It is read like the generator itself: GN2 to GN8 hold for the strategies outside the Fallback. A text
      is no iterable of items here, nor is one iterator for all calls: both are refused.
GN10  Items are no results: a policy that judges results (`results=`) guards no generator.
GN11  Nor does a policy with a Hedge: which of two generators would the reader have?
"""

from __future__ import annotations

from backstay.classification import classify
from backstay.drivers.items import begun, check, check_items, each
from backstay.drivers.operation import refuse_coroutine, substitute_for
from backstay.drivers.stepping import TaskSteps, ThreadSteps
from backstay.frames.judging import PolicyBug
from backstay_core.execution import ATTEMPT, COMPLETE, ERROR, FAIL, OK, SUBSTITUTE
from backstay_core.failure import NEVER, ConfigurationError
from backstay_core.strategies.contract import BOUND, GATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.drivers.stepping import Steps
    from backstay.policy import Policy

    Action = tuple[Any, ...]


class _Stream:
    """One call of a guarded generator: what its frame (`backstay.frames.generators`) reads.

    `open`: there may be more items. `sent` and `thrown`: what the reader passes in. `value`: what a sync one returned.
    """

    __slots__ = ("_args", "_first", "_function", "_kwargs", "_source", "call", "open", "sent", "thrown", "value")
    call: Steps
    ASYNCHRONOUS = False

    def __init__(self, call: Steps, function: Any, arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        self.call = call
        check(call.policy, call.execution.layers, asynchronous=self.ASYNCHRONOUS)
        self.open = False
        self.sent: Any = None
        self.thrown: BaseException | None = None
        self.value: Any = None
        self._function = function
        self._args, self._kwargs = arguments
        self._source: Any = None  # of items
        self._first = 0

    def _substitute(self, action: Action) -> Any:
        return substitute_for(self.call.execution, action, self._args, self._kwargs)

    def _checked(self, value: Any, *, asynchronous: bool) -> Any:
        """A substitute; it is a mistake, about which no strategy is asked, if it has no items."""
        try:
            check_items(
                value, f"policy {self.call.policy.name!r}: the substitute of a generator", asynchronous=asynchronous
            )
        except ConfigurationError as error:
            raise PolicyBug(error) from None
        return value

    def _deliver(self, now: int) -> Any:
        """The first item is there: the strategies that had to do with it alone take no part any more (GN2)."""
        item, self.call.outcome = self.call.outcome, None
        execution = self.call.execution
        kept = [i for i in range(execution.at) if execution.layers[i].ROLE in (GATE, BOUND)]
        layers = tuple(execution.layers[i] for i in kept)
        held = [execution.held[i] for i in kept]
        began = [execution.began[i] for i in kept]
        deadlines = [NEVER] * (len(kept) + 1)
        at = len(kept)
        #  no call from here on: an interrupt between would leave it half done
        execution.layers = layers
        execution.held = held
        execution.began = began
        execution.deadlines = deadlines
        execution.at = at
        self._first = now
        self.open = True
        return item

    def _end(self, error: Exception | None) -> None:
        """The generator has ended after its first item: the gates hear of it. Raises the error of a predicate."""
        self.open = False
        call = self.call
        execution = call.execution
        now = call.clock()
        since = max(0, now - self._first)
        execution.began = [began + since for began in execution.began]  # GN5
        token = execution.token
        action = call.step((OK, token, None) if error is None else (ERROR, token, classify(error)), now)
        error = None
        if action[0] == FAIL and not action[1]:  # the error of a predicate
            raise call.error(action)

    def _failed(self, error: BaseException, thrown: BaseException | None) -> None:
        """A resumption has raised `error`."""
        self.open = False
        if isinstance(error, Exception) and error is not thrown:
            self._end(error)

    def __del__(self) -> None:
        """A frame that was thrown away in the middle of closing (GN3)."""
        call = getattr(self, "call", None)
        if call is not None:
            call.leave()


class ThreadStream(_Stream):
    """A call of a sync generator."""

    __slots__ = ()
    call: ThreadSteps

    def __init__(self, policy: Policy, function: Any, arguments: Any) -> None:
        super().__init__(ThreadSteps(policy), function, arguments)

    def begin(self) -> Any:
        """The first item, if there is one (see `open`)."""
        call = self.call
        event: Any = None
        action: Any = None
        try:
            action = call.onwards(call.begin())
            while action[0] == ATTEMPT or action[0] == SUBSTITUTE:
                event, now = call.operate(action, self._start)
                if event is None:
                    raise call.outcome
                if self._source is not None and event[0] == OK:
                    return self._deliver(now)
                self._source = None
                action = call.onwards(call.step(event, now))
            if action[0] != COMPLETE:
                raise call.error(action)
            return None
        finally:
            event = action = None  # the exception's traceback holds this frame: no cycle

    def _start(self, action: Action) -> Any:
        if action[0] == SUBSTITUTE:
            value = self._substitute(action)
            try:
                refuse_coroutine(value, f"policy {self.call.policy.name!r}: the substitute of a generator")
            except ConfigurationError as error:
                raise PolicyBug(error) from None
            items = iter(self._checked(value, asynchronous=False))
        else:
            items = self._function(*self._args, **self._kwargs)
        self._source = items
        try:
            return next(items)
        except StopIteration as stop:
            self._source = None
            self.value = stop.value
            return None

    def resume(self) -> Any:
        """The next item, if there is one, in answer to what the reader passed in."""
        source = self._source
        thrown, sent = self.thrown, self.sent
        self.thrown = self.sent = None
        throw = None if thrown is None else getattr(source, "throw", None)
        if thrown is not None and throw is None:
            raise thrown
        try:
            if throw is not None:
                return throw(thrown)
            return next(source) if sent is None else source.send(sent)
        except StopIteration as stop:
            self.value = stop.value
        except BaseException as error:
            self._failed(error, thrown)
            raise
        finally:
            thrown = None
        self._end(None)
        return None

    def leave(self) -> None:
        """The frame ends, however."""
        source, self._source = self._source, None
        try:
            if source is not None and hasattr(source, "close"):
                source.close()
        finally:
            self.call.leave()


class TaskStream(_Stream):
    """A call of an async generator."""

    __slots__ = ()
    call: TaskSteps
    ASYNCHRONOUS = True

    def __init__(self, policy: Policy, function: Any, arguments: Any) -> None:
        super().__init__(TaskSteps(policy), function, arguments)

    async def begin(self) -> Any:
        """The first item, if there is one (see `open`)."""
        call = self.call
        event: Any = None
        action: Any = None
        try:
            action = await call.onwards(call.begin())
            while action[0] == ATTEMPT or action[0] == SUBSTITUTE:
                event, now = await call.operate(action, self._start)
                if event is None:
                    raise call.outcome
                if self._source is not None and event[0] == OK:
                    return self._deliver(now)
                self._source = None
                action = await call.onwards(call.step(event, now))
            if action[0] != COMPLETE:
                raise call.error(action)
            return None
        finally:
            event = action = None  # the exception's traceback holds this frame: no cycle

    async def _start(self, action: Action) -> Any:
        if action[0] == SUBSTITUTE:
            value = self._substitute(action)
            if hasattr(value, "__await__"):
                value = await value
            value = self._checked(value, asynchronous=True)
            items = value.__aiter__() if hasattr(value, "__aiter__") else each(value)
        else:
            items = self._function(*self._args, **self._kwargs)
        self._source = items
        try:
            return await begun(items)
        except StopAsyncIteration:
            self._source = None
            return None

    async def resume(self) -> Any:
        """The next item, if there is one, in answer to what the reader passed in."""
        source = self._source
        thrown, sent = self.thrown, self.sent
        self.thrown = self.sent = None
        throw = None if thrown is None else getattr(source, "athrow", None)
        if thrown is not None and throw is None:
            raise thrown
        try:
            if throw is not None:
                return await throw(thrown)
            return await (source.__anext__() if sent is None else source.asend(sent))
        except StopAsyncIteration:
            pass
        except BaseException as error:
            self._failed(error, thrown)
            raise
        finally:
            thrown = None
        self._end(None)
        return None

    async def leave(self) -> None:
        """The frame ends, however."""
        source, self._source = self._source, None
        try:
            if source is not None and hasattr(source, "aclose"):
                await source.aclose()
        finally:
            self.call.leave()
