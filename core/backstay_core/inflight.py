"""Calls in flight as plain data: `save` one between two steps, `load` it into a policy that was *resumed*.

A call moves together with its policy: what it holds at a gate is a permit of the gate's epoch, and only the policy's
own snapshot says what that epoch remembers. Times are relative to the moment of the snapshot and may be negative (a
deadline that has passed and was not looked at yet).
"""

from backstay_core.execution import MISSED, PAUSED, QUEUED, RACING, RUNNING, Execution
from backstay_core.failure import ConfigurationError, Failure, SnapshotError
from backstay_core.holding import hold, read_ticket, ticket_data
from backstay_core.racing import Lane, Race
from backstay_core.rng import Rng
from backstay_core.state import RESUME, Fields, Reader, remaining, seal
from backstay_core.strategies.contract import DRIVER, FAULT, GATE, LOOKUP, RACE
from backstay_core.strategies.priority import Caller
from backstay_core.strategies.retry import Attempts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.policy import Policy

KIND = "call"
MODES = (RUNNING, QUEUED, PAUSED, RACING)
WITHIN = (RUNNING, RACING)  # the layer it is at is not its own affair


def save(execution: Execution, now: int) -> "dict[str, Any]":
    """The call, with times relative to `now` (ns). Raises `SnapshotError` unless it is between two steps."""
    return seal(KIND, execution.policy.fingerprint(), _body(execution, now))


def _body(execution: Execution, now: int) -> "dict[str, Any]":
    mode = execution.mode
    if mode not in MODES:
        raise SnapshotError(f"a call that is {mode} has no snapshot")
    at = execution.at
    layers = []
    for i in range(execution.base, at if mode in WITHIN else at + 1):
        layer = execution.layers[i]
        held: "Any" = execution.held[i]
        if layer.ROLE == GATE:
            held = ticket_data(held, layer, now) if i == at else layer.age(held, now)
        elif layer.ROLE == DRIVER:
            held = {"made": held.made, "age": now - held.began, "pause": held.pause, "rng": held.rng.state}
        else:
            held = None
        layers.append(
            {
                "age": now - execution.began[i],
                "remaining": remaining(execution.deadlines[i + 1], now),
                "held": held,
            }
        )
    race = execution.race
    return {
        "mode": mode,
        "at": at,
        "age": now - execution.now,
        "number": execution.number,
        "token": execution.token,
        "remaining": remaining(execution.deadlines[0], now),
        "layers": layers,
        "drawn": [[i, execution.held[i].state] for i in _drawing(execution)],
        "priority": execution.caller.priority,
        "tenant": execution.caller.tenant,
        "failed": _failed(execution),
        "race": None if race is None else _race_body(race, now),
    }


def _failed(execution: Execution) -> "dict[str, Any] | None":
    """The failure for which something stale is looked up (CA3)."""
    at = execution.at
    if execution.mode != RUNNING or at >= len(execution.layers) or execution.layers[at].ROLE != LOOKUP:
        return None
    held = execution.held[at]
    return None if held is None else {"failure": held[0].to_data(), "token": held[1]}


def _race_body(race: Race, now: int) -> "dict[str, Any]":
    kept = None
    if race.kept is not None:
        failure, value, token = race.kept
        label = value if isinstance(value, str) else None  # values stay with the host
        kept = {"failure": None if failure is None else failure.to_data(), "label": label, "token": token}
    return {
        "made": race.made,
        "next": remaining(race.next, now),
        "kept": kept,
        "lanes": [
            {
                "entered": now - lane.entered,
                "salt": lane.salt,
                "until": remaining(lane.until, now),
                "call": _body(lane, now),
            }
            for lane in race.lanes
        ],
    }


def load(data: "Any", policy: "Policy", now: int, wake: "Callable[[], object] | None") -> Execution:
    """The execution that `save` saw, in a policy that was resumed from a snapshot of the same moment.

    `wake` is called when a gate lets it in, as ever. Raises `SnapshotError`, and then no gate knows of the call.
    """
    execution = read_call(data, policy, now, wake)
    hold([execution], now)
    return execution


def read_call(data: "Any", policy: "Policy", now: int, wake: "Callable[[], object] | None") -> Execution:
    """The same, but that no gate knows of the call yet: `hold` is still to follow, for all calls that move together."""
    read = Reader(data, KIND, policy.fingerprint(), RESUME)
    execution = Execution(policy, wake, read.time("remaining", now), _caller(read))
    _read(execution, read, now)
    return execution


def _read(execution: Execution, read: Fields, now: int) -> None:
    """Fill in what `_body` has written."""
    policy = execution.policy
    mode = MODES[MODES.index(read.word("mode", MODES))]
    depth = len(policy.layers)
    base = execution.base
    at = read.integer("at", least=base, most=depth if mode == RUNNING else depth - 1)
    execution.now = now - read.signed("age")
    execution.number = read.signed("number")
    execution.token = read.integer("token")
    saved = read.nested("layers")
    if not isinstance(saved, (list, tuple)) or len(saved) != (at if mode in WITHIN else at + 1) - base:
        read.refuse("layers do not match the place that the call has reached")
    for i in range(base, base + len(saved)):
        layer = policy.layers[i]
        part = read.part(saved[i - base], f"layers[{i}]")
        execution.began[i] = now - part.signed("age")
        execution.deadlines[i + 1] = part.time("remaining", now)
        held = part.nested("held")
        if layer.ROLE == GATE and i == at:
            if execution.wake is None or not hasattr(layer, "rejoin"):
                read.refuse("this call cannot wait")
            ticket = part.part(held, f"layers[{i}].held")
            execution.held[i] = read_ticket(ticket, layer, now, execution.wake, execution.caller)
        elif layer.ROLE == GATE:
            execution.held[i] = layer.issued(part.optional("held", most=layer.EPOCHS - 1), now)  # type: ignore[attr-defined]
        elif layer.ROLE == LOOKUP:
            execution.held[i] = MISSED
        elif layer.ROLE == DRIVER:
            execution.held[i] = _attempts(part.part(held, f"layers[{i}].held"), now)
    for i, state in read.rows("drawn", 2, most=(1 << 64) - 1):
        if i >= depth or policy.layers[i].ROLE != FAULT:
            read.refuse(f"there is no fault at {i}")
        execution.held[i] = Rng(state)
    if (mode == RACING) != (policy.layers[at : at + 1] != () and policy.layers[at].ROLE == RACE):
        read.refuse("a race is where a Hedge is")
    execution.at = at
    failed = read.nested("failed")
    if failed is not None and mode == RUNNING and at < depth and policy.layers[at].ROLE == LOOKUP:
        part = read.part(failed, "failed")
        execution.held[at] = (_kept(part.nested("failure")) or Failure(), part.integer("token"))
    if mode == QUEUED and policy.layers[at].ROLE != GATE:
        read.refuse("a call that waits must wait at a gate")
    elif mode == PAUSED and policy.layers[at].ROLE != DRIVER and policy.layers[at].ROLE != FAULT:
        read.refuse("a call that pauses must pause at a driver or a fault")
    elif mode == RACING:
        execution.race = _race(execution, read.part(read.nested("race"), "race"), now)
    execution.mode = mode


def _race(execution: Execution, read: Fields, now: int) -> Race:
    layer: "Any" = execution.layers[execution.at]
    race = Race(execution, layer, execution.at)
    race.made = read.integer("made", least=1)
    race.next = read.time("next", now)
    kept = read.nested("kept")
    if kept is not None:
        part = read.part(kept, "kept")
        failure, label = part.nested("failure"), part.nested("label")
        race.kept = race.result = (_kept(failure), label if isinstance(label, str) else None, part.integer("token"))
    lanes = read.nested("lanes")
    if not isinstance(lanes, (list, tuple)) or not lanes:
        read.refuse("a race has attempts that are outstanding")
    for number in range(len(lanes)):
        part = read.part(lanes[number], f"lanes[{number}]")
        lane = Lane(race, 0, now - part.signed("entered"))
        lane.salt = part.integer("salt")
        _read(lane, part.part(part.nested("call"), "call"), now)
        if lane.race is not None:
            lane.until = lane.race.until
        elif lane.mode != RUNNING:
            lane.until = part.time("until", now)
        race.lanes.append(lane)
    race.until = race.awaited()
    return race


def _kept(failure: "Any") -> "Failure | None":
    try:
        return None if failure is None else Failure.from_data(failure)
    except ConfigurationError as error:
        raise SnapshotError(f"a failure that was kept: {error}") from None


def _drawing(execution: Execution) -> "list[int]":
    """The layers whose random stream goes on through the whole call (IN9)."""
    layers = execution.layers
    return [i for i in range(len(layers)) if layers[i].ROLE == FAULT and execution.held[i] is not None]


def _caller(read: Fields) -> Caller:
    try:
        return Caller(read.integer("priority"), read.nested("tenant"))
    except ConfigurationError as error:
        raise SnapshotError(str(error)) from None


def _attempts(read: Fields, now: int) -> Attempts:
    attempts = Attempts(now - read.signed("age"), Rng(read.integer("rng", most=(1 << 64) - 1)))
    attempts.made = read.integer("made", least=1)
    attempts.pause = read.integer("pause")
    return attempts
