"""Whatever a host hands in, it gets a typed error, and the engine and its other calls go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

from backstay_core import engine_state
from backstay_core.documents import EngineError, failure_of, parse, policies_of
from backstay_core.engine import MOST_CALLS
from backstay_core.engine import Engine as CoreEngine
from backstay_wasm import Engine, IncompatibleComponent, Limits

PLAIN = {"policies": [{"name": "p", "strategies": [{"kind": "bulkhead", "limit": 2}]}]}
MOST = (1 << 64) - 1
LATEST = (1 << 62) - 1


@pytest.fixture
def engine(engine_of: Callable[..., Engine]) -> Iterator[Engine]:
    """An engine with another call in flight, which must not notice anything."""
    made = engine_of(PLAIN)
    other = made.begin("p", 0)
    yield made
    assert made.report(0)["policies"][0]["strategies"][0]["inside"] == 1
    assert made.step(other.call, "ok", other.token, now=1).action == "complete"
    assert made.replacements == 0


def kind_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(EngineError) as caught:
        function(*args, **kwargs)
    assert caught.value.message
    return caught.value.kind


DOCUMENTS = {
    "empty": "",
    "no JSON": "{",
    "no object": "[]",
    "no policies": "{}",
    "none": '{"policies": []}',
    "a number for a name": '{"policies": [{"name": 1}]}',
    "an unknown kind": '{"policies": [{"name": "p", "strategies": [{"kind": "circuit_braker"}]}]}',
    "an unknown option": '{"policies": [{"name": "p", "strategies": [{"kind": "retry", "tries": 3}]}]}',
    "an unknown key": '{"policies": [{"name": "p"}], "extra": 1}',
    "a name twice": '{"policies": [{"name": "p"}, {"name": "p"}]}',
    "NaN": '{"policies": [{"name": "p", "strategies": [{"kind": "timeout", "seconds": NaN}]}]}',
    "infinity": '{"policies": [{"name": "p", "strategies": [{"kind": "timeout", "seconds": 1e999}]}]}',
    "digits without end": '{"policies": [{"name": "p", "seed": ' + "1" * 5000 + "}]}",
    "half a character": '{"policies": [{"name": "p", "strategies": [{"kind": "\\ud800"}]}]}',
    "brackets without end": "[" * 100_000,
    "brackets and their ends": "[" * 5000 + "]" * 5000,
    "brackets behind a quotation mark": '{"policies": "\\"' + "[" * 5000,
    "a shared strategy that is not there": '{"policies": [{"name": "p", "strategies": [{"shared": "db"}]}]}',
    "another name inside": '{"policies": {"p": {"name": "q"}}}',
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents_that_mean_nothing(engine: Engine, text: str):
    assert kind_of(engine.add, text) == "invalid-config"
    with pytest.raises(EngineError):
        policies_of(text, 0)


def test_brackets_in_texts_are_no_depth():
    deep = json.dumps({"a": "[" * 500, "b": '\\"' + "{" * 500})
    assert parse(deep, 10_000, "x") == json.loads(deep)


def test_a_document_that_is_no_data(engine: Engine):
    assert kind_of(engine.add, {"policies": [{"name": "p", "strategies": [{"kind": "fallback", "value": print}]}]}) == (
        "invalid-config"
    )


def test_ten_megabytes(engine: Engine):
    huge = "x" * 10_000_000
    assert kind_of(engine.add, huge) == "too-large"
    assert kind_of(engine.step, 1, "ok", 1, now=0, detail=huge) == "too-large"
    assert kind_of(engine.restore_policy, "p", {"x": huge * 2}, 0) == "too-large"
    assert kind_of(engine.control, "p", 0, huge, 0) == "too-large"


@pytest.mark.parametrize("number", [-1, 1 << 64, 1.5, "1", None, True])
def test_numbers_beyond_their_type(engine: Engine, number: Any):
    assert kind_of(engine.begin, 1, number) == "out-of-range"
    assert kind_of(engine.begin, number, 0) == ("unknown-policy" if number == "1" else "out-of-range")  # "1": a name
    assert kind_of(engine.step, 1, "ok", number, now=0) == "out-of-range"
    assert kind_of(engine.step, number, "ok", 1, now=0) == "out-of-range"
    assert kind_of(engine.close, number, 0) == "out-of-range"
    if number is not None:
        assert kind_of(engine.begin, 1, 0, deadline=number) == "out-of-range"
        assert kind_of(engine.add, PLAIN, number) == "out-of-range"


def test_callers_that_are_none():
    core = CoreEngine()
    core.load(json.dumps(PLAIN), 0)
    for text in ("", "{", "[]", "1", '{"rank": 1}', '{"priority": "vital"}', '{"priority": true}', '{"tenant": 5}'):
        assert kind_of(core.begin, 1, 0, None, False, text) == "invalid-caller", text
    assert kind_of(core.begin, 1, 0, None, False, " " * 70_000) == "too-large"
    assert core.begun == 0


def test_times_that_do_not_come(engine: Engine):
    for now in (LATEST + 1, MOST):
        assert kind_of(engine.begin, "p", now) == "out-of-range"
        assert kind_of(engine.step, 1, "wake", now=now) == "out-of-range"
        assert kind_of(engine.close, 1, now) == "out-of-range"
        assert kind_of(engine.snapshot, now) == "out-of-range"
        assert kind_of(engine.report, now) == "out-of-range"
    late = engine.begin("p", LATEST, deadline=MOST)
    assert engine.step(late.call, "ok", late.token, now=LATEST).action == "complete"


def test_handles(engine: Engine):
    assert kind_of(engine.begin, 2, 0) == kind_of(engine.begin, "q", 0) == kind_of(engine.unload, 0) == "unknown-policy"
    assert kind_of(engine.step, 99, "ok", 1, now=0) == kind_of(engine.close, 99, 0) == "unknown-call"
    assert kind_of(engine.step, 0, "ok", 1, now=0) == "unknown-call"
    call = engine.begin("p", 0)
    assert engine.step(call.call, "ok", call.token, now=0).over
    assert kind_of(engine.step, call.call, "ok", call.token, now=0) == "closed"
    assert engine.close(call.call, 0).action == engine.close(call.call, 0).action == "none"
    closed = engine.begin("p", 0)
    assert engine.close(closed.call, 0).action == "cancel"
    assert kind_of(engine.step, closed.call, "ok", closed.token, now=0) == "closed"
    assert kind_of(engine.unload, "p") == "busy"


def test_events_out_of_order_change_nothing(engine: Engine):
    call = engine.begin("p", 0)
    for event, token in (("ok", 7), ("error", 0), ("wake", 0), ("ok", MOST)):
        assert engine.step(call.call, event, token, now=0).action == "none"
    assert engine.step(call.call, "ok", call.token, now=0).over
    assert kind_of(engine.step, 1, "begin", now=0) == "invalid-event"
    assert kind_of(engine.step, 1, 3, now=0) == "invalid-event"


FAILURES = (
    "nonsense",
    "{",
    "{}x",
    '{"kind": "x"}',
    '{"kind": 1}',
    '{"context": {}}',
    '{"retry_after": "x"}',
    '{"retry_after": 1.5}',
    '{"injected": 1}',
    '{"code": "x"}',
    '{"\\ud800": 1}',
    "{" + '"a":{' * 300,
)


@pytest.mark.parametrize("detail", FAILURES)
def test_failures_that_mean_nothing(engine: Engine, detail: str):
    call = engine.begin("p", 0)
    assert kind_of(engine.step, call.call, "error", call.token, now=0, detail=detail) == "invalid-event"
    assert engine.step(call.call, "error", call.token, now=0, detail="timeout").action == "fail"
    with pytest.raises(EngineError):
        failure_of(detail)


def test_half_a_character_does_not_enter(engine: Engine):
    assert kind_of(engine.step, 1, "ok", 5, now=0, detail="\ud800") == "invalid-text"
    assert engine.step(1, "ok", 5, now=0, detail="\N{SNOWMAN}").action == "none"


def test_commands(engine: Engine):
    assert kind_of(engine.control, "p", 0, "force-open", 0) == "invalid-command"
    assert kind_of(engine.control, "p", 1, "auto", 0) == "out-of-range"
    assert kind_of(engine.control, "p", 1 << 32, "auto", 0) == "out-of-range"
    engine.add({"policies": [{"name": "b", "strategies": [{"kind": "circuit_breaker"}]}]})
    assert kind_of(engine.control, "b", 0, "__init__", 0) == "invalid-command"
    engine.control("b", 0, "force-open", 0)
    refused = engine.begin("b", 0)
    assert (refused.action, refused.failure and refused.failure.reason) == ("fail", "FORCED_OPEN")


def corrupted(text: str) -> Iterator[str]:
    yield from ("", "{}", "[]", "null", text[: len(text) // 2], text.replace('"schema":1', '"schema":9'))
    data = json.loads(text)
    for name in data["state"]:
        for value in (None, "x", -1, [1], {"a": 1}, [[1]], [[1, 2, 3, 4, 5]]):
            yield json.dumps({**data, "state": {**data["state"], name: value}})
        yield json.dumps({**data, "state": {key: value for key, value in data["state"].items() if key != name}})


def fits(text: str) -> bool:
    """Does it happen to be a snapshot all the same? The core raises nothing but the one error."""
    try:
        engine_state.restore(CoreEngine(), text, "resume", 5, None)
    except EngineError as error:
        return error.kind != "invalid-snapshot"
    return True


def test_snapshots_that_do_not_fit_leave_everything(engine: Engine):
    engine.begin("p", 0)
    text = engine.snapshot(5)
    for bad in corrupted(text):
        if not fits(bad):
            assert kind_of(engine.restore, bad, 5) == "invalid-snapshot"
    assert kind_of(engine.restore, text, 5, "whenever") == "invalid-snapshot"
    assert engine.snapshot(5) == text
    engine.close(2, 5)
    for wrong in ({}, {"schema": 1}, engine.snapshot_policy("p", 0) | {"options": "x"}):
        assert kind_of(engine.restore_policy, "p", wrong, 0) == "invalid-snapshot"


def test_no_more_calls_than_allowed():
    engine = CoreEngine()
    engine.load(json.dumps(PLAIN | {"policies": [{"name": "p"}]}), 0)
    for _ in range(MOST_CALLS):
        engine.begin(1, 0, None, False)
    assert kind_of(engine.begin, 1, 0, None, False) == "too-many"
    engine.close(1, 0)
    engine.begin(1, 0, None, False)


FOREIGN = {
    "random bytes": b"\x93\x01\xfe" * 500,
    "nothing": b"",
    "a module": b"\0asm\x01\0\0\0",
    "an empty component": b"\0asm\x0d\0\x01\0",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_engine_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "x.wasm"
    path.write_bytes(content)
    assert kind_of(Engine, component=path, cache=None) == "incompatible"


def test_a_component_that_is_cut_short(tmp_path: Path, component: Path):
    path = tmp_path / "x.wasm"
    content = component.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert kind_of(Engine, component=path, cache=None) == "incompatible"


OTHER = '(component (component $c) (instance $i (instantiate $c)) (export "backstay:reliability/{}" (instance $i)))'
STRANGERS = (
    ('(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))', "imports nothing"),
    (OTHER.format("calls@0.2.0"), "it lacks .* it exports backstay:reliability/calls@0.2.0"),
    (OTHER.format("calls@0.1.0"), "it lacks"),
)


@pytest.mark.parametrize(("text", "says"), STRANGERS)
def test_another_package_or_version(tmp_path: Path, text: str, says: str):
    path = tmp_path / "x.wasm"
    path.write_bytes(wat2wasm(text))
    with pytest.raises(IncompatibleComponent, match=says):
        Engine(component=path, cache=None)


def test_no_component_at_all(tmp_path: Path):
    with pytest.raises(IncompatibleComponent, match="no component"):
        Engine(component=tmp_path / "missing.wasm")


def test_a_memory_limit_that_is_too_small(engine_of: Callable[..., Engine]):
    with pytest.raises(IncompatibleComponent, match="memory"):
        engine_of(limits=Limits(memory=1 << 20))


WRONG_LIMITS: tuple[dict[str, Any], ...] = (
    *({"memory": value} for value in (0, -1, 1 << 33, 1e6, None, True)),
    *({"deadline": value} for value in (0, -1.0, 1e20, float("inf"), float("nan"), "1", None)),
    *({"fuel": value} for value in (0, -1, 1 << 60, 1.5, "x")),
)


@pytest.mark.parametrize("limits", WRONG_LIMITS, ids=str)
def test_limits_that_are_none(limits: dict[str, Any]):
    """Some of them would have meant no limit at all."""
    assert kind_of(Limits, **limits) == "out-of-range"


def test_a_shut_engine(engine_of: Callable[..., Engine]):
    engine = engine_of(PLAIN)
    engine.shut()
    engine.shut()
    assert kind_of(engine.begin, "p", 0) == kind_of(engine.report, 0) == "shut"
