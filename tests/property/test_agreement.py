"""The step machine decides as the oracle does, whatever the policy and whatever happens."""

from itertools import pairwise
from typing import Any

from hypothesis import given

from tests.conformance import oracle, simulate
from tests.property.cases import cases
from tests.property.generate import timelines

ENDS = ("complete", "fail")
OPERATIONS = ("attempt", "substitute")


@cases()
@given(timelines())
def test_step_machine_and_oracle_agree(vector: dict[str, Any]) -> None:
    decided = simulate.run(vector)
    expected = oracle.run(vector)
    assert decided["calls"] == expected["calls"]
    assert decided["refused"] == expected["refused"]


@cases(0.3)
@given(timelines())
def test_a_trace_is_well_formed(vector: dict[str, Any]) -> None:
    for call in simulate.run(vector)["calls"]:
        names = [entry[1] for entry in call]
        assert [entry[0] for entry in call] == sorted(entry[0] for entry in call)
        assert all(name not in ENDS for name in names[:-1])
        if "aborted" in names:
            assert set(names[names.index("aborted") + 1 :]) <= {"cancel"}
        if all(part.get("kind") != "hedge" for part in vector["policy"]["strategies"]):
            for name, following in pairwise(names):
                if name in ("cancel", "wait"):
                    assert following != "cancel"  # nothing ran
        assert names.count("cancel") <= sum(name in OPERATIONS for name in names)  # each at most once


@cases(0.3)
@given(timelines())
def test_when_all_is_over_nothing_is_held(vector: dict[str, Any]) -> None:
    for call in vector["calls"]:
        call["abort"] = 10_000  # long after everything: whoever still waits or runs goes
    for part in simulate.run(vector)["final"]:
        assert part.get("inside", 0) == 0
        assert part.get("waiting", 0) == 0
        assert part.get("in_flight", 0) == 0
