"""`Policy`: the surface of `backstay.Policy`, with decisions from the component.

A policy that is data moves into the sandbox by changing one import: ``from backstay_wasm import Policy``. Whatever the
host *performs* may be Python: the guarded function, a fallback's value or function, a cache's key. Whatever *decides*
may not: exception classes and predicates in `on` and `results` cannot enter, and are refused.
"""

from __future__ import annotations

import threading
import weakref
from types import SimpleNamespace
from typing import Any

from backstay import Cache, Fallback, Idempotency, Inject
from backstay import Policy as NativePolicy
from backstay.drivers import interpreted
from backstay.handles import HANDLES, Handle
from backstay_core.failure import ConfigurationError
from backstay_core.options import Options
from backstay_core.policy import Shared
from backstay_wasm.engine import Engine
from backstay_wasm.execution import RemoteExecution

_LOCK = threading.Lock()
_DEFAULT: list[Engine] = []


def default_engine() -> Engine:
    """The engine of policies that name none; made at its first use, from the installed component."""
    with _LOCK:
        if not _DEFAULT:
            _DEFAULT.append(Engine())
        return _DEFAULT[0]


def deciding(options: Options) -> Options:
    """The options as far as they decide: substitutes, and keys under which values are kept, are the host's affair."""
    if isinstance(options, (Cache, Idempotency)):
        return options.replace(key=None)
    return options.replace(value=None) if isinstance(options, (Fallback, Inject)) else options


class Policy(NativePolicy):
    """A policy whose state and decisions are in the component. Arguments as `backstay.Policy`; `engine` says where.

    What is not there yet is refused with the reason: `using`, `on`, the ``fallback`` decorator, strategies shared with
    policies of this process.
    """

    FRAMES: Any = interpreted
    EXECUTION: Any = RemoteExecution
    engine: Engine
    handle: int
    labels: frozenset[str]

    def __init__(
        self,
        name: str,
        *parts: Options | Shared,
        failures: Any = None,
        seed: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        for part in parts:
            if isinstance(part, Shared):
                raise ConfigurationError(
                    f"policy {name!r}: {part!r} lives in this process and cannot be shared with a component; "
                    "share strategies in the document that Engine.load() takes"
                )
        super().__init__(name, *parts, failures=failures, seed=seed)
        rows = [deciding(layer.options).to_data() for layer in self.layers]
        data = {"name": name, "seed": self.seed, "strategies": rows}
        where = default_engine() if engine is None else engine
        handle = where.add({"policies": [data]}, self.seed & ((1 << 64) - 1))[0]
        self._settle(where, handle)
        weakref.finalize(self, where.abandoned.append, handle).atexit = False

    @classmethod
    def inside(cls, engine: Engine, handle: int, row: dict[str, Any]) -> Policy:
        """The policy that `engine` holds under `handle` and was configured as `row`."""
        policy = cls.__new__(cls)
        parts = [cls.strategy_from_data(part, f"strategies[{i}]") for i, part in enumerate(row.get("strategies", []))]
        NativePolicy.__init__(policy, row["name"], *parts, seed=0)
        policy._settle(engine, handle)
        return policy

    def _settle(self, engine: Engine, handle: int) -> None:
        self._usual = type(self).EXECUTION  # also where the process is being traced, and a native policy has another
        self._go_by(self.ports)
        self.engine = engine
        self.handle = handle
        labels: set[str] = set()
        for layer in self.layers:
            match = getattr(layer.options, "results_match", None)
            labels.update(getattr(match, "labels", ()))
        self.labels = frozenset(labels)

    def label(self, value: Any) -> str | None:
        """What goes in of a value: itself, if it is one of the labels that `results` names."""
        return value if isinstance(value, str) and value in self.labels else None

    def snapshot(self, now: int, wall: int | None = None) -> dict[str, Any]:
        """The state inside; a `backstay.Policy` with the same options can take it over."""
        return self.engine.snapshot_policy(self.handle, now, wall)

    def restore(self, data: Any, now: int, mode: str, wall: int | None = None) -> None:
        """Take over a snapshot, also a `backstay.Policy`'s."""
        self.engine.restore_policy(self.handle, data, now, mode, wall)

    def __getitem__(self, kind: Any) -> Any:
        found: Any = super().__getitem__(kind)
        position = self.layers.index(found._state)
        remote: Any = RemoteState(self, position)
        return HANDLES.get(found.options.KIND, Handle)(remote, self)

    def using(self, **changes: Any) -> Any:
        raise ConfigurationError(f"policy {self.name!r} is in a component, where options cannot be changed for a call")

    def on(self, event: str, listener: Any) -> Any:
        raise ConfigurationError(f"policy {self.name!r} is in a component, which tells no events; use Engine.report()")

    def _fallback_of(self, guarded: Any, function: Any, asynchronous: bool) -> Any:
        def fallback(*_: Any, **__: Any) -> Any:
            raise ConfigurationError(f"policy {self.name!r} is in a component: give it Fallback(function) instead")

        return fallback


class RemoteState:
    """One strategy's state, as a handle reads it: every look is a snapshot."""

    def __init__(self, policy: Policy, position: int) -> None:
        self._policy = policy
        self._position = position
        self.options: Any = policy.layers[position].options

    def snapshot(self, now: int, wall: int | None = None) -> dict[str, Any]:
        data: dict[str, Any] = self._policy.snapshot(now, wall)["state"]["strategies"][self._position]
        return data

    def _control(self, command: str, now: int) -> None:
        self._policy.engine.control(self._policy.handle, self._position, command, now)

    def force_open(self, now: int) -> None:
        self._control("force-open", now)

    def force_closed(self, now: int) -> None:
        self._control("force-closed", now)

    def disable(self, now: int) -> None:
        self._control("disable", now)

    def enable(self, now: int) -> None:
        self._control("enable", now)

    def metrics_only(self, now: int) -> None:
        self._control("metrics-only", now)

    def auto(self, now: int) -> None:
        self._control("auto", now)

    def __getattr__(self, name: str) -> Any:
        now = self._policy.ports.clock()
        body = self.snapshot(now)["state"]
        if name == "until":
            return now + int(body["remaining"])
        if name == "enabled":
            return body["mode"] == "on"
        if name == "limit" and name not in body:  # a rate limit's depends on the time
            native = self.options.state()
            native.restore(self.snapshot(now), now, "revive")
            return native.limit
        if name == "budget" and body["budget"] is not None:
            return SimpleNamespace(**body["budget"]["state"])
        if name in body:
            return body[name]
        raise AttributeError(f"{self.options.KIND} has no {name} that can be seen from outside")
