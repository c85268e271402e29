"""Runs cases and measures: everything three times over, each run by itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks import peers
from benchmarks.budgets import BUDGETS, NOT_YET
from benchmarks.cases import REFUSED, Case, Contestant
from benchmarks.measures import Measure, imported, weighed
from benchmarks.timing import Effort, WrongOutcome, measure, outcome, ready

BASELINE = "baseline"
BACKSTAY = "backstay"

Row = dict[str, Any]


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def _contestants(case: Case, modules: dict[str, Any]) -> dict[str, Contestant]:
    """Everybody who takes part, freshly made, the baseline first."""
    found = {BASELINE: await ready(case, case.baseline()), BACKSTAY: await ready(case, case.subject())}
    for name, module in modules.items():
        adapter = getattr(module, case.peers, None) if case.peers else None
        if adapter is not None:
            found[name] = await ready(case, adapter(case.guarded))
            if case.ends == REFUSED:
                await _heat(case, name, found[name])
    return found


async def _heat(case: Case, name: str, contestant: Contestant) -> None:
    """Call until the peer's breaker has opened."""
    for _ in range(1000):
        if await outcome(case, contestant) == REFUSED:
            return
    raise WrongOutcome(f"{case.key}: the breaker of {name} does not open")


def run_case(case: Case, modules: dict[str, Any], effort: Effort) -> dict[str, float]:
    """One run: nanoseconds a call by contestant."""

    async def run() -> dict[str, float]:
        return await measure(case, await _contestants(case, modules), effort)

    return asyncio.run(run())


def case_row(case: Case, runs: Sequence[dict[str, float]], modules: dict[str, Any]) -> Row:
    ratios = [run[BACKSTAY] / run[BASELINE] for run in runs]
    row = _row(case.key, case.title, "×", ratios, max(ratios))
    row["against"] = case.against
    row["ns"] = {name: [round(run[name], 1) for run in runs] for name in (BASELINE, BACKSTAY)}
    if case.peers:
        row["peers"] = {
            name: _peer(case, name, module, runs) for name, module in modules.items()
        }  # fmt: skip
    return row


def _peer(case: Case, name: str, module: Any, runs: Sequence[dict[str, float]]) -> Row:
    """A peer's best run, where Backstay's worst one is reported."""
    if module is None:
        return {"missing": "not installed"}
    if name not in runs[0]:
        return {"missing": "cannot express it"}
    best = min(runs, key=lambda run: run[name] / run[BASELINE])
    found: Row = {"value": round(best[name] / best[BASELINE], 2), "ns": round(best[name], 1)}
    parts = getattr(module, "PARTS", {}).get(case.peers)
    return found | ({"parts": parts} if parts else {})


def measure_row(one: Measure, values: Sequence[Any], modules: dict[str, Any], effort: Effort) -> Row:
    numbers = [value.value for value in values]
    row = _row(one.key, one.title, one.unit, numbers, min(numbers) if one.most else max(numbers))
    row["note"] = values[0].note
    if one.key == "import-backstay":
        row["peers"] = {name: _imported(module, effort) for name, module in modules.items()}
    elif one.key == "memory-breaker":
        row["peers"] = {name: _weighed(module) for name, module in modules.items()}
    return row


def _imported(module: Any, effort: Effort) -> Row:
    if module is None:
        return {"missing": "not installed"}
    milliseconds, loaded = imported(module.IMPORTS, effort.tries)
    return {"value": round(milliseconds, 1), "parts": f"{len(loaded)} modules"}


def _weighed(module: Any) -> Row:
    if module is None:
        return {"missing": "not installed"}
    if not hasattr(module, "state"):
        return {"missing": "cannot express it"}
    return {"value": round(weighed(module.state))}


def _row(key: str, title: str, unit: str, values: list[float], worst: float) -> Row:
    budget = BUDGETS.get(key)
    return {
        "key": key,
        "title": title,
        "unit": unit,
        "runs": [round(value, 3) for value in values],
        "worst": round(worst, 3),
        "median": round(median(values), 3),
        "budget": str(budget) if budget else None,
        "verdict": budget.verdict(worst) if budget else None,
    }


def run(cases: Sequence[Case], measures: Sequence[Measure], names: Sequence[str], effort: Effort) -> list[Row]:
    """All rows. What is not measured yet is left out here; see `not_yet`."""
    lacking = {one.key: one.needs() if one.needs else "" for one in measures}
    modules = {name: peers.load(name) for name in names}
    timed: dict[str, list[dict[str, float]]] = {case.key: [] for case in cases}
    measured: dict[str, list[Any]] = {one.key: [] for one in measures}
    for number in range(1, effort.runs + 1):
        for case in cases:
            progress(f"run {number} of {effort.runs}: {case.title}")
            timed[case.key].append(run_case(case, modules, effort))
        for one in measures:
            if lacking[one.key]:
                continue
            progress(f"run {number} of {effort.runs}: {one.title}")
            measured[one.key].append(one.measure(effort))
    rows = [case_row(case, timed[case.key], modules) for case in cases]
    for one in measures:
        if lacking[one.key]:
            rows.append(missing_row(one, lacking[one.key]))
        else:
            rows.append(measure_row(one, measured[one.key], modules, effort))
    return rows


def missing_row(one: Measure, lacking: str) -> Row:
    budget = BUDGETS.get(one.key)
    about = {"key": one.key, "title": one.title, "unit": one.unit, "budget": str(budget) if budget else None}
    return {**about, "verdict": "not measured", "missing": lacking}


def not_yet() -> list[Row]:
    return [
        {"key": key, "title": title, "unit": budget.unit, "budget": str(budget), "verdict": "not yet"}
        for key, (title, budget) in NOT_YET.items()
    ]
