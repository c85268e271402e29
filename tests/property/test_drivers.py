"""Random policies on random timelines: compiled frames, the drivers and the step machine decide alike."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given

from tests.conformance import simulate
from tests.conformance.native import RUNNERS, visible
from tests.property.cases import cases
from tests.property.scenarios import scenarios


class Comparison:
    """Runs scenarios and counts what they led to, so that a test can tell whether it tested anything."""

    def __init__(self, *runners: str) -> None:
        self.runners = runners
        self.cases = 0
        self.seen: Counter[str] = Counter()

    def check(self, vector: dict[str, Any]) -> None:
        self.cases += 1
        expected = simulate.run(vector)
        wanted = [visible(trace) for trace in expected["calls"]]
        for runner in self.runners:
            found = RUNNERS[runner](vector)
            if found is not None:
                self.seen[runner] += 1
                assert found["calls"] == wanted, runner
                assert found["final"] == expected["final"], runner
        for trace in expected["calls"]:
            self.seen.update({f"{entry[1]} {entry[2]}" if entry[1] == "fail" else entry[1] for entry in trace})
            self.seen["again"] += sum(entry[1] == "attempt" for entry in trace) > 1

    def covered(self, *what: str) -> None:
        rare = {name: self.seen[name] for name in what if self.seen[name] < self.cases / 20}
        assert not rare, f"in {self.cases} cases: {self.seen}"
        for runner in self.runners:
            assert self.seen[runner] > 0.8 * self.cases, f"{runner} ran only {self.seen[runner]} of {self.cases}"


def test_asyncio():
    comparison = Comparison("asyncio, frames", "asyncio, stepwise")

    @cases(0.5)
    @given(scenarios(concurrent=True))
    def check(vector: dict[str, Any]) -> None:
        comparison.check(vector)

    check()
    comparison.covered("again", "wait", "cancel", "aborted", "substitute", "complete", "fail rejected", "fail timeout")


def test_sync():
    comparison = Comparison("sync, frames", "sync, stepwise")

    @cases(0.5)
    @given(scenarios(concurrent=False))
    def check(vector: dict[str, Any]) -> None:
        comparison.check(vector)

    check()
    comparison.covered("again", "wait", "substitute", "complete", "fail rejected")
