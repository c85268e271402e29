"""What policies remember, put aside for a while: inside they begin without a history, afterwards they have it back.

The states stay the same objects, because handles, frames and other policies hold them; what is *in* them is exchanged,
as it is, with the content of new ones. So a call that is under way when its policy is set aside settles in what it
entered, and finds its place given back there.

Policies whose state is not in this process keep it, moved to the other clock, and get it back as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstay_core.canonical import fnv1a
from backstay_core.execution import Execution
from backstay_core.rng import stream
from backstay_core.state import RESUME
from backstay_core.strategies.contract import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from backstay.policy import Policy

KEPT = ("options", "emit")  # what a state is, and who watches it: no history


class Aside:
    """The history of some policies. `restore` gives it back."""

    def __init__(self, policies: Iterable[Policy], seed: int) -> None:
        self._policies: list[tuple[Policy, int, int]] = []
        self._states: list[tuple[State, dict[str, Any]]] = []
        self._seen: set[int] = set()
        self._keyed: list[tuple[Any, Any]] = []
        self._elsewhere: list[tuple[Policy, Any]] = []
        for policy in policies:
            if not issubclass(type(policy).EXECUTION, Execution):
                self._move(policy)
                continue
            self._policies.append((policy, policy.seed, policy.calls))
            self._keyed += [(keyed, keyed.put_aside()) for keyed in policy.keyed_ones()]
            policy.calls = 0
            if not policy.seeded:
                policy.seed = int(fnv1a(f"{seed}: {policy.name}"), 16)
            for position, layer in enumerate(policy.layers):
                own = getattr(layer, "seed", 0) if policy.seeded else stream(policy.seed, 0, position + 1).next()
                self._put_aside(layer, own)

    def _move(self, policy: Policy) -> None:
        """To the other clock, which begins at 0."""
        try:
            snapshot = policy.snapshot(policy.ports.clock())
            policy.restore(snapshot, 0, RESUME)
        except Exception:  # what held it is gone, and it cannot be called either
            return
        self._elsewhere.append((policy, snapshot))

    def _put_aside(self, state: State, seed: int) -> None:
        if id(state) in self._seen:
            return
        self._seen.add(id(state))
        fresh = state.options.state(seed)
        history = {}
        for name in fields(state):
            value = getattr(state, name)
            if isinstance(value, State):  # a budget, which others may hold too
                self._put_aside(value, seed)
            else:
                history[name] = value
                setattr(state, name, getattr(fresh, name))
        self._states.append((state, history))

    def restore(self) -> None:
        for state, history in self._states:
            for name, value in history.items():
                setattr(state, name, value)
        for policy, seed, calls in self._policies:
            policy.seed = seed
            policy.calls = calls
        for keyed, before in self._keyed:
            keyed.bring_back(before)
        for policy, snapshot in self._elsewhere:
            try:
                policy.restore(snapshot, policy.ports.clock(), RESUME)
            except Exception:  # what held it is gone
                continue


def fields(state: State) -> Iterator[str]:
    """The names of what a state consists of."""
    for cls in type(state).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in KEPT and hasattr(state, name):
                yield name
    yield from getattr(state, "__dict__", ())
