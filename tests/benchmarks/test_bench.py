"""The benchmark runs and reports in the documented shape. What it measures is nobody's test."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import parts, report
from benchmarks.__main__ import MEASURES
from benchmarks.budgets import BUDGETS, NOT_YET, Budget
from benchmarks.cases import CASES
from benchmarks.timing import Effort

ROOT = Path(__file__).parents[2]


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_quick_run_has_the_documented_shape():
    done = bench("--quick", "--only", "one-breaker", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) == {"date", "command", "machine", "effort", "versions", "peers", "rows"}
    assert result["command"] == "python -m benchmarks --quick --only one-breaker --json"
    assert result["effort"]["runs"] == 1
    assert list(result["peers"]) == ["nopanic", "interlock_cb", "hyx", "tenacity_pybreaker"]
    [row] = result["rows"]
    assert {"key", "title", "unit", "runs", "worst", "median", "budget", "verdict", "against", "ns", "peers"} == set(
        row
    )
    assert (row["key"], row["unit"], row["budget"]) == ("one-breaker", "×", "≤ 1 ×")
    assert row["worst"] == max(row["runs"])
    assert re.fullmatch(r"holds|over by \d+ %", row["verdict"])
    assert set(row["ns"]) == {"baseline", "backstay"}
    assert set(row["peers"]) == set(result["peers"])
    assert all("value" in found or "missing" in found for found in row["peers"].values())
    assert "one CircuitBreaker" in report.markdown(result)
    assert done.stderr.startswith("run 1 of 1: ")


def test_without_a_component_its_rows_say_what_they_need(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKSTAY_ENGINE", "no-such-component.wasm")
    done = bench("--quick", "--only", "wasm-step", "--peers", "none", "--json")
    assert done.returncode == 0, done.stderr
    [row] = json.loads(done.stdout)["rows"]
    assert (row["key"], row["budget"], row["verdict"]) == ("wasm-step", "≤ 20 µs", "not measured")
    assert row["missing"] == "needs `make wasm`"


@pytest.mark.parametrize(
    "options",
    [("--write", "--quick"), ("--write", "--only", "one-breaker"), ("--only", "no-such-case")],
    ids=" ".join,
)
def test_options_that_mean_nothing_are_refused(options: tuple[str, ...]):
    done = bench(*options)
    assert done.returncode == 2
    assert "error:" in done.stderr


@pytest.mark.parametrize("key", parts.PROFILES)
def test_the_parts_of_a_frame_are_found(key: str):
    case = next(case for case in CASES if case.key == key)
    made = asyncio.run(parts.contestant(case, ()))
    everything = parts.PROFILES[key]
    rest = asyncio.run(parts.contestant(case, everything))
    assert len(rest.call.__code__.co_code) < len(made.call.__code__.co_code) / 1.3
    rows = asyncio.run(parts.profile(key, Effort(runs=1, rounds=1, milliseconds=0.01, tries=1)))
    assert [title for title, _ in rows[1:-1]] == [part.title for part in everything]


def test_a_part_that_is_not_there_is_told():
    with pytest.raises(LookupError, match="no such part: the note"):
        parts.without("def frame(): pass\n", (parts.NOTE,))


def test_keys_are_unique_and_every_budget_is_for_something():
    keys = [one.key for one in (*CASES, *MEASURES)]
    assert len(set(keys)) == len(keys)
    assert set(BUDGETS) <= set(keys)
    assert not set(NOT_YET) & set(keys)


@pytest.mark.parametrize(
    ("budget", "value", "verdict"),
    [
        (Budget(2), 2.0, "holds"),
        (Budget(2), 2.5, "over by 25 %"),
        (Budget(2), 2.001, "over by 1 %"),
        (Budget(100_000, "calls/s", least=True), 100_000, "holds"),
        (Budget(100_000, "calls/s", least=True), 80_000, "over by 20 %"),
    ],
)
def test_verdict(budget: Budget, value: float, verdict: str):
    assert budget.verdict(value) == verdict
