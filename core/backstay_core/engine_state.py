"""The state of a whole engine: snapshot, restore, report (rule EN5 of `backstay_core.engine`)."""

from backstay_core import __version__
from backstay_core.canonical import dumps
from backstay_core.documents import (
    LONGEST_CONFIGURATION,
    LONGEST_DETAIL,
    LONGEST_SNAPSHOT,
    MOST_POLICIES,
    EngineError,
    number,
    parse,
    policies_of,
)
from backstay_core.engine import MOST, MOST_CALLS, Call, Document, Engine, check
from backstay_core.failure import NEVER, SnapshotError, shown
from backstay_core.holding import hold
from backstay_core.inflight import read_call, save
from backstay_core.state import REVIVE, Reader, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONTRACT = "0.1.0"
MOST_HANDLE = (1 << 53) - 1  # in a snapshot: there is room for those to come


def snapshot(engine: Engine, now: int, wall: "int | None") -> str:
    """Everything, calls in flight included."""
    check(now, NEVER - 1)
    calls = []
    for handle in sorted(engine.calls):
        call = engine.calls[handle]
        queue = call.execution.wake is not None
        calls.append([handle, call.policy, queue, save(call.execution, now)])
    body = {
        "given": engine.given,
        "begun": engine.begun,
        "woken": engine.woken[:],
        "documents": [[document.text, document.seed, document.first] for document in engine.documents],
        "policies": [[handle, engine.policies[handle].snapshot(now)] for handle in sorted(engine.policies)],
        "calls": calls,
    }
    return dumps(seal("engine", CONTRACT, body, wall))


def restore(engine: Engine, snapshot: str, mode: str, now: int, wall: "int | None") -> None:
    """Become what the snapshot says; what was here before is forgotten. *revive* leaves the calls out."""
    check(now, NEVER - 1)
    data = parse(snapshot, LONGEST_SNAPSHOT, "invalid-snapshot")
    fresh = Engine()
    try:
        _load(fresh, Reader(data, "engine", CONTRACT, mode, wall), now)
    except SnapshotError as error:
        raise EngineError("invalid-snapshot", str(error)) from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise EngineError("invalid-snapshot", f"this is no snapshot of an engine: {error}") from None
    except EngineError as error:
        raise EngineError("invalid-snapshot", error.message) from None
    engine.documents, engine.policies, engine.calls = fresh.documents, fresh.policies, fresh.calls
    engine.woken, engine.given, engine.begun = fresh.woken, fresh.given, fresh.begun


def _load(engine: Engine, read: Reader, now: int) -> None:
    engine.given = read.integer("given", most=MOST_HANDLE)
    engine.begun = read.integer("begun", most=MOST_HANDLE)
    then = now - read.elapsed
    for text, seed, first in read.table("documents", 3):
        seed = _whole(read, "a seed", seed, 0, MOST)
        first = _whole(read, "a policy", first, 1, engine.given)
        document = Document(text, seed, first, policies_of(text, seed))
        for i in range(len(document.policies)):
            if first + i > engine.given or first + i in engine.policies:
                read.refuse(f"policy {first + i} was never given, or is there twice")
        engine.enter(document)
    loaded, engine.policies = engine.policies, {}
    for handle, state in read.table("policies", 2):
        handle = _whole(read, "a policy", handle, 1, engine.given)
        if handle not in loaded or len(engine.policies) >= MOST_POLICIES:
            read.refuse(f"policy {handle} is in no document, is there twice, or is one of too many")
        engine.policies[handle] = loaded.pop(handle)
        engine.policies[handle].restore(state, then, read.mode)
    if read.mode == REVIVE:
        return
    calls = read.table("calls", 4)
    if len(calls) > MOST_CALLS:
        read.refuse(f"more than {MOST_CALLS} calls are open")
    for handle, policy, queue, saved in calls:
        handle = _whole(read, "a call", handle, 1, MOST_HANDLE)
        call = Call(handle, _whole(read, "a policy", policy, 1, engine.given), engine.woken)
        if handle > engine.begun or handle in engine.calls:
            read.refuse(f"call {handle} was never begun, or is there twice")
        if call.policy not in engine.policies:
            read.refuse(f"call {handle} is of policy {call.policy}, which is not there")
        call.execution = read_call(saved, engine.policies[call.policy], then, call.wake if queue is True else None)
        engine.calls[handle] = call
    hold([engine.calls[handle].execution for handle in engine.calls], then)
    engine.woken.extend([handle for handle in read.integers("woken") if handle in engine.calls])


def _whole(read: Reader, name: str, value: "Any", least: int, most: int) -> int:
    """A whole number of a snapshot, perhaps as decimal text."""
    found = number(value, least, most)
    if found is None:
        read.refuse(f"{name} is a whole number from {least} to {most}; got {shown(value)}")
    return found  # type: ignore[return-value]


def report(engine: Engine, now: int) -> str:
    """What there is, for people and monitors: versions, limits, policies and their strategies' states."""
    check(now, NEVER - 1)
    open_calls: "dict[int, int]" = {}
    for handle in engine.calls:
        policy = engine.calls[handle].policy
        open_calls[policy] = open_calls.get(policy, 0) + 1
    return dumps(
        {
            "contract": CONTRACT,
            "core": __version__,
            "limits": {
                "calls": MOST_CALLS,
                "policies": MOST_POLICIES,
                "configuration": LONGEST_CONFIGURATION,
                "detail": LONGEST_DETAIL,
                "snapshot": LONGEST_SNAPSHOT,
            },
            "calls": len(engine.calls),
            "begun": engine.begun,
            "policies": [
                {
                    "policy": handle,
                    "name": engine.policies[handle].name,
                    "fingerprint": engine.policies[handle].fingerprint(),
                    "calls": open_calls.get(handle, 0),
                    "strategies": [
                        dict(layer.body(now), kind=layer.options.KIND) for layer in engine.policies[handle].layers
                    ],
                }
                for handle in sorted(engine.policies)
            ],
        }
    )
