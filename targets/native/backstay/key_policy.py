"""The policy of one key of a keyed policy: its states, and what a call asks of its policy; see `backstay.keyed`."""

from __future__ import annotations

import os
from _thread import RLock

from backstay.drivers.operation import CO_COROUTINE, flags_to_guard
from backstay.handles import handle_of
from backstay.watching import Hub
from backstay_core.events import Event
from backstay_core.failure import ConfigurationError
from backstay_core.policy import Shared
from backstay_core.rng import Rng, stream
from backstay_core.strategies.cache import Keeper
from backstay_core.strategies.contract import State, inform
from backstay_core.strategies.inject import Faults
from backstay_core.strategies.retry import Retrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from typing import Any, ParamSpec, TypeVar

    from backstay.blocks import Attempts
    from backstay.handles import Handle
    from backstay.keyed import Keyed
    from backstay.policy import Policy

    P = ParamSpec("P")
    R = TypeVar("R")

#  held while a key comes, goes or changes, never while a call runs
LOCK = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOCK._at_fork_reinit)  # type: ignore[attr-defined]


class KeyEmit:
    """What the states of one key emit to: the hub of the policy's own, with the key (KY7)."""

    __slots__ = ("_hub", "_key")

    def __init__(self, hub: Hub, key: Hashable) -> None:
        self._hub = hub
        self._key = key

    def __call__(self, now: int, name: str, detail: Any) -> None:
        self._hub.tell(Event(now, self._hub.source, name, detail, self._key))


class KeyPolicy:
    """The policy of one key: calls like a `Policy`, and `calls` counts from 0 here (PO3). `key` is its key.

    What is used is of a subclass (`class_for`): it has a slot for each state that is the key's own, and knows of which
    layers they are, so that a policy that changes has another class.
    """

    __slots__ = ("__weakref__", "calls", "key", "next", "prev", "seed", "used")
    keyed: Keyed
    made_of: tuple[State, ...] = ()  # the policy's own
    OWN: tuple[int, ...] = ()  # positions of states that are not common to all keys

    def __init__(self, key: Hashable, seed: int, used: int) -> None:
        self.key = key
        self.seed = seed
        self.used = used
        self.calls = 0
        self.prev: KeyPolicy | None = None  # in the order of use
        self.next: KeyPolicy | None = None

    def fill(self, before: list[State]) -> None:
        """Make its states; those of `before` with the same options stay (KY9)."""
        for position in self.OWN:
            layer: Any = self.made_of[position]
            state = next((old for old in before if type(old) is type(layer) and old.options == layer.options), None)
            if state is None:
                state = layer.options.state(self.seed)
                if isinstance(layer.emit, Hub):
                    state.emit = KeyEmit(layer.emit, self.key)
            else:
                before.remove(state)
            setattr(self, f"s{position}", state)

    def current(self) -> KeyPolicy:
        """This, or what has taken its place since the policy got other strategies."""
        return self if type(self) is self.keyed.key_class else self.keyed.of(self.key)

    def own(self) -> list[Any]:
        """Those of its states that are not common to all keys."""
        return [getattr(self, f"s{position}") for position in self.OWN]

    def watch(self) -> None:
        """Somebody listens now."""
        for position, state in zip(self.OWN, self.own(), strict=True):
            hub = self.made_of[position].emit
            if state.emit is None and isinstance(hub, Hub):
                state.emit = KeyEmit(hub, self.key)

    # What a call asks of its policy

    @property
    def layers(self) -> tuple[Any, ...]:
        """Its strategies' states, outermost first."""
        entry = self.current()
        layers: list[Any] = list(entry.made_of)
        for position in entry.OWN:
            layers[position] = getattr(entry, f"s{position}")
        return tuple(layers)

    @property
    def name(self) -> str:
        return self.keyed.policy.name

    @property
    def ports(self) -> Any:
        return self.keyed.policy.ports

    @property
    def draws(self) -> bool:
        return self.keyed.policy.draws

    @property
    def asks(self) -> bool:
        return self.keyed.policy.asks

    def caller(self) -> Any:
        """As `Policy.caller`."""
        return self.keyed.policy.caller()

    @property
    def bounded(self) -> bool:
        return self.keyed.policy.bounded

    @property
    def races(self) -> bool:
        return self.keyed.policy.races

    @property
    def looks(self) -> bool:
        return self.keyed.policy.looks

    @property
    def threads(self) -> Any:
        return self.keyed.policy.threads

    @property
    def EXECUTION(self) -> Any:
        return self.keyed.policy.EXECUTION

    @property
    def emit(self) -> KeyEmit | None:
        hub = self.keyed.policy.emit
        return KeyEmit(hub, self.key) if isinstance(hub, Hub) else None

    def tell(self, now: int, event: str, detail: Any = None) -> None:
        emit = self.emit
        if emit is not None:
            inform(emit, now, event, detail)

    def next_call(self) -> int:
        number = self.calls
        self.calls = number + 1
        return number

    def stream(self, number: int, position: int) -> Rng:
        return stream(self.seed, number, position)

    # What people do with it

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """As `Policy.call`."""
        keyed = self.keyed
        if flags_to_guard(keyed.policy, function) & CO_COROUTINE:
            raise ConfigurationError(f"policy {self.name!r}: call() of a coroutine function; use await acall()")
        result: R = keyed.frame(self.current(), function, *args, **kwargs)
        return result

    async def acall(self, function: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """As `Policy.acall`."""
        flags_to_guard(self.keyed.policy, function)
        result: R = await self.keyed.aframe(self.current(), function, *args, **kwargs)
        return result

    def attempts(self) -> Attempts:
        """As `Policy.attempts`."""
        from backstay.blocks import Attempts

        return Attempts(self)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def using(self, **changes: Any) -> Policy:
        """As `Policy.using`: gates and budgets are those of this key."""
        from backstay.derivation import of_key

        return of_key(self.current(), changes)

    def __getitem__(self, kind: Any) -> Handle:
        """As `Policy.__getitem__`: the handle of this key's strategy."""
        return handle_of(self, kind)

    def __repr__(self) -> str:
        return f"<policy {self.name!r} for {self.key!r}>"


def class_for(keyed: Keyed) -> type[KeyPolicy]:
    """The class of the key policies of `keyed`, for the strategies that its policy has now."""
    policy = keyed.policy
    own = tuple(x for x, layer in enumerate(policy.layers) if not _is_common(layer, policy.strategies[x]))
    slots = tuple(f"s{position}" for position in own)
    return type("KeyPolicy", (KeyPolicy,), {"__slots__": slots, "keyed": keyed, "made_of": policy.layers, "OWN": own})


def _is_common(layer: State, part: Any) -> bool:
    """Is this strategy one for all keys (KY1)?"""
    if isinstance(part, Shared) or isinstance(layer, Faults):
        return True
    if isinstance(layer, Keeper):
        return False  # one tenant's values are not for another
    if type(layer).body is State.body:
        return True
    return isinstance(layer, Retrier) and (layer.budget is None or isinstance(layer.options.budget, Shared))
