"""`Engine`: the component with plain values in and out, safe from many threads."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from backstay_core.canonical import dumps
from backstay_core.documents import EngineError
from backstay_core.strategies.priority import Caller
from backstay_wasm.cache import Cache
from backstay_wasm.component import find
from backstay_wasm.instance import Instance, compiled
from backstay_wasm.marshal import Trap
from backstay_wasm.recovery import Begun, Recovering
from backstay_wasm.texts import Place, places_of, rows_of
from backstay_wasm.values import CallLost, Decision, Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay_wasm.policy import Policy

    Wake = Callable[[], object]


class Engine:
    """One instance of the component, and the calls in flight in it.

    Times are whole nanoseconds of one monotonic clock; `wit/` has the contract of each method, and every one raises
    `EngineError`, whose `kind` is a word for programs. `CallLost`, one of them, says that the instance broke and was
    replaced. All methods may be called from any thread; they take turns.

    `component` is the path of a component (else the installed one), `cache` where compiled ones are kept (None:
    nowhere), `debug` allows a component that imports WASI and shows its standard error.
    """

    def __init__(
        self,
        *,
        component: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
        cache: Cache | None = Cache(),  # noqa: B008 - it holds a path and nothing else
        debug: bool = False,
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self.compiled = compiled(find(component), fuel=self.limits.fuel is not None, debug=debug, store=cache)
        self.names: dict[str, int] = {}
        self._configured: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()
        self._wakes: dict[int, Wake] = {}
        self.restored = 0  # times
        self._places: dict[int, Place] = {}  # of the calls that came with the latest of them
        self._closed = False
        self.abandoned: list[int] = []  # policies that nobody holds any more; unloaded when others come
        self._inside = Recovering(lambda: Instance(self.compiled, self.limits))

    @classmethod
    def load(cls, config: str | dict[str, Any], *, seed: int | None = None, **options: Any) -> Self:
        """An engine with the policies of a document: JSON text, or what it says as a dict. `options` as above."""
        engine = cls(**options)
        try:
            engine.add(config, seed)
        except BaseException:
            engine.shut()
            raise
        return engine

    # -- configuration

    def add(self, config: str | dict[str, Any], seed: int | None = None) -> list[int]:
        """Add the policies of a document; their handles, in its order. Without a `seed`, a random one."""
        if isinstance(config, str):
            text = config
        else:
            try:
                text = json.dumps(config, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise EngineError("invalid-config", f"this cannot be written as JSON: {error}") from None
        with self._lock:
            self._unload_abandoned()
            first = self._tell("load", (text, secrets.randbits(63) if seed is None else seed))
            rows = rows_of(text)
            for number, (name, row) in enumerate(rows):
                self.names[name] = first + number
                self._configured[name] = row
            return list(range(first, first + len(rows)))

    def policy(self, name: str) -> Policy:
        """The policy of that name with the surface of `backstay.Policy`. Raises `KeyError`."""
        from backstay_wasm.policy import Policy

        return Policy.inside(self, self.names[name], self._configured[name])

    def unload(self, policy: int | str) -> None:
        """Forget a policy that has no calls in flight."""
        with self._lock:
            handle = self._handle(policy)
            self._tell("unload", (handle,))
            for name in [name for name, known in self.names.items() if known == handle]:
                del self.names[name], self._configured[name]

    # -- calls

    def begin(
        self,
        policy: int | str,
        now: int,
        *,
        deadline: int | None = None,
        queue: bool = False,
        wake: Wake | None = None,
        caller: Caller | None = None,
    ) -> Decision:
        """Begin a call. `caller` says whose it is, for gates with `shed` or `fair`. `wake` is called, from whichever
        thread makes room, when a gate has let the call in, and when calls may be gone; it must not block. With `queue`
        alone the caller reads `Decision.woken` itself."""
        who = None if caller is None else dumps({"priority": caller.priority, "tenant": caller.tenant})
        waits = wake is not None or bool(queue)
        begun = Begun()
        try:
            with self._lock:
                args = self._handle(policy), now, deadline, waits, who
                decision: Decision = self._tell("begin", args, begun=begun)
                if wake is not None and not decision.over:
                    self._wakes[decision.call] = wake
        except BaseException:
            if begun.call:  # an interrupt; nobody has its handle
                self.close(begun.call, now)
            raise
        return decision

    def step(self, call: int, event: str, token: int = 0, *, now: int, detail: str | None = None) -> Decision:
        """Tell a call what has happened: "ok", "error", "wake" or "abort"."""
        with self._lock:
            decision: Decision = self._tell("step", (call, event, token, now, detail), call)
            if decision.over or event == "abort":
                self._wakes.pop(call, None)
        return decision

    def attach(self, call: int, wake: Wake) -> None:
        """Have `wake` called when a gate lets this call in: for calls that came with a snapshot."""
        with self._lock:
            self._wakes[call] = wake

    def close(self, call: int, now: int) -> Decision:
        """The caller has gone, or the call is over. Harmless at the end of every call."""
        with self._lock:
            decision: Decision = self._tell("close", (call, now), call)
            self._wakes.pop(call, None)
        return decision

    # -- state and operation

    def snapshot(self, now: int, wall: int | None = None) -> str:
        """Everything, calls in flight included, as JSON text."""
        return str(self._ask("snapshot", (now, wall)))

    def restore(self, snapshot: str, now: int, mode: str = "resume", wall: int | None = None) -> None:
        """Become what the snapshot says. Calls of this engine that it does not have where they stand are lost.

        Times in it are relative: of calls that live on, alarms stay only with the snapshot's own `now`, or with `wall`
        on both sides; otherwise they move by as much as `now` has moved (see `docs/wasm-host.md`).
        """
        with self._lock:
            self._tell("restore", (snapshot, mode, now, wall))  # and tell all who wait to look
            self._become(json.loads(snapshot)["state"], mode)
            self._inside.take_snapshot()

    def _become(self, state: dict[str, Any], mode: str) -> None:
        """Know of policies and calls what a snapshot says that was restored."""
        before = {handle: self._configured[name] for name, handle in self.names.items()}
        self._inside.begun = int(state["begun"])
        loaded = {int(first) + i: row for text, _, first in state["documents"] for i, row in enumerate(rows_of(text))}
        policies = sorted(int(handle) for handle, _ in state["policies"])
        self.names = {loaded[handle][0]: handle for handle in policies}
        self._configured = dict(loaded[handle] for handle in policies)
        rows = state["calls"] if mode == "resume" else []
        same = {handle for handle in policies if before.get(handle) == loaded[handle][1]}
        self._places = {call: place for call, place in places_of(rows) if place[0] in same}
        known = {call for call, _ in places_of(rows)}
        self._wakes = {call: wake for call, wake in self._wakes.items() if call in known}
        self.restored += 1

    def stands(self, call: int, policy: int, token: int, waits: bool) -> bool:
        """Did this call come with the latest snapshot, of that very policy and where its host believes it to be?"""
        return self._places.get(call) == (policy, token, waits)

    def snapshot_policy(self, policy: int | str, now: int, wall: int | None = None) -> dict[str, Any]:
        """One policy's state, as `backstay.Policy.snapshot` gives it."""
        with self._lock:
            data: dict[str, Any] = json.loads(self._ask("snapshot-policy", (self._handle(policy), now, wall)))
        return data

    def restore_policy(
        self, policy: int | str, snapshot: dict[str, Any], now: int, mode: str = "revive", wall: int | None = None
    ) -> None:
        """Take over one policy's state, from here or from the native target."""
        try:
            text = json.dumps(snapshot, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise EngineError("invalid-snapshot", f"this cannot be written as JSON: {error}") from None
        with self._lock:
            self._tell("restore-policy", (self._handle(policy), text, mode, now, wall))

    def control(self, policy: int | str, position: int, command: str, now: int) -> None:
        """An operator's hand on the strategy at `position`: "force-open", "auto", …"""
        with self._lock:
            self._tell("control", (self._handle(policy), position, command, now))

    def report(self, now: int) -> dict[str, Any]:
        """What there is, for people and monitors."""
        data: dict[str, Any] = json.loads(self._ask("report", (now,)))
        return data

    @property
    def replacements(self) -> int:
        """How often the instance broke and was replaced."""
        return self._inside.replacements

    def shut(self) -> None:
        """Give the memory back. Every later call is an error of kind "shut"."""
        with self._lock:
            self._closed = True
            self._wakes.clear()
            self._inside.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()

    # -- inside

    def _unload_abandoned(self) -> None:
        for handle in self.abandoned[:]:
            try:
                self.unload(handle)
            except EngineError as error:
                if error.kind == "busy":
                    continue
            self.abandoned.remove(handle)

    def _handle(self, policy: int | str) -> int:
        if isinstance(policy, str):
            found = self.names.get(policy)
            if found is None:
                raise EngineError("unknown-policy", f"there is no policy {policy!r}")
            return found
        return policy

    def _tell(self, name: str, args: tuple[Any, ...], call: int | None = None, begun: Begun | None = None) -> Any:
        if self._closed:
            raise EngineError("shut", "this engine is shut")
        try:
            return self._inside.tell(name, args, begun)
        except Trap as trap:
            if call is not None:
                self._wakes.pop(call, None)
            raise CallLost(trap.kind, f"{name}: {trap.message}; the instance was replaced", call) from None
        finally:
            self._ring()

    def _ask(self, name: str, args: tuple[Any, ...]) -> Any:
        with self._lock:
            if self._closed:
                raise EngineError("shut", "this engine is shut")
            try:
                return self._inside.ask(name, args)
            except Trap as trap:
                raise CallLost(trap.kind, f"{name}: {trap.message}; the instance was replaced") from None
            finally:
                self._ring()

    def _ring(self) -> None:
        """Tell those whom a gate has let in, and after a loss all who wait. What an interrupt leaves is told later."""
        inside = self._inside
        woken = inside.woken
        if inside.all_woken:
            woken[:] = self._wakes
            inside.all_woken = False
        while woken:
            call = woken[0]
            del woken[0]
            try:
                wake = self._wakes.get(call)
                if wake is not None:
                    wake()
            except Exception:  # its loop is closed: nobody will come for the place
                self.close(call, inside.now)
            except BaseException:
                woken.insert(0, call)
                raise
