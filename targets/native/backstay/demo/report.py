"""What a run looks like: a table for people, JSON for programs (its fields are described in docs/demo.md)."""

from __future__ import annotations

from typing import Any

from backstay.demo.component import MISSING, Comparison
from backstay.demo.outcome import (
    KEPT,
    NOT_JUDGED,
    POLICY,
    SIDES,
    UNPROTECTED,
    Figures,
    Run,
    figures,
    promises,
    recovery,
    verdict,
)
from backstay.demo.protection import recovery_limit
from backstay_core.clock import MILLISECOND, SECOND

SCHEMA = 1

#  two lines of heading for each column
COLUMNS = (
    ("", "phase"),
    ("all", "calls"),
    ("useful", "without"),
    ("useful", "with"),
    ("stale", "with"),
    ("p50/p99", "without"),
    ("p50/p99", "with"),
    ("reached", "without"),
    ("reached", "with"),
)


def rows(run: Run) -> list[list[str]]:
    """The cells of the table, a row a phase."""
    return [
        [
            phase.name,
            str(without.requests),
            str(without.useful),
            str(with_.useful),
            str(with_.fallbacks),
            _waited(without),
            _waited(with_),
            str(without.reached),
            str(with_.reached),
        ]
        for phase, without, with_ in zip(
            run.scenario.phases, figures(run, UNPROTECTED), figures(run, POLICY), strict=True
        )
    ]


def _waited(row: Figures) -> str:
    return "-" if row.p50 is None or row.p99 is None else f"{row.p50 / MILLISECOND:.0f}/{row.p99 / MILLISECOND:.0f}"


def plain_table(run: Run) -> str:
    """The table as plain text, less than 80 columns wide."""
    cells = [list(line) for line in zip(*COLUMNS, strict=True)] + rows(run)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for line in cells:
        first, *others = zip(line, widths, strict=True)
        lines.append("  ".join([first[0].ljust(first[1])] + [cell.rjust(width) for cell, width in others]).rstrip())
    return "\n".join(lines)


def summary(run: Run) -> list[str]:
    """What stands below the table."""
    took = {side: recovery(run, side) for side in SIDES}
    back = {side: "never" if ns is None else f"{ns / SECOND:.1f} s" for side, ns in took.items()}
    patience = run.scenario.patience / SECOND
    lines = [
        f"without: a plain client that gives up after {patience:.2g} s; with: the same through a policy",
        "useful: right, fresh and in time; stale: answers of the fallback",
        "p50/p99: how long callers waited, in ms; reached: calls that reached the upstream",
        "",
        f"First useful answer after the outage: without {back[UNPROTECTED]}, with {back[POLICY]}.",
        _breaker(run),
        "",
    ]
    if verdict(run) == NOT_JUDGED:
        lines.append(f"Not judged: this machine was busy and up to {run.lag / MILLISECOND:.0f} ms late.")
        return lines
    for promise in promises(run):
        lines.append(f"{'kept  ' if promise.kept else 'BROKEN'}  {promise.text}")
        lines.extend(f"        {where}" for where in promise.broken)
    return lines


def _breaker(run: Run) -> str:
    probes = sum(event == "probing" for _, event in run.events)
    told = [f"{event} {_when(run, at)}" for at, event in run.events if event in ("opened", "closed")]
    return f"Breaker: {', '.join(told) or 'never opened'}; probes: {probes}."


def _when(run: Run, at: int) -> str:
    index = run.scenario.phase_at(at)
    return f"{(at - run.scenario.starts[index]) / SECOND:.1f} s into {run.scenario.phases[index].name}"


def _ms(ns: int | None) -> float | None:
    return None if ns is None else round(ns / MILLISECOND, 3)


def _side(row: Figures) -> dict[str, Any]:
    return {
        "useful": row.useful,
        "fallbacks": row.fallbacks,
        "failed": row.failed,
        "p50_ms": _ms(row.p50),
        "p99_ms": _ms(row.p99),
        "sent": row.sent,
        "reached": row.reached,
    }


def to_data(run: Run) -> dict[str, Any]:
    """The whole run as plain values."""
    scenario = run.scenario
    by_side = {side: figures(run, side) for side in SIDES}
    phases = []
    for i, phase in enumerate(scenario.phases):
        row: dict[str, Any] = {"name": phase.name, "lasts_ms": _ms(scenario.ns(phase.lasts))}
        row["requests"] = by_side[UNPROTECTED][i].requests
        for side in SIDES:
            row[side] = _side(by_side[side][i])
        phases.append(row)
    judged = verdict(run)
    return {
        "schema": SCHEMA,
        "seed": run.seed,
        "virtual": run.virtual,
        "rate_per_second": scenario.rate,
        "patience_ms": _ms(scenario.patience),
        "phases": phases,
        "recovery_ms": {side: _ms(recovery(run, side)) for side in SIDES}
        | {"promised": round(recovery_limit(scenario) * 1000, 3)},
        "breaker": [{"at_ms": _ms(at), "event": event} for at, event in run.events if event != "refused"],
        "lag_ms": _ms(run.lag),
        "promises": [
            {"name": promise.name, "text": promise.text, "kept": promise.kept, "broken": promise.broken}
            for promise in promises(run)
        ],
        "verdict": judged,
    }


def component_lines(compared: Comparison | None) -> list[str]:
    """What stands below the promises: was the same decided inside the component?"""
    if compared is None:
        return [f"WASM    not compared: the component is not installed ({MISSING})"]
    if compared.different is None:
        return [f"WASM    the same {compared.decisions} decisions inside the component, in virtual time"]
    return [
        f"DIFFER  of {compared.decisions} decisions inside the component one is another:",
        f"        {compared.different}",
    ]


def component_data(compared: Comparison | None) -> dict[str, Any] | None:
    """The same as plain values."""
    if compared is None:
        return None
    return {"decisions": compared.decisions, "same": compared.different is None, "different": compared.different}


def exit_code(run: Run, compared: Comparison | None = None) -> int:
    """0, or 1 if a promise was broken or the component decided otherwise."""
    differs = compared is not None and compared.different is not None
    return 0 if verdict(run) in (KEPT, NOT_JUDGED) and not differs else 1
