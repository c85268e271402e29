"""Results as a table on a terminal and as Markdown."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks import peers
from benchmarks.timing import Effort

Row = dict[str, Any]


def machine() -> dict[str, Any]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} on {platform.machine()}",
        "processor": _processor(),
        "processors": os.cpu_count(),
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def document(rows: Sequence[Row], names: Sequence[str], effort: Effort, command: str) -> Row:
    """Everything about a run as plain data."""
    modules = {name: peers.load(name) for name in names}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": command,
        "machine": machine(),
        "effort": effort._asdict(),
        "versions": peers.versions(modules.values()),
        "peers": {name: module.TITLE if module else name for name, module in modules.items()},
        "rows": list(rows),
    }


def number(value: float, unit: str) -> str:
    if unit == "×":
        return f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return f"{value:,.0f}" if value >= 100 or unit == "B" else f"{value:.2f}"


def _values(row: Row) -> tuple[str, str, str]:
    """Worst, median and what they are made of."""
    if "worst" not in row:
        return row.get("missing", "not yet"), "", ""
    unit = row["unit"]
    if "ns" in row:
        best = min(range(len(row["runs"])), key=lambda i: row["runs"][i])
        note = f"{row['ns']['backstay'][best]:,.0f} ns against {row['ns']['baseline'][best]:,.0f}: {row['against']}"
    else:
        note = row.get("note", "")
    suffix = "" if unit == "×" else f" {unit}"
    return number(row["worst"], unit) + suffix, number(row["median"], unit) + suffix, note


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    numbers = {"worst", "median", "budget", "worst of Backstay"}
    rule = ["--:" if name in numbers else "---" for name in header]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]


def budgets(rows: Sequence[Row]) -> list[str]:
    lines = []
    for row in rows:
        worst, median, note = _values(row)
        lines.append([row["title"], worst, median, row["budget"] or "", row["verdict"] or "", note])
    return _table(["what", "worst", "median", "budget", "verdict", "of the best run"], lines)


def comparison(result: Row) -> list[str]:
    """What peers need for the same, where they can do it."""
    compared = [row for row in result["rows"] if row.get("peers")]
    names = list(result["peers"])
    lines = []
    for row in compared:
        unit = row["unit"]
        found = [_peer(row["peers"][name], unit) for name in names]
        lines.append([f"{row['title']} ({unit})", number(row["worst"], unit), *found])
    return _table(["what", "worst of Backstay", *(result["peers"][name] for name in names)], lines)


def _peer(found: Row, unit: str) -> str:
    if "missing" in found:
        return "–" if found["missing"] == "cannot express it" else str(found["missing"])
    return number(found["value"], unit) + (f" ({found['parts']})" if "parts" in found else "")


def markdown(result: Row) -> str:
    """The page `benchmarks/RESULTS.md`."""
    effort = result["effort"]
    about = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result["versions"].items()))
    text = [
        "# Benchmark results",
        "",
        f"Written by `{result['command']}` on {result['date']}; "
        "[docs/performance.md](../docs/performance.md) says how to read it.",
        "",
        f"* {about['python']}, {about['system']}, {about['processors']} × {about['processor']}",
        f"* {effort['runs']} runs; in each the best of {effort['rounds']} rounds of {effort['milliseconds']:g} ms, "
        "contestants in turn, garbage collection off",
        f"* × is a ratio to the baseline named in the last column; *worst* is the worst of the {effort['runs']} runs, "
        "and the verdict is about it",
        "",
        "## Budgets",
        "",
        *budgets(result["rows"]),
        "",
        "## Peers",
        "",
        "Ratios to the same baselines, and absolute values below: for Backstay the worst run, for the others the best. "
        "In brackets: what of the composition a peer can express, where that is not all; –: nothing of it.",
        "",
        *comparison(result),
        "",
        f"Versions: {versions}." if versions else "No peer was installed.",
    ]
    return "\n".join(text) + "\n"


def show(result: Row) -> None:
    """The budgets, for a terminal."""
    for row in result["rows"]:
        worst, median, note = _values(row)
        print(f"{row['title'][:70]:70} {worst:>16} {median:>16} {row['budget'] or '':>19}  {row['verdict'] or ''}")
        if note:
            print(f"    {note}")
        for name, found in row.get("peers", {}).items():
            print(f"    {result['peers'][name]:24} {_peer(found, row['unit'])}")
    sys.stdout.flush()
