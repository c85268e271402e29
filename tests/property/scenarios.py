"""Random policies and random timelines for drivers, as conformance vectors.

Times have odd nanoseconds, so that two things hardly ever happen at once: an event loop has no order for those. (What
is to be decided when they do is for the step machine and its oracle; see `generate`.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Data = dict[str, Any]

KINDS = ["connect", "disconnect", "internal", "throttle", "validation", "unknown", "timeout", "cancelled"]


def milliseconds(least: int, most: int) -> st.SearchStrategy[float]:
    """A time in ms with an odd number of ns."""
    return st.builds(lambda whole, odd: whole + odd / 1e6, st.integers(least, most - 1), st.integers(1, 999_999))


def seconds(least: int, most: int) -> st.SearchStrategy[float]:
    """A time in seconds, given in ms."""
    return milliseconds(least, most).map(lambda ms: round(ms * 1e6) / 1e9)


def options(kind: str, always: dict[str, st.SearchStrategy[Any]], perhaps: dict[str, st.SearchStrategy[Any]]) -> Any:
    return st.fixed_dictionaries({"kind": st.just(kind), **always}, optional=perhaps)


ON = st.lists(st.sampled_from([*KINDS, "transport_errors", "any_failure"]), min_size=1, max_size=3, unique=True)
RESULTS = st.just(["stale"])
RATES = st.sampled_from([0.1, 0.3, 0.5, 0.8, 1.0])

TIMEOUTS = options("timeout", {"seconds": seconds(5, 400)}, {})
RETRIES = options(
    "retry",
    {
        "attempts": st.integers(1, 4),
        "backoff": st.sampled_from(["constant", "linear", "exponential", "full_jitter", "decorrelated"]),
        "base": st.one_of(st.just(0), seconds(1, 60)),
    },
    {
        "on": ON,
        "results": RESULTS,
        "idempotent": st.booleans(),
        "factor": st.sampled_from([1, 1.5, 3]),
        "cap": seconds(1, 80),
        "total": seconds(20, 500),
        "pushback_cap": seconds(10, 100),
        "budget": st.fixed_dictionaries(
            {"ratio": RATES, "per_second": st.sampled_from([0, 1, 7.5]), "burst": st.sampled_from([1, 2, 3.5])}
        ),
    },
)
BREAKERS = options(
    "circuit_breaker",
    {"failure_rate": RATES, "window_calls": st.integers(3, 8), "open_for": seconds(10, 300)},
    {
        "window_seconds": seconds(50, 900),
        "minimum_calls": st.integers(1, 3),
        "open_growth": st.sampled_from([1, 2, 3.5]),
        "open_jitter": st.sampled_from([0, 0.5]),
        "probes": st.integers(1, 3),
        "close_after": st.integers(1, 3),
        "half_open_for": seconds(10, 400),
        "slow_call": seconds(20, 200),
        "slow_rate": RATES,
        "on": ON,
        "results": RESULTS,
    },
)
BULKHEADS = options(
    "bulkhead",
    {"limit": st.integers(1, 3)},
    {"queue": st.integers(0, 3), "wait": st.one_of(st.just(0), seconds(5, 300))},
)
FALLBACKS = options("fallback", {"value": st.just("substitute")}, {"on": ON, "results": RESULTS})
STRATEGIES = st.one_of(TIMEOUTS, RETRIES, BREAKERS, BULKHEADS, FALLBACKS)


def policies() -> st.SearchStrategy[Data]:
    return st.fixed_dictionaries(
        {"name": st.just("p"), "seed": st.integers(0, 1000), "strategies": st.lists(STRATEGIES, min_size=1, max_size=6)}
    )


OUTCOMES = st.one_of(
    st.sampled_from(["ok", "ok", "ok", "stale", *KINDS]),
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["unavailable", "throttle", "connect"]), "retry_after": st.integers(-1, 120)},
        optional={"executed": st.sampled_from(["no", "maybe", "yes"]), "retry": st.sampled_from(["never", "later"])},
    ),
)
OPERATIONS = st.tuples(st.one_of(st.just(0), milliseconds(0, 250)), OUTCOMES).map(list)
SCRIPTS = st.lists(OPERATIONS, min_size=1, max_size=4)
HANDS = st.sampled_from(["force_open", "force_closed", "disable", "metrics_only", "auto"])


@st.composite
def timelines(draw: Callable[..., Any], policy: Data, *, concurrent: bool) -> Data:
    """Calls of `policy` and now and then an operator's hand: `concurrent` calls overlap and may be aborted."""
    calls: list[Data] = []
    manual: list[Data] = []
    clock = 0.0
    breakers = [x for x, row in enumerate(policy["strategies"]) if row["kind"] == "circuit_breaker"]
    for _ in range(draw(st.integers(1, 12))):
        clock += draw(milliseconds(0, 120) if concurrent else milliseconds(3000, 5000))
        call: Data = {"at": clock, "attempts": draw(SCRIPTS)}
        if draw(st.integers(0, 3)) == 0:
            call["substitutes"] = draw(SCRIPTS)
        if concurrent and draw(st.integers(0, 6)) == 0:
            call["abort"] = clock + draw(milliseconds(1, 250))
        if draw(st.integers(0, 9)) == 0:
            call["deadline"] = clock + draw(milliseconds(0, 300))
        if draw(st.integers(0, 19)) == 0:
            manual.append(
                {"at": clock - 1e-6 * draw(st.integers(1, 9)), "do": draw(st.sampled_from(["resume", "revive"]))}
            )
        elif breakers and draw(st.integers(0, 9)) == 0:
            hand = {"do": draw(HANDS), "strategy": draw(st.sampled_from(breakers))}
            manual.append({"at": clock - 1e-6 * draw(st.integers(1, 9)), **hand})
        calls.append(call)
    return {"policy": policy, "calls": calls, "manual": manual, "interruptible": concurrent}


@st.composite
def scenarios(draw: Callable[..., Any], *, concurrent: bool) -> Data:
    vector: Data = draw(timelines(draw(policies()), concurrent=concurrent))
    return vector
