"""What docs/wasm-host.md says of the engine is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backstay_core import engine_state
from backstay_core.documents import EngineError
from backstay_core.engine import Engine
from backstay_core.failure import NEVER

GUIDE = (Path(__file__).parents[2] / "docs" / "wasm-host.md").read_text(encoding="utf-8")


def policy(*strategies: dict[str, Any]) -> tuple[Engine, int]:
    engine = Engine()
    return engine, engine.load(json.dumps({"policies": [{"name": "p", "strategies": strategies}]}), 0)


def more(decision: tuple[int, str, int, int, str | None]) -> Any:
    return json.loads(decision[4] or "{}")


@pytest.mark.parametrize(
    ("word", "document"),
    [
        ("at least one", {"policies": []}),
        ("`$schema`", {"policies": [{"name": "p"}], "$schema": "x"}),
        ("`environments`", {"policies": [{"name": "p"}], "environments": {}}),
        ("`failures`", {"policies": [{"name": "p", "failures": "timeout"}]}),
        ('{"kind": "budget"}', {"policies": [{"name": "p"}], "shared": {"retries": {"kind": "budget"}}}),
    ],
)
def test_what_a_document_may_not_hold(word: str, document: Any):
    with pytest.raises(EngineError) as caught:
        Engine().load(json.dumps(document), 0)
    assert caught.value.kind == "invalid-config"
    assert word in GUIDE


def test_a_deadline_that_does_not_come_is_none():
    engine, p = policy({"kind": "timeout", "seconds": 1})
    assert engine.begin(p, 0, NEVER, True) == (1, "attempt", 1, 10**9, None)


@pytest.mark.parametrize("wall", [None, 1_000])
def test_alarms_after_a_restore(wall: int | None):
    """t - now of the snapshot + now of the restore - passed."""
    engine, p = policy({"kind": "retry", "base": 1e-7, "backoff": "constant", "on": "timeout"})
    call = engine.begin(p, 0, None, True)[0]
    _, action, _, alarm, _ = engine.step(call, "error", 1, 0, "timeout")
    assert (action, alarm) == ("wait", 100)
    text = engine_state.snapshot(engine, 50, wall)
    passed = 0 if wall is None else 20
    engine_state.restore(engine, text, "resume", 80, None if wall is None else wall + passed)
    moved = alarm - 50 + 80 - passed
    assert engine.step(call, "wake", 0, moved - 1, None)[1] == "none"
    assert engine.step(call, "wake", 0, moved, None)[1] == "attempt"


def test_handles_after_a_restore():
    engine, p = policy({"kind": "bulkhead", "limit": 9})
    data = json.loads(engine_state.snapshot(engine, 0, None))
    later = engine.load('{"policies": [{"name": "later"}]}', 0)
    call = engine.begin(p, 0, None, True)[0]
    for begun, given in (("0", call), (str(call), call + 1)):
        data["state"]["begun"] = begun
        engine_state.restore(engine, json.dumps(data), "revive", 0, None)
        assert engine.load('{"policies": [{"name": "another"}]}', 0) == later
        assert engine.begin(p, 0, None, True)[0] == given


def test_a_call_is_woken_by_itself():
    engine, p = policy({"kind": "hedge", "after": 0, "idempotent": True}, {"kind": "bulkhead", "limit": 1, "queue": 1})
    call = engine.begin(p, 0, None, True)[0]
    assert engine.step(call, "wake", 0, 0, None)[1:] == ("wait", 0, NEVER, None)
    assert more(engine.step(call, "error", 1, 1, "timeout")) == {"woken": [call]}
    assert engine.step(call, "wake", 0, 1, None)[1:3] == ("attempt", 2)


def test_a_failure_that_an_inject_has_made_up():
    engine, p = policy({"kind": "inject", "fault": "error", "failure": "data", "enabled": True})
    failed = engine.begin(p, 0, None, True)
    assert failed[1:3] == ("fail", 0)
    assert more(failed)["failure"].items() >= {"kind": "data", "injected": True}.items()


def test_the_two_lookups_of_a_cache():
    engine, p = policy(
        {"kind": "cache", "fresh_for": 1, "stale_for": 1}, {"kind": "circuit_breaker", "window_calls": 5}
    )
    call, action, token, _, _ = first = engine.begin(p, 0, None, True)
    assert (action, more(first)) == ("substitute", {"position": 0})
    assert engine.step(call, "error", token, 0, "missing")[1:3] == ("attempt", 2)
    assert more(engine.step(call, "error", 2, 0, "timeout")) == {"position": 0, "operation": 2}
    assert engine.step(call, "ok", 3, 0, None)[1:3] == ("complete", 3)
    engine.control(p, 1, "force-open", 0)
    call = engine.begin(p, 0, None, True)[0]
    assert more(engine.step(call, "error", 1, 0, "missing")).keys() == {"position", "failure"}
