"""Every runner decides every vector as it is written, and every rule has a vector on either side of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from backstay_core.failure import ConfigurationError
from backstay_core.policy import Policy
from tests.conformance import format as one_format
from tests.conformance.rules import rules
from tests.conformance.runners import RUNNERS
from tests.conformance.schema import problems

HERE = Path(__file__).parent
FILES = sorted((HERE / "vectors").glob("*.json"))
SCHEMA = json.loads((HERE / "vectors.schema.json").read_text(encoding="utf-8"))
RULES = rules()
VECTORS = {
    f"{file.stem}: {vector['name']}": vector
    for file in FILES
    for vector in json.loads(file.read_text(encoding="utf-8"))
}
CURRENT = {name: vector for name, vector in VECTORS.items() if "pending" not in vector}


def ns(ms: float) -> int:
    return round(ms * 1_000_000)


def expected_calls(vector: dict[str, Any]) -> list[Any]:
    """The written traces with times in ns."""
    calls = []
    for written in vector["expect"]["calls"]:
        trace = []
        for at, what, *more in written:
            if what == "wait" and more[0] is not None:
                more = [ns(more[0])]
            if what == "fail" and len(more) == 3:
                more = [*more[:2], ns(more[2])]
            trace.append([ns(at), what, *more])
        calls.append(trace)
    return calls


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", CURRENT)
def test_vector(name: str, runner: str) -> None:
    vector = CURRENT[name]
    found = RUNNERS[runner](vector)
    if found is None:
        pytest.skip(f"{runner} cannot express it")
    assert found["calls"] == expected_calls(vector), vector["what"]
    if "refused" in found:
        assert found["refused"] == [ns(at) for at in vector["expect"].get("refused", [])], vector["what"]
    if "final" in found:
        for state, written in zip(found["final"], vector["expect"].get("final", []), strict=False):
            assert {key: state.get(key) for key in written} == written, vector["what"]


@pytest.mark.parametrize("side", ["accepts", "rejects"])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_vector_on_either_side(rule: str, side: str) -> None:
    assert [name for name, vector in CURRENT.items() if rule in vector["rules"] and vector["side"] == side]


@pytest.mark.parametrize("name", CURRENT)
def test_a_vector_cites_rules_that_exist(name: str) -> None:
    assert set(CURRENT[name]["rules"]) <= set(RULES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_well_formed(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    vectors = json.loads(text)
    assert problems(vectors, SCHEMA, SCHEMA) == []
    names = [vector["name"] for vector in vectors]
    assert len(set(names)) == len(names)
    assert text == one_format.text_of(vectors), "run tests/conformance/format.py"


def test_the_end_is_not_before_the_last_entry() -> None:
    for name, vector in VECTORS.items():
        last = max(entry[0] for trace in vector["expect"]["calls"] for entry in trace)
        assert vector.get("end", last) >= last, name


def test_a_final_state_is_written_for_each_strategy_that_it_speaks_of() -> None:
    for name, vector in CURRENT.items():
        assert len(vector["expect"].get("final", [])) <= len(vector["policy"]["strategies"]), name


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"rules": []}, "$[0].rules: [] is too short"),
        ({"side": "neither"}, "$[0].side: 'neither' is not one of ['accepts', 'rejects']"),
        ({"extra": 1}, "$[0]: extra is unknown"),
        ({"calls": [{"at": -1}]}, "$[0].calls[0].at: -1 is under 0"),
        ({"calls": [{"at": True}]}, "$[0].calls[0].at: True is no number"),
        ({"calls": [{"at": 0, "attempts": [[0]]}]}, "$[0].calls[0].attempts[0]: [0] is too short"),
        ({"what": "no full stop"}, "$[0].what: 'no full stop' does not match ^.+[.)]$"),
    ],
)
def test_the_schema_refuses(change: dict[str, Any], problem: str) -> None:
    vector = next(iter(CURRENT.values()))
    assert problems([{**vector, **change}], SCHEMA, SCHEMA) == [problem]


def test_a_pending_vector_waits_for_a_strategy_that_does_not_exist() -> None:
    for name in VECTORS:
        if name not in CURRENT:
            with pytest.raises(ConfigurationError, match="unknown kind"):
                Policy.from_data(VECTORS[name]["policy"])
