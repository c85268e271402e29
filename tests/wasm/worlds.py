"""Conformance vectors through an engine: the host library's, or the core's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from backstay_core import engine_state
from backstay_core.engine import Engine as CoreEngine
from backstay_core.failure import NEVER, SnapshotError
from backstay_core.policy import Policy
from backstay_core.strategies.priority import Caller
from backstay_wasm import Decision, EngineError
from backstay_wasm.execution import RemoteExecution
from tests.conformance import simulate
from tests.conformance.simulate import ns

Vector = dict[str, Any]


class NativeEngine:
    """The core's engine, without a component, with the methods of the host library that a vector needs."""

    restored = 0

    def __init__(self) -> None:
        self.core = CoreEngine()
        self.wakes: dict[int, Callable[[], object]] = {}

    def load(self, text: str) -> int:
        return self.core.load(text, 0)

    def begin(
        self, policy: int, now: int, *, deadline: int | None = None, wake: Any = None, caller: Any = None
    ) -> Decision:
        who = caller and json.dumps({"priority": caller.priority, "tenant": caller.tenant})
        raw = self.core.begin(policy, now, deadline, wake is not None, who)
        if wake is not None:
            self.wakes[raw[0]] = wake
        return self.done(raw)

    def step(self, call: int, event: str, token: int = 0, *, now: int, detail: str | None = None) -> Decision:
        return self.done(self.core.step(call, event, token, now, detail))

    def close(self, call: int, now: int) -> Decision:
        return self.done(self.core.close(call, now))

    def done(self, raw: tuple[int, str, int, int, str | None]) -> Decision:
        decision = Decision(*raw[:4], parsed(raw[4]))
        for call in decision.woken:
            self.wakes[call]()
        return decision

    def attach(self, call: int, wake: Any) -> None:
        self.wakes[call] = wake

    def snapshot(self, now: int) -> str:
        return engine_state.snapshot(self.core, now, None)

    def restore(self, text: str, now: int) -> None:
        engine_state.restore(self.core, text, "resume", now, None)

    def snapshot_policy(self, policy: int, now: int, wall: int | None = None) -> Any:
        return parsed(self.core.snapshot_policy(policy, now, wall))

    def restore_policy(self, policy: int, data: Any, now: int, mode: str, wall: int | None) -> None:
        self.core.restore_policy(policy, json.dumps(data), mode, now, wall)

    def control(self, policy: int, position: int, command: str, now: int) -> None:
        self.core.control(policy, position, command, now)


def parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def document(vector: Vector) -> str:
    """The vector's policies as a document; a seed that is not written is 0."""
    policies = [
        {"seed": 0, **policy, "name": f"{number}: {policy['name']}"}
        for number, policy in enumerate([vector["policy"], *vector.get("others", [])])
    ]
    return json.dumps({"policies": policies, "shared": vector.get("shared", {})})


class Call(simulate.Call):
    """A call of the vector in the engine."""

    execution: Any

    def __init__(self, written: Any, policy: Any, agenda: Any, interruptible: bool) -> None:
        super().__init__(written, Policy("nothing"), agenda, interruptible)
        deadline = written.get("deadline")
        wake = self.woken if written.get("queue", True) else None
        self.failed: dict[int, Any] = {}
        caller = Caller(written.get("priority", "normal"), written.get("tenant", ""))
        self.execution = RemoteExecution(policy, wake, NEVER if deadline is None else ns(deadline), caller)

    def woken(self) -> None:
        if not self.execution.policy.world.moving:  # a restore wakes everybody: here that would lead to the next one
            super().woken()

    def step(self, event: Any, reads: int | None = None) -> None:
        if event[0] in ("ok", "error") and event[1] < 0:
            event = (event[0], (1 << 64) - 1, event[2])
        if event[0] == "error":
            self.failed.setdefault(event[1], event[2])
        self.execution.policy.before(self, self.agenda.now)
        super().step(event, reads)

    def carry_out(self, action: Any) -> Any:
        if action[0] == "fail" and action[1]:
            action = (*action[:2], self.failed[action[1]])
        return super().carry_out(action)


class World(simulate.World):
    """The policies of a vector in engines that `engines` makes; `move` may replace the engine before any step."""

    def __init__(self, vector: Vector, engine: Any, move: Callable[[Any, int], Any] | None) -> None:
        self.engine = engine
        self.move = move
        self.moving = False
        self.first = engine.load(document(vector))
        self.kept = None
        self.refused = []
        count = 1 + len(vector.get("others", []))
        self.policies = [Held(self, self.first + number) for number in range(count)]
        self.calls: list[Call] = []

    def manual(self, what: Any, now: int) -> None:
        engine, policy = self.engine, self.first
        if what["do"] == "keep":
            self.kept = engine.snapshot_policy(policy, now, now)
        elif what["do"] in ("resume", "revive"):
            snapshot = self.kept or engine.snapshot_policy(policy, now, now)
            if "damage" in what:
                snapshot["state"]["strategies"][what["damage"]]["options"] = "damaged"
            try:
                engine.restore_policy(policy, snapshot, now, what["do"], now)
            except (EngineError, SnapshotError):
                self.refused.append(now)
        else:
            engine.control(policy, what["strategy"], what["do"].replace("_", "-"), now)


class Held:
    """A policy of the engine that the world has at the moment, as `RemoteExecution` wants it."""

    def __init__(self, world: World, handle: int) -> None:
        self.world = world
        self.handle = handle
        self.layers = ()
        self.asks = True

    @property
    def engine(self) -> Any:
        return self.world.engine

    def label(self, value: Any) -> Any:
        return value

    def snapshot(self, now: int) -> Any:
        return self.engine.snapshot_policy(self.handle, now)

    def before(self, call: Call, now: int) -> None:
        world = self.world
        if call not in world.calls:
            world.calls.append(call)
        if world.move is not None:
            world.moving = True
            world.engine = world.move(world.engine, now)
            world.moving = False
            for each in world.calls:
                each.execution.restored = world.engine.restored  # every call has moved with its engine
                if each.execution.call and each.execution.mode != "over" and each.execution.wake is not None:
                    world.engine.attach(each.execution.call, each.execution.wake)


def run(vector: Vector, engine: Any, move: Callable[[Any, int], Any] | None = None) -> dict[str, Any] | None:
    """What the engine makes of the vector; None if the vector has predicates, which are no data."""
    if "raising" in vector:
        return None
    world = World(vector, engine, move)
    result: dict[str, Any] = simulate.run(vector, world=lambda _: world, call=Call)
    assert len(world.calls) == len(vector["calls"]), "they are the engine's"
    return result
