"""Random policies and random timelines for drivers, as conformance vectors.

Times have odd nanoseconds, so that two things hardly ever happen at once: an event loop has no order for those. (What
is to be decided when they do is for the step machine and its oracle; see `generate`.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.property.drawing import ByHypothesis, Draw, one_in, one_of, some_of

Data = dict[str, Any]
Option = Callable[[Draw], Any]

KINDS = ("connect", "disconnect", "internal", "throttle", "validation", "unknown", "timeout", "cancelled")
RATES = (0.1, 0.3, 0.5, 0.8, 1.0)
OUTCOMES = ("ok", "ok", "ok", "stale", *KINDS)
HANDS = ("force_open", "force_closed", "disable", "metrics_only", "auto")


def milliseconds(draw: Draw, least: int, most: int) -> float:
    """A time in ms with an odd number of ns."""
    return draw.integer(least, most - 1) + draw.integer(1, 999_999) / 1e6


def count(least: int, most: int) -> Option:
    return lambda draw: draw.integer(least, most)


def choice(*items: Any) -> Option:
    return lambda draw: one_of(draw, items)


def seconds(least: int, most: int) -> Option:
    """A time in seconds, given in ms."""
    return lambda draw: round(milliseconds(draw, least, most) * 1e6) / 1e9


def perhaps_none(time: Option) -> Option:
    return lambda draw: 0 if one_in(draw, 2) else time(draw)


def on(draw: Draw) -> list[str]:
    return some_of(draw, (*KINDS, "transport_errors", "any_failure"), 1, 3)


def budget(draw: Draw) -> Data:
    return {
        "ratio": one_of(draw, RATES),
        "per_second": one_of(draw, (0, 1, 7.5)),
        "burst": one_of(draw, (1, 2, 3.5)),
    }


#  kind → (options that are always given, options that may be)
STRATEGIES: dict[str, tuple[dict[str, Option], dict[str, Option]]] = {
    "timeout": ({"seconds": seconds(5, 400)}, {}),
    "retry": (
        {
            "attempts": count(1, 4),
            "backoff": choice("constant", "linear", "exponential", "full_jitter", "decorrelated"),
            "base": perhaps_none(seconds(1, 60)),
        },
        {
            "on": on,
            "results": choice(["stale"]),
            "idempotent": choice(False, True),
            "factor": choice(1, 1.5, 3),
            "cap": seconds(1, 80),
            "total": seconds(20, 500),
            "pushback_cap": seconds(10, 100),
            "budget": budget,
        },
    ),
    "circuit_breaker": (
        {"failure_rate": choice(*RATES), "window_calls": count(3, 8), "open_for": seconds(10, 300)},
        {
            "window_seconds": seconds(50, 900),
            "minimum_calls": count(1, 3),
            "open_growth": choice(1, 2, 3.5),
            "open_jitter": choice(0, 0.5),
            "probes": count(1, 3),
            "close_after": count(1, 3),
            "half_open_for": seconds(10, 400),
            "slow_call": seconds(20, 200),
            "slow_rate": choice(*RATES),
            "on": on,
            "results": choice(["stale"]),
        },
    ),
    "bulkhead": ({"limit": count(1, 3)}, {"queue": count(0, 3), "wait": perhaps_none(seconds(5, 300))}),
    "fallback": ({"value": choice("substitute")}, {"on": on, "results": choice(["stale"])}),
    "hedge": (
        {"after": seconds(5, 100), "idempotent": choice(True, True, False)},
        {
            "attempts": count(1, 3),
            "results": choice(["stale"]),
            "quantile": choice(0.5, 0.9),
            "window": count(2, 5),
            "minimum": count(1, 2),
            "budget": budget,
        },
    ),
    "inject": (
        {"fault": choice("error", "latency", "outcome", "hang"), "enabled": choice(False, True)},
        {
            "failure": choice("connect", "throttle", "internal"),
            "seconds": seconds(1, 200),
            "rate": choice(*RATES),
            "every": count(1, 3),
        },
    ),
    "cache": ({"fresh_for": seconds(10, 100)}, {"stale_for": seconds(10, 100), "on": on}),
    "idempotency": ({"keep_for": seconds(10, 100)}, {}),
}
NAMES = tuple(STRATEGIES)


def strategy(draw: Draw) -> Data:
    kind = one_of(draw, NAMES)
    always, perhaps = STRATEGIES[kind]
    row = {"kind": kind, **{name: option(draw) for name, option in always.items()}}
    row.update((name, option(draw)) for name, option in perhaps.items() if one_in(draw, 2))
    return row


def policy(draw: Draw) -> Data:
    rows = [strategy(draw) for _ in range(draw.integer(1, 6))]
    return {"name": "p", "seed": draw.integer(0, 1000), "strategies": rows}


def outcome(draw: Draw) -> Any:
    if not one_in(draw, 3):
        return one_of(draw, OUTCOMES)
    failure = {"kind": one_of(draw, ("unavailable", "throttle", "connect")), "retry_after": draw.integer(-1, 120)}
    if one_in(draw, 2):
        failure["executed"] = one_of(draw, ("no", "maybe", "yes"))
    if one_in(draw, 2):
        failure["retry"] = one_of(draw, ("never", "later"))
    return failure


def script(draw: Draw) -> list[list[Any]]:
    return [[0 if one_in(draw, 2) else milliseconds(draw, 0, 250), outcome(draw)] for _ in range(draw.integer(1, 4))]


def lookups(draw: Draw) -> list[list[Any]]:
    """What lookups, and substitutes, come to: mostly nothing is found."""
    return [[took, outcome if one_in(draw, 4) else "missing"] for took, outcome in script(draw)]


def timeline(draw: Draw, policy: Data, *, concurrent: bool) -> Data:
    """Calls of `policy` and now and then an operator's hand: `concurrent` calls overlap and may be aborted."""
    calls: list[Data] = []
    manual: list[Data] = []
    clock = 0.0
    breakers = [x for x, row in enumerate(policy["strategies"]) if row["kind"] == "circuit_breaker"]
    looks = any(row["kind"] in ("cache", "idempotency") for row in policy["strategies"])
    for _ in range(draw.integer(1, 12)):
        clock += milliseconds(draw, 0, 120) if concurrent else milliseconds(draw, 3000, 5000)
        call: Data = {"at": clock, "attempts": script(draw)}
        if looks:
            call["substitutes"] = lookups(draw)
        elif one_in(draw, 4):
            call["substitutes"] = script(draw)
        if concurrent and one_in(draw, 7):
            call["abort"] = clock + milliseconds(draw, 1, 250)
        if one_in(draw, 10):
            call["deadline"] = clock + milliseconds(draw, 0, 300)
        if one_in(draw, 20):
            manual.append({"at": clock - 1e-6 * draw.integer(1, 9), "do": one_of(draw, ("resume", "revive"))})
        elif breakers and one_in(draw, 10):
            hand = {"do": one_of(draw, HANDS), "strategy": one_of(draw, breakers)}
            manual.append({"at": clock - 1e-6 * draw.integer(1, 9), **hand})
        calls.append(call)
    return {"policy": policy, "calls": calls, "manual": manual, "interruptible": concurrent}


def scenario(draw: Draw, *, concurrent: bool) -> Data:
    return timeline(draw, policy(draw), concurrent=concurrent)


@st.composite
def scenarios(draw: Callable[..., Any], *, concurrent: bool) -> Data:
    return scenario(ByHypothesis(draw), concurrent=concurrent)
