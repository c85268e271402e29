"""Drivers beside the step machine: what they decided must be the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.conformance.native import RUNNERS, specified, visible


class Comparison:
    """Runs scenarios and counts what they led to, so that a test can tell whether it tested anything."""

    def __init__(self, *runners: str) -> None:
        self.runners = runners
        self.cases = 0
        self.seen: Counter[str] = Counter()

    def check(self, vector: dict[str, Any]) -> None:
        self.cases += 1
        known = specified(vector)
        expected = known[0]
        wanted = [visible(trace) for trace in expected["calls"]]
        for runner in self.runners:
            found = RUNNERS[runner](vector, known)
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
