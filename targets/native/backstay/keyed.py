"""Keyed policies: one policy, a state of its own for each host, tenant or endpoint.

Rules:

KY1   What a strategy remembers (a breaker's window, a bulkhead's places, a budget, the values of a Cache) is kept for
      each key. What has nothing to remember, an `Inject` and what is `shared` are the same for all keys.
KY2   At most `most` keys are remembered. A new one takes the place of the one that was used least recently.
KY3   A key that nobody has used for `idle` seconds is forgotten, at the next use of any key or up to an eighth later.
KY4   A key is not forgotten as long as a call of it is in flight or waits, or anybody holds its `KeyPolicy`, even if
      that makes more than `most`.
KY5   The key function gets the call's arguments. One that raises, one that is async and a key that cannot be hashed end
      the call with a `ConfigurationError`, before anything is asked or called.
KY6   Frames are compiled once for all keys and functions: a key costs its state only.
KY7   Events carry the key. Who listens to the policy hears the events of all its keys.
KY8   A snapshot holds the `most` keys used last; keys in it are texts, whole numbers and tuples of them.
KY9   When the policy gets other strategies, a key keeps the state of those whose options are the same.
KY10  Random pauses and jitter differ from key to key: each is numbered in the order in which it came.
"""

from __future__ import annotations

from _weakref import ref

from backstay.drivers import interpreted
from backstay.drivers.operation import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    flags_to_guard,
    is_coroutine,
)
from backstay.key_policy import LOCK, KeyPolicy, class_for
from backstay_core.execution import Execution
from backstay_core.failure import ConfigurationError, shown
from backstay_core.options import CHECKS, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from typing import Any, ParamSpec, TypeVar

    from backstay.policy import Policy

    P = ParamSpec("P")
    R = TypeVar("R")
    Function = TypeVar("Function", bound=Callable[..., Any])

MOST = Field("most", "count", "", least=1, most=100_000_000)
IDLE = Field("idle", "seconds", "", least=1e-9)
TICKS = 16  # of one idle time
SWEEP = 1000  # keys forgotten at once


class Keyed:
    """A policy with a state for each key; see the rules above. Made by `Policy.keyed`."""

    def __init__(self, policy: Policy, key: Callable[..., Hashable] | None, most: int, idle: float | None) -> None:
        where = f"policy {policy.name!r}: keyed"
        if policy.derived:
            raise ConfigurationError(f"{where}() is for the policy itself; this one borrows the states of another")
        if not issubclass(policy.EXECUTION, Execution):
            raise ConfigurationError(f"{where}() keeps states in this process, and this policy decides elsewhere")
        if key is not None and not callable(key):
            raise ConfigurationError(f"{where}(key=…) is a function of the call's arguments; got {shown(key)}")
        self.policy = policy
        self.key = key
        self.most: int = CHECKS["count"](f"{where}(most=…)", MOST, most)["most"]
        self.idle = idle
        self._unit = 0
        if idle is not None:
            self._unit = max(1, CHECKS["seconds"](f"{where}(idle=…)", IDLE, idle)["idle_ns"] // TICKS)
        self._entries: dict[Hashable, KeyPolicy] = {}
        self._root = KeyPolicy(None, 0, 0)  # of the ring: next is the key used least recently, prev the one used last
        self._root.next = self._root.prev = self._root
        self._gone: dict[Hashable, Any] = {}  # forgotten while in use, weakly (KY4)
        self._made = 0
        self._tick = 0
        self._variants: Any = None  # policies derived from those of keys, weakly by these
        self._idle_left = False  # there may be more idle keys than the last sweep has forgotten
        self._locked = policy.FRAMES is interpreted
        self.key_class = class_for(self)
        self.frame: Any = policy.FRAMES.frame_for(policy, None, asynchronous=False, as_argument=True, keyed=self)
        self.aframe: Any = policy.FRAMES.frame_for(policy, None, asynchronous=True, as_argument=True, keyed=self)
        policy.keep(self)

    def follow(self) -> None:
        """The policy has got other strategies (KY9). Keys follow when they are used."""
        self.key_class = class_for(self)

    # Keys

    def of(self, key: Hashable) -> KeyPolicy:
        """The policy of `key`, new if it is not known. Raises `ConfigurationError` if it cannot be hashed."""
        if self._locked:
            with LOCK:
                return self._find(key)
        return self._find(key)

    def _find(self, key: Hashable) -> KeyPolicy:
        if self._unit:
            tick = self.policy.ports.clock() // self._unit
            if tick != self._tick or self._idle_left:
                self._sweep(tick)
        try:
            entry = self._entries.get(key)
        except Exception as error:
            why = f"a key must be hashable; got {shown(key)}"
            raise ConfigurationError(f"policy {self.policy.name!r}: {why}") from error
        if entry is None or type(entry) is not self.key_class:
            entry = self._enter(key)
        root = self._root
        # -- straight line
        before = entry.prev
        if before is not None and root.prev is not entry:  # to the end of the ring
            after = entry.next
            last = root.prev
            before.next = after
            after.prev = before  # type: ignore[union-attr]
            entry.prev = last
            entry.next = root
            last.next = root.prev = entry  # type: ignore[union-attr]
        # -- end
        entry.used = self._tick
        return entry

    def _enter(self, key: Hashable) -> KeyPolicy:
        """A key that is new, or whose policy has changed."""
        with LOCK:
            old = self._entries.get(key)
            if old is None:
                reference = self._gone.get(key)
                old = None if reference is None else reference()
            if old is not None and type(old) is self.key_class:
                entry = old
            else:
                self._made += 1
                seed = (self.policy.seed + self._made * 0x9E3779B1) & 0x3FFFFFFF  # small, for there are many (KY10)
                entry = self.key_class(key, seed, self._tick)
                entry.fill([] if old is None else old.own())
                entry.calls = 0 if old is None else old.calls
            if entry.next is None:
                if old is not None and old is not entry and old.next is not None:
                    self._unlink(old)
                self._gone.pop(key, None)
                self._entries[key] = entry
                root = self._root
                last = root.prev
                entry.prev = last
                entry.next = root
                last.next = root.prev = entry  # type: ignore[union-attr]
                while len(self._entries) > self.most:
                    self._forget()
            return entry

    def _unlink(self, entry: KeyPolicy) -> None:
        # -- straight line
        before = entry.prev
        after = entry.next
        before.next = after  # type: ignore[union-attr]
        after.prev = before  # type: ignore[union-attr]
        entry.prev = None
        entry.next = None
        # -- end

    def _forget(self) -> None:
        """The key used least recently; it lives on while somebody uses it (KY4)."""
        entry: Any = self._root.next
        key, gone = entry.key, self._gone

        def over(reference: Any) -> None:
            if gone.get(key) is reference:
                gone.pop(key, None)

        gone[key] = ref(entry, over)
        self._unlink(entry)
        self._entries.pop(key, None)

    def _sweep(self, tick: int) -> None:
        """Time has passed: forget what is idle (KY3)."""
        with LOCK:
            if tick < self._tick:  # a clock of another time
                for entry in self._entries.values():
                    entry.used = tick
            self._tick = tick
            for _ in range(SWEEP):
                oldest: Any = self._root.next
                self._idle_left = oldest is not self._root and tick - oldest.used > TICKS
                if not self._idle_left:
                    return
                self._forget()

    def drop(self, key: Hashable) -> bool:
        """Forget `key` now, with its state; calls in flight end by what they hold. False if it is not known."""
        with LOCK:
            self._gone.pop(key, None)
            entry = self._entries.pop(key, None)
            if entry is not None:
                self._unlink(entry)
            return entry is not None

    def keys(self) -> list[Hashable]:
        """The keys that are remembered, the one used last at the end."""
        return [entry.key for entry in self.latest(len(self._entries))]

    def latest(self, most: int) -> list[KeyPolicy]:
        """The `most` keys used last, the last at the end."""
        found: list[KeyPolicy] = []
        with LOCK:
            entry: Any = self._root.prev
            while entry is not self._root and len(found) < most:
                found.append(entry)
                entry = entry.prev
        return found[::-1]

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def held(self) -> list[KeyPolicy]:
        """Every key's policy, also those forgotten while in use."""
        with LOCK:
            gone = [reference() for reference in list(self._gone.values())]
            return [*self._entries.values(), *(entry for entry in gone if entry is not None)]

    def put_aside(self) -> tuple[Any, ...]:
        """Begin without a history; what is returned brings it back (`bring_back`)."""
        with LOCK:
            before = self._entries, self._root, self._gone, self._made, self._tick
            root = KeyPolicy(None, 0, 0)
            root.next = root.prev = root
            self._entries, self._root, self._gone, self._made, self._tick = {}, root, {}, 0, 0
        return before

    def bring_back(self, before: tuple[Any, ...]) -> None:
        with LOCK:
            self._entries, self._root, self._gone, self._made, self._tick = before

    # Calls

    def for_call(self, /, *args: Any, **kwargs: Any) -> KeyPolicy:
        """The policy for a call with these arguments (KY5)."""
        function = self.key
        if function is None:
            raise ConfigurationError(f"policy {self.policy.name!r} has no key function; name the key: keyed.of(key)")
        try:
            key: Any = function(*args, **kwargs)
        except Exception as error:
            raise ConfigurationError(
                f"policy {self.policy.name!r}: its key function raised {type(error).__name__}: {error}"
            ) from error
        if is_coroutine(key):
            key.close()
            raise ConfigurationError(f"policy {self.policy.name!r}: a key function is not async")
        return self.of(key)

    def _for_packed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> KeyPolicy:
        return self.for_call(*args, **kwargs)

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """As `Policy.call`, under the policy of the arguments' key."""
        return self.for_call(*args, **kwargs).call(function, *args, **kwargs)

    async def acall(self, function: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """As `Policy.acall`, under the policy of the arguments' key."""
        return await self.for_call(*args, **kwargs).acall(function, *args, **kwargs)

    def __call__(self, function: Function) -> Function:
        """Decorate: the same function, each call under the policy of its arguments' key. Name, signature and
        documentation stay; generators are guarded too."""
        from functools import wraps

        flags = flags_to_guard(self.policy, function, generators=True)
        frame: Any
        if flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            from backstay.frames import generators

            asynchronous = bool(flags & CO_ASYNC_GENERATOR)
            frame = generators.frame_for(self.policy, function, asynchronous=asynchronous, keyed=self._for_packed)
        elif flags & CO_COROUTINE:

            async def frame_async(*args: Any, **kwargs: Any) -> Any:
                return await self.aframe(self.for_call(*args, **kwargs), function, *args, **kwargs)

            frame = frame_async
        else:

            def frame_sync(*args: Any, **kwargs: Any) -> Any:
                return self.frame(self.for_call(*args, **kwargs), function, *args, **kwargs)

            frame = frame_sync

        guarded: Any = wraps(function)(frame)
        return guarded  # type: ignore[no-any-return]

    # State

    def snapshot(self, now: int, wall: int | None = None, *, most: int = 100) -> dict[str, Any]:
        """The state of the `most` keys used last, as plain data (KY8). Raises `ConfigurationError` for a key that plain
        data cannot hold."""
        from backstay import key_snapshots

        return key_snapshots.take(self, now, wall, most)

    def restore(self, data: Any, now: int, mode: str, wall: int | None = None) -> None:
        """Take over a snapshot; keys that are not in it stay as they are. Raises `SnapshotError`, with nothing changed,
        if any part of it does not fit."""
        from backstay import key_snapshots

        key_snapshots.put_back(self, data, now, mode, wall)

    def __repr__(self) -> str:
        return f"<{self.policy!r} keyed, {len(self)} keys>"
