"""What came of a run: every call, the figures of each phase, and whether the promises were kept.

A *useful* answer is right, fresh and within the caller's patience; an answer of the fallback is counted apart. A call
belongs to the phase in which it arrived, whenever it ends; a call of the upstream to the phase in which it was made.
How long a caller waited is counted from when the request was due, for every call, whatever came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backstay.demo.protection import LOAD_ALLOWANCE, lag_limit, recovery_limit
from backstay.demo.scenario import Scenario
from backstay_core.clock import SECOND

USEFUL, FALLBACK, FAILED = "useful", "fallback", "failed"

UNPROTECTED, POLICY = "unprotected", "policy"
SIDES = (UNPROTECTED, POLICY)

KEPT, BROKEN, NOT_JUDGED = "kept", "broken", "not judged"


@dataclass(frozen=True)
class Call:
    """One call: when it was due, when it was over (ns), and what it got."""

    due: int
    ended: int
    got: str


@dataclass
class Side:
    """The run of one client. `sent` and `reached` count the calls of its upstream by phase: attempted, and arrived."""

    sent: list[int]
    reached: list[int]
    calls: list[Call] = field(default_factory=list)


@dataclass
class Run:
    """A whole run. `events` are the breaker's; `lag` is by how much the machine was late at worst (ns)."""

    scenario: Scenario
    seed: int
    sides: dict[str, Side]
    events: list[tuple[int, str]] = field(default_factory=list)
    lag: int = 0
    virtual: bool = False


@dataclass(frozen=True)
class Figures:
    """One client in one phase. Waits are ns, None where nobody called."""

    requests: int
    useful: int
    fallbacks: int
    failed: int
    p50: int | None
    p99: int | None
    sent: int
    reached: int


@dataclass(frozen=True)
class Promise:
    """What the policy promises, whether it kept it, and where it did not."""

    name: str
    text: str
    kept: bool
    broken: list[str]


def percentile(values: list[int], percent: int) -> int | None:
    """The nearest-rank percentile."""
    return sorted(values)[-(-len(values) * percent // 100) - 1] if values else None


def figures(run: Run, side: str) -> list[Figures]:
    """One row a phase."""
    scenario = run.scenario
    buckets: list[list[Call]] = [[] for _ in scenario.phases]
    for call in run.sides[side].calls:
        buckets[scenario.phase_at(call.due)].append(call)
    rows = []
    for calls, sent, reached in zip(buckets, run.sides[side].sent, run.sides[side].reached, strict=True):
        got = [call.got for call in calls]
        waits = [call.ended - call.due for call in calls]
        rows.append(
            Figures(
                requests=len(calls),
                useful=got.count(USEFUL),
                fallbacks=got.count(FALLBACK),
                failed=got.count(FAILED),
                p50=percentile(waits, 50),
                p99=percentile(waits, 99),
                sent=sent,
                reached=reached,
            )
        )
    return rows


def recovery(run: Run, side: str) -> int | None:
    """ns from the end of the outage to the first useful answer, None if there was none."""
    healthy = run.scenario.healthy_again
    ends = [call.ended for call in run.sides[side].calls if call.got == USEFUL and call.ended >= healthy]
    return min(ends) - healthy if ends else None


def promises(run: Run) -> list[Promise]:
    """Each promise of the demo, judged on this run."""
    names = [phase.name for phase in run.scenario.phases]
    bare, guarded = figures(run, UNPROTECTED), figures(run, POLICY)
    worse = [
        f"{name}: {with_.useful} useful answers, {without.useful} unprotected"
        for name, without, with_ in zip(names, bare, guarded, strict=True)
        if with_.useful < without.useful
    ]
    more = [
        f"{name}: {with_.sent} calls, {without.sent} unprotected"
        for name, without, with_ in zip(names, bare, guarded, strict=True)
        if with_.sent > LOAD_ALLOWANCE * without.sent or with_.reached > LOAD_ALLOWANCE * without.reached
    ]
    limit = recovery_limit(run.scenario)
    took = recovery(run, POLICY)
    late = []
    if took is None or took > limit * SECOND:
        late.append("never" if took is None else f"after {took / SECOND:.1f} s")
    return [
        Promise("goodput", "in every phase at least as many useful answers, fallbacks not counted", not worse, worse),
        Promise("load", f"in every phase at most {LOAD_ALLOWANCE} times the calls of the upstream", not more, more),
        Promise("recovery", f"useful answers at most {limit:.1f} s after the outage", not late, late),
    ]


def verdict(run: Run) -> str:
    """Whether all promises were kept; not judged where the machine was too busy for its times to mean anything."""
    if run.lag > lag_limit(run.scenario):
        return NOT_JUDGED
    return KEPT if all(promise.kept for promise in promises(run)) else BROKEN
