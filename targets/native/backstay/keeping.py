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
KE6   A key function that raises or is async, and a key that has no hash or cannot be compared, leave the call without
      a cache. Event: *uncached*. Key functions may be called more than once for a call; comparing keys holds a lock.
KE7   An Idempotency keeps the result of a call that completes, None too, for `keep_for`. A call without a key (None) is
      not touched. Its key function's error comes out, and a key that has no hash is a `ConfigurationError`.
KE8   While a call with a key is under way, others with it wait for its result. When it fails, one of them is the next
      to try. Where a call cannot wait, or not until its deadline, it is refused: `KeyInUse`.
KE9   A key that is known from other arguments, or for another function, is refused: `KeyConflict`. Arguments are
      compared by their `repr`, and by their class where that has none of its own (it would name an address); given by
      name and given by position are different. A `repr` that raises fails the call, as a key function does.
"""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from sys import exc_info

from backstay.ambient import current_deadline
from backstay.drivers import background
from backstay.drivers.libraries import backend
from backstay.drivers.operation import asubstitute_for, substitute_for
from backstay.drivers.sync import in_event_loop
from backstay.errors import KeyConflict, KeyInUse, Missing
from backstay.kept import NOTHING, Kept, Waiting, kept_by
from backstay.lookup_keys import known_by
from backstay_core.failure import NEVER
from backstay_core.strategies.contract import LOOKUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from backstay.policy import Policy
    from backstay_core.entries import Flight
    from backstay_core.execution import Execution

    Wait = Generator[Flight, None, Any]

#  the calls that this code is inside of, of those that fetch something
INSIDE: ContextVar[tuple[Keeping, ...]] = ContextVar("backstay_keeping", default=())
#  what a call in the background was begun for: the strategy's state, and the flight
REFRESHING: ContextVar[tuple[Any, Flight] | None] = ContextVar("backstay_refreshing", default=None)


class Keeping:
    """One call's part in it: `look` for what is known, say what the call has `completed` with, and `leave` in any case.

    For drivers that step, `make` and `amake` are the operation that a SUBSTITUTE asks for, whatever strategy asks, and
    it is enough to say which operations are `attempted`.
    """

    __slots__ = ("_args", "_attempts", "_flights", "_function", "_inside", "_keys", "_kwargs", "_policy")

    def __init__(self, policy: Policy, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._policy = policy
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._keys: dict[Any, Any] = {}  # by the strategy's state: key and mark; absent: nothing is kept
        self._flights: dict[Any, Flight] = {}
        self._attempts: set[int] = set()
        self._inside = False

    # -- looking

    def make(self, execution: Execution, action: tuple[Any, ...]) -> Any:
        """In a thread. Raises `Missing`, a refusal, or what no strategy is asked about."""
        layer = execution.layers[action[3]]
        if layer.ROLE != LOOKUP:
            return substitute_for(execution, action, self._args, self._kwargs)
        return _found(self.look(layer, action[4]))

    async def amake(self, execution: Execution, action: tuple[Any, ...]) -> Any:
        """In a task. What is found is given as it is: it may be something that could be awaited."""
        layer = execution.layers[action[3]]
        if layer.ROLE != LOOKUP:
            return await asubstitute_for(execution, action, self._args, self._kwargs)
        return _found(await self.alook(layer, action[4]))

    def look(self, layer: Any, failure: Any = None) -> Any:
        """In a thread: what the strategy knows, or NOTHING; `failure`: what a stale value is to stand in for. Raises a
        refusal, or what no strategy is asked about."""
        looking = self._look(layer, failure, in_thread=True)
        try:
            flight = next(looking)
            bell = self._policy.ports.doorbell()
            while True:
                with Waiting(kept_by(layer), flight, bell.ring):
                    while not flight.over:
                        bell.wait(self._left(layer))
                flight = next(looking)
        except StopIteration as found:
            return found.value

    async def alook(self, layer: Any, failure: Any = None) -> Any:
        """The same in a task."""
        looking = self._look(layer, failure, in_thread=False)
        try:
            flight = next(looking)
            bell = backend().bell()
            while True:
                with Waiting(kept_by(layer), flight, bell.ring):
                    while not flight.over:
                        await bell.wait(self._policy.ports.in_loop(self._left(layer)))
                flight = next(looking)
        except StopIteration as found:
            return found.value

    def _left(self, layer: Any) -> int:
        """For how many ns the call may wait. Raises `KeyInUse` if its deadline has passed."""
        deadline = current_deadline()
        left = NEVER if deadline >= NEVER else deadline - self._policy.ports.clock()
        if left <= 0:
            raise KeyInUse(self._where(layer), "KEY_IN_USE", None)
        return left

    def _look(self, layer: Any, failure: Any, *, in_thread: bool) -> Wait:
        """Gives what is found, and until then each flight that is to be waited for."""
        options, kept, clock = layer.options, kept_by(layer), self._policy.ports.clock
        if failure is not None:
            return self._stale(layer, kept, clock())
        exclusive: bool = options.EXCLUSIVE
        where = self._where(layer)
        known = known_by(layer, self._function, (self._args, self._kwargs), where, clock)
        if known is None:
            return NOTHING
        self._keys[layer] = known
        key, mark = known
        claimed = REFRESHING.get()
        if claimed is not None and claimed[0] is layer and claimed[1].key == key and not claimed[1].over:
            self._flights[layer] = claimed[1]
        fresh = options.keep_for_ns if exclusive else options.fresh_for_ns
        more = 0 if exclusive else options.refresh_for_ns
        while layer not in self._flights:
            with kept.lock:
                entry, flight = kept.entries.find(key), kept.entries.flight(key)
                now = clock()
                age = NEVER if entry is None else now - entry.kept
                found = entry is not None and age < fresh + more
                known_as = (entry if found else None, flight)
                if exclusive and not all(one is None or one.mark == mark for one in known_as):
                    raise KeyConflict(where, "KEY_CONFLICT", None)
                lead = flight is None and (age >= fresh) and (exclusive or options.single or found)
                if lead:  # no call between: an interrupt must not leave a flight without a pilot
                    self._flights[layer] = kept.entries.take_off(key, mark)
                value = entry.value if found and entry is not None else NOTHING
            layer.tell(now, "hit" if found else "miss")
            if found:
                if lead:
                    self._refresh(layer, in_thread=in_thread)
                return value
            if lead or flight is None:
                break
            if (in_thread and in_event_loop()) or self._is_awaited_by(layer, flight):
                if exclusive:
                    raise KeyInUse(where, "KEY_IN_USE", None)
                break
            yield flight
            if flight.failed and not exclusive:
                break
        if layer in self._flights and not self._inside:
            self._inside = True
            INSIDE.set((*INSIDE.get(), self))
        return NOTHING

    def _is_awaited_by(self, layer: Any, flight: Flight) -> bool:
        """May whoever fetches this value wait for this call? It is inside that one, or it fetches something further in,
        from an attempt before or in the background."""
        if any(flight in call._flights.values() for call in INSIDE.get()):
            return True
        fetched = set(self._flights)
        claimed = REFRESHING.get()
        if claimed is not None and not claimed[1].over:
            fetched.add(claimed[0])
        layers = list(self._policy.layers)
        further = layers[layers.index(layer) + 1 :] if layer in layers else layers  # the policy may have changed
        return any(other in fetched for other in further)

    def _stale(self, layer: Any, kept: Kept, now: int) -> Any:
        if layer in self._keys:
            with kept.lock:
                entry = kept.entries.find(self._keys[layer][0])
            if entry is not None and now - entry.kept < layer.options.fresh_for_ns + layer.options.stale_for_ns:
                layer.tell(now, "stale")
                return entry.value
        return NOTHING

    def _where(self, layer: Any) -> str:
        return f"{self._policy.name}: {layer.options.KIND}"

    def _refresh(self, layer: Any, *, in_thread: bool) -> None:
        """Let a call in the background fetch the value (KE2)."""
        context = copy_context()
        context.run(REFRESHING.set, (layer, self._flights[layer]))
        context.run(INSIDE.set, ())
        begin = background.in_thread if in_thread else background.in_task
        if begin(context, self._policy, self._function, self._args, self._kwargs):
            del self._flights[layer]
        else:
            self._land(layer, failed=True)

    # -- keeping

    def attempted(self, token: int) -> None:
        self._attempts.add(token)

    def completed(self, token: int, value: Any) -> None:
        """The call completes with the value of this operation."""
        self.ended(value, attempted=token in self._attempts)

    def ended(self, value: Any, *, attempted: bool) -> None:
        """The call completes with this value, which an attempt has returned or a strategy has made up (KE1, KE7)."""
        if attempted:
            now = self._policy.ports.clock()
            for layer, (key, mark) in self._keys.items():
                if _counts(layer.options, value):
                    kept = kept_by(layer)
                    try:
                        with kept.lock:
                            kept.entries.keep(key, value, mark, now)
                            if layer in self._flights:
                                kept.entries.land(self._flights[layer], failed=False)
                        self._flights.pop(layer, None)
                    except Exception as error:  # keys that cannot be compared; the call has its result all the same
                        layer.tell(now, "uncached", error)
        if self._flights:
            self._land_all(failed=True)

    def leave(self) -> None:
        """The call is over, however it ended. Safe to repeat, and to be repeated if it was interrupted."""
        if self._flights:
            error = exc_info()[1]
            failed = error is None or isinstance(error, Exception)
            error = None
            self._land_all(failed=failed)
        if self._inside:
            inside = INSIDE.get()  # another one in a coroutine that is closed from elsewhere
            if self in inside:
                INSIDE.set(tuple(call for call in inside if call is not self))
            self._inside = False

    def _land_all(self, *, failed: bool) -> None:
        while self._flights:
            self._land(next(iter(self._flights)), failed=failed)

    def _land(self, layer: Any, *, failed: bool) -> None:
        """This call does not fetch any more what it was to fetch for this strategy."""
        kept = kept_by(layer)
        try:
            with kept.lock:
                kept.entries.land(self._flights[layer], failed=failed)
        except Exception:  # keys that cannot be compared: whoever waited has been woken
            pass
        self._flights.pop(layer, None)


def _found(value: Any) -> Any:
    if value is NOTHING:
        raise Missing
    return value


def _counts(options: Any, value: Any) -> bool:
    """Is this result kept?"""
    if options.EXCLUSIVE:
        return True
    if value is None and not options.negative:
        return False
    return options.results_match is None or not options.results_match(value)
