"""The component decides every vector as it is written, also when it is replaced between any two steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from backstay_wasm import Engine
from tests.conformance import simulate
from tests.conformance.moving import what_decides
from tests.conformance.test_vectors import CURRENT, expected_calls, ns
from tests.portability.vectors import random_vectors
from tests.wasm.worlds import NativeEngine, Vector, document, run

RAISING = [name for name, vector in CURRENT.items() if "raising" in vector]


class Loading(Engine):
    """The host library's engine, as `worlds` wants it."""

    def load(self, text: str) -> int:  # type: ignore[override]
        return self.add(text, 0)[0]


@pytest.fixture
def make(component: Any, cache: Any) -> Any:
    engines: list[Engine] = []

    def made() -> Any:
        engines.append(Loading(component=component, cache=cache))
        return engines[-1]

    yield made
    for engine in engines:
        engine.shut()


def differences(vectors: dict[str, Vector], engine: Callable[[], Any], move: Any = None) -> dict[str, Any]:
    different = {}
    for name, vector in vectors.items():
        made = engine()
        found = run(vector, made, move)
        if getattr(made, "shut", None):
            made.shut()
        expected = simulate.run(vector)
        if move is not None and found is not None:
            found, expected = what_decides(found), what_decides(expected)
        if found is not None and found != expected:
            different[name] = {"expected": expected, "found": found}
    return different


def test_every_vector_is_decided_as_written(make: Any) -> None:
    for name, vector in CURRENT.items():
        engine = make()
        found = run(vector, engine)
        engine.shut()
        if found is None:
            assert name in RAISING
            continue
        assert found["calls"] == expected_calls(vector), vector["what"]
        assert found["refused"] == [ns(at) for at in vector["expect"].get("refused", [])], vector["what"]
        for state, written in zip(found["final"], vector["expect"].get("final", []), strict=False):
            assert {key: state.get(key) for key in written} == written, vector["what"]


def test_the_cores_own_engine_decides_them_too() -> None:
    different = differences(CURRENT, NativeEngine)
    assert not different, json.dumps(different, indent=1)


def test_random_policies_and_timelines(make: Any) -> None:
    vectors = {vector["name"]: vector for vector in random_vectors(150, seed=5)}
    different = differences(vectors, make)
    assert not different, json.dumps(different, indent=1)


def test_a_call_moves_between_engines_at_any_moment() -> None:
    """Before every step everything is moved to a fresh engine."""

    moves = 0

    def move(engine: NativeEngine, now: int) -> NativeEngine:
        nonlocal moves
        moves += 1
        fresh = NativeEngine()
        fresh.restore(engine.snapshot(now), now)
        return fresh

    vectors = {vector["name"]: vector for vector in random_vectors(300, seed=6)} | CURRENT
    different = differences(vectors, NativeEngine, move)
    assert moves > len(vectors)
    assert not different, json.dumps(different, indent=1)


def test_a_call_moves_between_native_and_component(make: Any) -> None:
    """Before every step everything moves to the other side."""
    inside = make()
    moves = 0

    def move(engine: Any, now: int) -> Any:
        nonlocal moves
        moves += 1
        other = NativeEngine() if engine is inside else inside
        other.restore(engine.snapshot(now), now)
        return other

    def start() -> Any:
        return NativeEngine()

    vectors = {vector["name"]: vector for vector in random_vectors(40, seed=7)} | CURRENT
    different = differences(vectors, start, move)
    assert moves > len(vectors)
    assert not different, json.dumps(different, indent=1)


def test_documents_name_policies_apart() -> None:
    vector = next(vector for vector in CURRENT.values() if vector.get("others"))
    names = [policy["name"] for policy in json.loads(document(vector))["policies"]]
    assert len(set(names)) == len(names)
