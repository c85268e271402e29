"""The native target decides every vector that it can express as the step machine does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import simulate
from tests.conformance.native import RUNNERS, visible

VECTORS = {
    f"{file.stem}: {vector['name']}": vector
    for file in sorted((Path(__file__).parent / "vectors").glob("*.json"))
    for vector in json.loads(file.read_text("utf-8"))
    if "pending" not in vector
}
#  how many of the vectors a runner must be able to express, at least
SHARE = {"sync": 0.53, "asyncio": 0.85}  # a thread in virtual time hedges nothing


@pytest.mark.parametrize("runner", RUNNERS)
def test_decides_like_the_step_machine(runner: str, record_property: Any):
    covered = 0
    different: dict[str, Any] = {}
    for name, vector in VECTORS.items():
        found = RUNNERS[runner](vector)
        if found is None:
            continue
        covered += 1
        expected = simulate.run(vector)
        for key, wanted in (("calls", [visible(trace) for trace in expected["calls"]]), ("final", expected["final"])):
            if found[key] != wanted:
                different[f"{name}: {key}"] = {"expected": wanted, "found": found[key]}
    record_property("covered", f"{covered} of {len(VECTORS)}")
    print(f"{runner}: {covered} of {len(VECTORS)} vectors")
    assert not different, json.dumps(different, indent=1)
    assert covered >= SHARE[runner.split(",")[0]] * len(VECTORS)
