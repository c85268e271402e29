"""What calls of a policy with a Cache or an Idempotency keep and find. The strategies say when to look (CA1 to CA4,
ID1 to ID4); here is what for.

Rules:

KE1   A Cache keeps what an attempt returned when the call completes with it, for its key and function. Not kept is what
      `results` names, and None, unless `negative`. What a strategy made up is not kept.
KE2   A value is fresh for `fresh_for`. For `refresh_for` more it is given too, and one call in the background fetches a
      new one: a task under asyncio and trio, a thread of the policy's own for ordinary functions.
KE3   For `stale_for` after it was fresh a value stands in for a failure.
KE4   At most `entries` values are kept. The one that was used longest ago makes room.
KE5   With `single`, one call fetches the value of a key, and other calls with it wait and look again, in threads, tasks
      and loops alike. If it fails, each of them goes on for itself; if it is cancelled or interrupted, one of them is
      the next to fetch. A call inside the one that fetches does not wait,
      nor does a sync call on an event loop.
KE6   A key function that raises, and a key that has no hash or cannot be compared, leave the call without a cache.
      Event: *uncached*. Key functions may be called more than once for a call; comparing keys holds a lock.
KE7   An Idempotency keeps the result of a call that completes, None too, for `keep_for`. A call without a key (None) is
      not touched. Its key function's error comes out, and a key that has no hash is a `ConfigurationError`.
KE8   While a call with a key is under way, others with it wait for its result. When it fails, one of them is the next
      to try. Where a call cannot wait it is refused: `KeyInUse`.
KE9   A key that was used with other arguments, or for another function, is refused: `KeyConflict`. Arguments are
      compared by their `repr`, and by their class where that has none of its own (it would name an address); given by
      name and given by position are different. A `repr` that raises fails the call, as a key function does.
"""

from __future__ import annotations

from _thread import RLock
from contextvars import ContextVar, copy_context
from sys import exc_info

from backstay.ambient import current_deadline
from backstay.drivers.operation import substitute_for
from backstay.errors import KeyConflict, KeyInUse, Missing
from backstay.frames.judging import PolicyBug
from backstay_core.entries import Entries
from backstay_core.failure import NEVER, ConfigurationError
from backstay_core.strategies.contract import LOOKUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Token
    from typing import Any

    from backstay.policy import Policy
    from backstay_core.entries import Flight
    from backstay_core.execution import Execution

    Wait = Generator[Flight, None, Any]

#  the calls that this code is inside of
INSIDE: ContextVar[tuple[Keeping, ...]] = ContextVar("backstay_keeping", default=())
#  what a call in the background was begun for: the strategy's state, and the flight
REFRESHING: ContextVar[tuple[Any, Flight] | None] = ContextVar("backstay_refreshing", default=None)
KEPT = RLock()
KEY: ContextVar[Any] = ContextVar("backstay_idempotency_key", default=None)


class idempotency_key:
    """``with idempotency_key("order 7"): …``: the key of the calls inside, for an `Idempotency` without a function."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __enter__(self) -> None:
        self._token = KEY.set(self._key)

    def __exit__(self, *_: object) -> None:
        KEY.reset(self._token)


class Kept:
    """What one strategy keeps, and the lock around it: held for a look, never while a call runs."""

    __slots__ = ("entries", "lock")

    def __init__(self, most: int) -> None:
        self.lock = RLock()
        self.entries = Entries(most)

    def desert(self) -> None:
        """In the child of a fork nobody fetches what the parent's threads did. What one of them was just changing is
        not to be trusted: then nothing is kept any more."""
        whole = self.lock.acquire(blocking=False)
        if whole:
            self.entries.desert()
        else:
            self.entries = Entries(self.entries.most)
        self.lock = RLock()


def kept_by(layer: Any) -> Kept:
    if layer.kept is None:
        with KEPT:  # or two calls at once would keep things in two places
            if layer.kept is None:
                layer.kept = Kept(layer.options.entries)
    kept: Kept = layer.kept
    return kept


class Keeping:
    """One call's part in it: `make` or `amake` what a SUBSTITUTE asks for, say what is `attempted` and what the call
    has `completed` with, and `leave` in any case."""

    __slots__ = (
        "_args", "_attempts", "_background", "_flights", "_function", "_inside", "_keys", "_kwargs", "_policy",
        "_waits",
    )  # fmt: skip

    def __init__(
        self,
        policy: Policy,
        function: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        background: Callable[..., object],
        *,
        waits: bool = True,
    ) -> None:
        self._policy = policy
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._background = background
        self._waits = waits
        self._keys: dict[Any, Any] = {}  # by the strategy's state: key and mark; absent: nothing is kept
        self._flights: dict[Any, Flight] = {}
        self._attempts: set[int] = set()
        self._inside: Token[tuple[Keeping, ...]] = INSIDE.set((*INSIDE.get(), self))

    # -- looking

    def make(self, execution: Execution, action: tuple[Any, ...]) -> Any:
        """In a thread. Raises `Missing`, a refusal, or what no strategy is asked about."""
        if execution.layers[action[3]].ROLE != LOOKUP:
            return substitute_for(execution, action, self._args, self._kwargs)
        clock, bell = self._policy.ports.clock, self._policy.ports.doorbell()
        looking = self._look(execution.layers[action[3]], action[4])
        try:
            while True:
                flight = next(looking)
                flight.waiters.append(bell.ring)
                while not flight.over:
                    left = min(action[2], current_deadline()) - clock()
                    if left <= 0:
                        where = f"{self._policy.name}: {execution.layers[action[3]].options.KIND}"
                        raise KeyInUse(where, "KEY_IN_USE", None)
                    bell.wait(left)
        except StopIteration as found:
            return found.value

    def amake(self, execution: Execution, action: tuple[Any, ...], bell: Callable[[], Any]) -> Any:
        """In a task: the value, or something to await."""
        if execution.layers[action[3]].ROLE != LOOKUP:
            return substitute_for(execution, action, self._args, self._kwargs)
        looking = self._look(execution.layers[action[3]], action[4])
        try:
            return _awaited(looking, next(looking), bell())
        except StopIteration as found:
            return found.value

    def _look(self, layer: Any, failure: Any) -> Wait:
        options, kept, clock = layer.options, kept_by(layer), self._policy.ports.clock
        if failure is not None:
            return self._stale(layer, kept, clock())
        exclusive: bool = options.EXCLUSIVE
        where = f"{self._policy.name}: {options.KIND}"
        known = self._key_of(layer, where)
        if known is None:
            raise Missing
        key, mark = known
        claimed = REFRESHING.get()
        if claimed is not None and claimed[0] is layer and claimed[1].key == key and not claimed[1].over:
            self._flights[layer] = claimed[1]
        fresh = options.keep_for_ns if exclusive else options.fresh_for_ns
        more = 0 if exclusive else options.refresh_for_ns
        while layer not in self._flights:
            with kept.lock:
                entry, flight = kept.entries.find(key), kept.entries.flight(key)
                if exclusive and not all(one is None or one.mark == mark for one in (entry, flight)):
                    raise KeyConflict(where, "KEY_CONFLICT", None)
                now = clock()
                age = NEVER if entry is None else now - entry.kept
                found = entry is not None and age < fresh + more
                lead = flight is None and (age >= fresh) and (exclusive or options.single or found)
                if lead:
                    flight = kept.entries.take_off(key, mark)
                    if not found:
                        self._flights[layer] = flight
                value = entry.value if found and entry is not None else None
            layer.tell(now, "hit" if found else "miss")
            if found:
                if lead:
                    self._refresh(layer, kept, flight)
                return value
            if lead or flight is None:
                break
            if not self._waits or any(flight in call._flights.values() for call in INSIDE.get()):
                if exclusive:
                    raise KeyInUse(where, "KEY_IN_USE", None)
                break
            yield flight
            if flight.failed and not exclusive:
                break
        raise Missing

    def _stale(self, layer: Any, kept: Kept, now: int) -> Any:
        if layer in self._keys:
            with kept.lock:
                entry = kept.entries.find(self._keys[layer][0])
            if entry is not None and now - entry.kept < layer.options.fresh_for_ns + layer.options.stale_for_ns:
                layer.tell(now, "stale")
                return entry.value
        raise Missing

    def _key_of(self, layer: Any, where: str) -> tuple[Any, Any] | None:
        """The key of this call, and what must be the same in each call with it; None if nothing is kept (KE6, KE7)."""
        options = layer.options
        exclusive: bool = options.EXCLUSIVE
        try:
            arguments = (self._args, tuple(sorted(self._kwargs.items())))
            mark = (function_name(self._function), _shown(self._args, self._kwargs)) if exclusive else None
            if options.key is not None:
                key = options.key(*self._args, **self._kwargs)
            else:
                key = KEY.get() if exclusive else arguments
        except Exception as error:
            if exclusive:
                raise PolicyBug(error) from error
            layer.tell(self._policy.ports.clock(), "uncached", error)
            return None
        if exclusive and key is None:
            return None
        known = (key if exclusive else (self._function, key), mark)
        try:
            hash(known[0])
        except Exception as error:
            if exclusive:
                raise PolicyBug(ConfigurationError(f"{where}: the key has no hash: {error}")) from error
            layer.tell(self._policy.ports.clock(), "uncached", error)
            return None
        self._keys[layer] = known
        return known

    def _refresh(self, layer: Any, kept: Kept, flight: Flight | None) -> None:
        """Fetch a new value in the background (KE2)."""
        assert flight is not None
        context = copy_context()
        context.run(REFRESHING.set, (layer, flight))
        context.run(INSIDE.set, ())
        if not self._background(context, self._policy, self._function, self._args, self._kwargs):
            with kept.lock:
                kept.entries.land(flight, failed=True)

    # -- keeping

    def attempted(self, token: int) -> None:
        self._attempts.add(token)

    def completed(self, token: int, value: Any) -> None:
        """The call completes with the value of this operation (KE1, KE7)."""
        if token not in self._attempts:
            return
        now = self._policy.ports.clock()
        for layer, (key, mark) in self._keys.items():
            if _counts(layer.options, value):
                kept = kept_by(layer)
                try:
                    with kept.lock:
                        kept.entries.keep(key, value, mark, now)
                        flight = self._flights.pop(layer, None)
                        if flight is not None:
                            kept.entries.land(flight, failed=False)
                except Exception as error:  # keys that cannot be compared; the call has its result all the same
                    layer.tell(now, "uncached", error)

    def leave(self) -> None:
        """The call is over, however it ended. Safe to repeat."""
        error = exc_info()[1]
        failed = error is None or isinstance(error, Exception)
        error = None
        for layer, flight in self._flights.items():
            kept = kept_by(layer)
            try:
                with kept.lock:
                    kept.entries.land(flight, failed=failed)
            except Exception:  # keys that cannot be compared: whoever waited has been woken
                pass
        self._flights.clear()
        try:
            INSIDE.reset(self._inside)
        except (RuntimeError, ValueError):  # it has left already; a coroutine that is closed from another context
            pass


async def _awaited(looking: Wait, flight: Flight, bell: Any) -> Any:
    """Wait for one flight after the other."""
    try:
        while True:
            flight.waiters.append(bell.ring)
            while not flight.over:
                await bell.wait(NEVER)
            flight = next(looking)
    except StopIteration as found:
        return found.value


def _counts(options: Any, value: Any) -> bool:
    """Is this result kept?"""
    if options.EXCLUSIVE:
        return True
    if value is None and not options.negative:
        return False
    return options.results_match is None or not options.results_match(value)


def _shown(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Arguments as text: the same for the same arguments."""
    named = [("", value) for value in args] + sorted(kwargs.items())
    silent: Any = object.__repr__
    return repr([(name, type(value) if type(value).__repr__ is silent else value) for name, value in named])


def function_name(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"
