"""Random policies on random timelines, as conformance vectors.

Times are drawn from few values, so that calls, outcomes, wakes and deadlines often fall into the same instant.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Vector = dict[str, Any]

KINDS = (
    "connect",
    "missing",
    "timeout",
    "unavailable",
    "throttle",
    "validation",
    "internal",
    "cancelled",
    "rejected",
    "unknown",
)
LABELS = ("ok", "ok", "ok", "stale", "empty")
FAULTS = ("error", "latency", "outcome", "hang")
PRIORITIES = ("critical", "high", "normal", "low", "background")
MODES = ("force_open", "force_closed", "disable", "metrics_only", "auto")

MOMENTS = st.sampled_from((0, 0, 1, 5, 10, 10, 15, 20, 30, 50, 50, 75, 99.999999, 100, 100, 120, 150, 200, 300, 450.5))
TOOK = st.sampled_from((0, 0, 0, 1, 5, 10, 19.999999, 20, 50, 100))
SECONDS = st.sampled_from((0.005, 0.01, 0.02, 0.05, 0.1, 0.0000123))
NAMES = st.one_of(
    st.sampled_from(("transport_errors", "any_failure", "connect")),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True),
)
RESULTS = st.sampled_from(("stale", ["stale"], ["stale", "empty"]))


def table(kind: str, must: dict[str, SearchStrategy[Any]], may: dict[str, SearchStrategy[Any]]) -> SearchStrategy[Any]:
    return st.fixed_dictionaries({"kind": st.just(kind), **must}, optional=may)


WHOSE: dict[str, SearchStrategy[Any]] = {"shed": st.sampled_from((0, 0.34, 0.5, 0.9)), "fair": st.booleans()}
ALGORITHMS = ("token_bucket", "token_bucket", "leaky_bucket", "fixed_window", "sliding_window", "sliding_log")

TIMEOUTS = table("timeout", {"seconds": SECONDS}, {})
FALLBACKS = table("fallback", {"value": st.just("substitute")}, {"on": NAMES, "results": RESULTS})
BULKHEADS = table(
    "bulkhead",
    {"limit": st.integers(1, 3)},
    {"queue": st.integers(0, 3), "wait": st.one_of(st.just(0), SECONDS), **WHOSE},
)


@st.composite
def rate_limits(draw: DrawFn) -> Vector:
    algorithm = draw(st.sampled_from(ALGORITHMS))
    own: dict[str, SearchStrategy[Any]] = {}
    if algorithm == "token_bucket":
        own["burst"] = st.integers(1, 4)
    pushback: dict[str, SearchStrategy[Any]] = {}
    if draw(st.booleans()):
        own["on"] = NAMES
        pushback["decrease"] = st.sampled_from((0, 0.3, 0.5))
    whose = {name: WHOSE[name] for name in WHOSE if name != "shed" or algorithm != "leaky_bucket"}
    return draw(
        table(
            "rate_limit",
            {
                "limit": st.integers(1, 4),
                "per": st.sampled_from((0.01, 0.05, 0.1, 0.0000123)),
                "algorithm": st.just(algorithm),
                **pushback,
            },
            {
                "queue": st.integers(0, 3),
                "wait": st.one_of(st.just(0), SECONDS),
                "floor": st.sampled_from((0.05, 0.4)),
                "recovery": st.sampled_from((0.05, 0.2)),
                "pushback_cap": st.sampled_from((0, 0.01, 1)),
                **whose,
                **own,
            },
        )
    )


BUDGETS = st.fixed_dictionaries(
    {},
    optional={
        "ratio": st.sampled_from((0, 0.1, 0.5, 1)),
        "per_second": st.sampled_from((0, 1, 10, 40)),
        "burst": st.sampled_from((1, 2, 2.5)),
    },
)
RETRIES = table(
    "retry",
    {
        "attempts": st.integers(1, 5),
        "base": st.sampled_from((0, 0.005, 0.01, 0.02)),
        "backoff": st.sampled_from(("constant", "constant", "linear", "exponential", "full_jitter", "decorrelated")),
    },
    {
        "on": NAMES,
        "results": RESULTS,
        "idempotent": st.booleans(),
        "factor": st.sampled_from((1, 1.5, 3)),
        "cap": st.sampled_from((0, 0.015, 0.05)),
        "total": SECONDS,
        "pushback_cap": st.sampled_from((0, 0.02)),
        "budget": BUDGETS,
    },
)


@st.composite
def breakers(draw: DrawFn) -> Vector:
    window = draw(st.integers(1, 12))
    return draw(
        table(
            "circuit_breaker",
            {
                "window_calls": st.just(window),
                "failure_rate": st.sampled_from((0.1, 0.333333, 0.5, 1)),
                "minimum_calls": st.integers(1, min(window, 3)),
                "open_for": st.sampled_from((0, 0.01, 0.02, 0.05)),
            },
            {
                "window_seconds": SECONDS,
                "open_growth": st.sampled_from((1, 1.5, 3)),
                "open_cap": st.sampled_from((0.05, 0.2)),
                "open_jitter": st.sampled_from((0, 0.5, 1)),
                "probes": st.integers(1, 3),
                "close_after": st.integers(1, 3),
                "half_open_for": SECONDS,
                "slow_call": SECONDS,
                "slow_rate": st.sampled_from((0.25, 0.5, 1)),
                "on": NAMES,
                "results": RESULTS,
            },
        )
    )


THROTTLES = table(
    "throttle",
    {"ratio": st.sampled_from((1, 1.1, 1.5, 2)), "minimum_calls": st.integers(1, 3)},
    {"window": st.sampled_from((0.01, 0.1, 0.0000123)), "on": NAMES},
)


@st.composite
def limits(draw: DrawFn) -> Vector:
    least = draw(st.integers(1, 3))
    initial = draw(st.integers(least, 6))
    return draw(
        table(
            "concurrency_limit",
            {
                "initial": st.just(initial),
                "least": st.just(least),
                "most": st.integers(initial, 12),
                "algorithm": st.sampled_from(("gradient2", "vegas", "aimd")),
                "window": st.sampled_from((0.000001, 0.005, 0.03)),
                "window_calls": st.integers(1, 3),
            },
            {
                "queue": st.integers(0, 3),
                "wait": st.one_of(st.just(0), SECONDS),
                "tolerance": st.sampled_from((1, 1.5, 3)),
                "backoff": st.sampled_from((0, 0.5, 0.9)),
                "overload_rate": st.sampled_from((0.1, 0.5, 1)),
                "slow_call": SECONDS,
                "probe_every": st.sampled_from((0.000001, 0.05, 0.2)),
                "on": NAMES,
                **WHOSE,
            },
        )
    )


INJECTS = st.one_of(
    *(
        table(
            "inject",
            {"fault": st.sampled_from(FAULTS), "enabled": st.booleans(), **amount},
            {"failure": st.sampled_from(("connect", "throttle", "internal")), "seconds": SECONDS},
        )
        for amount in (
            {"rate": st.sampled_from((0, 0.3, 0.7, 1))},
            {"every": st.integers(1, 3)},
            {"rate": st.just(0.5), "every": st.just(2)},
        )
    )
)
HEDGES = table(
    "hedge",
    {"after": st.sampled_from((0, 0.005, 0.01, 0.02)), "idempotent": st.sampled_from((True, True, False))},
    {
        "attempts": st.integers(1, 4),
        "results": RESULTS,
        "quantile": st.sampled_from((0, 0.5, 0.9, 1)),
        "window": st.integers(2, 4),
        "minimum": st.integers(1, 2),
        "budget": BUDGETS,
    },
)
CACHES = table("cache", {"fresh_for": st.just(60)}, {"stale_for": st.sampled_from((0, 60)), "on": NAMES})
IDEMPOTENCIES = table("idempotency", {}, {})
STRATEGIES = st.one_of(
    *(breakers(), RETRIES, BULKHEADS, TIMEOUTS, FALLBACKS, INJECTS, HEDGES, CACHES, IDEMPOTENCIES),
    *(rate_limits(), limits(), THROTTLES),
)
SEEDS = st.integers(0, 2**64 - 1)


def policies(strategies: SearchStrategy[Any] = STRATEGIES, most: int = 5) -> SearchStrategy[Vector]:
    """The data form of a policy."""
    rows = st.lists(strategies, max_size=most)
    return st.fixed_dictionaries({"name": st.just("p"), "seed": SEEDS, "strategies": rows})


FAILURES = st.fixed_dictionaries(
    {"kind": st.sampled_from(KINDS)},
    optional={
        "retry": st.sampled_from(("never", "same", "later", "refresh", "elsewhere", "higher")),
        "executed": st.sampled_from(("no", "maybe", "yes")),
        "retry_after": st.sampled_from((-1, 0, 5, 20, 20.000001)),
    },
)
OUTCOMES = st.one_of(st.sampled_from(LABELS), st.sampled_from(KINDS), FAILURES)
SCRIPTS = st.lists(st.tuples(TOOK, OUTCOMES).map(list), min_size=1, max_size=4)
STRAYS = st.one_of(
    st.fixed_dictionaries({"at": MOMENTS, "send": st.sampled_from(("wake", "wake", "start", "abort"))}),
    st.fixed_dictionaries({"at": MOMENTS, "send": st.just("wake"), "reads": MOMENTS}),
    st.fixed_dictionaries(
        {"at": MOMENTS, "send": st.just("outcome"), "operation": st.integers(1, 4), "outcome": OUTCOMES},
        optional={"reads": MOMENTS},
    ),
)


def calls(policy: SearchStrategy[int]) -> SearchStrategy[Vector]:
    return st.fixed_dictionaries(
        {"at": MOMENTS},
        optional={
            "attempts": SCRIPTS,
            "substitutes": SCRIPTS,
            "deadline": MOMENTS,
            "abort": MOMENTS,
            "queue": st.booleans(),
            "priority": st.sampled_from(PRIORITIES),
            "tenant": st.sampled_from(("a", "b")),
            "policy": policy,
            "strays": st.lists(STRAYS, min_size=1, max_size=2),
        },
    )


def hands(breakers: list[int], faults: list[int]) -> SearchStrategy[Vector]:
    """What an operator may do to a policy with circuit breakers and faults at these positions."""
    restore = st.fixed_dictionaries({"at": MOMENTS, "do": st.sampled_from(("resume", "revive"))})
    ways = [restore]
    for modes, positions in ((MODES, breakers), (("enable", "disable"), faults)):
        if positions:
            mode = {"at": MOMENTS, "do": st.sampled_from(modes), "strategy": st.sampled_from(positions)}
            ways.append(st.fixed_dictionaries(mode))
    return st.one_of(ways)


@st.composite
def timelines(draw: DrawFn) -> Vector:
    """A vector without expectations."""
    policy = draw(policies())
    vector: Vector = {"policy": policy, "interruptible": draw(st.booleans())}
    if draw(st.integers(0, 7)) == 0:
        vector["shared"] = {"db": draw(st.one_of(breakers(), BULKHEADS, rate_limits()))}
        policy["strategies"].append({"shared": "db"})
        vector["others"] = [draw(policies(most=2))]
        vector["others"][0]["strategies"].append({"shared": "db"})
    vector["calls"] = draw(st.lists(calls(st.integers(0, len(vector.get("others", [])))), min_size=1, max_size=10))
    rows = policy["strategies"]
    found = [i for i, row in enumerate(rows) if row.get("kind") == "circuit_breaker"]
    faults = [i for i, row in enumerate(rows) if row.get("kind") == "inject"]
    vector["manual"] = draw(st.lists(hands(found, faults), max_size=2))
    judging = [
        i for i, row in enumerate(rows) if row.get("kind") in ("circuit_breaker", "retry", "fallback", "hedge", "cache")
    ]
    if judging and draw(st.integers(0, 7)) == 0:
        position = draw(st.sampled_from(judging))
        options = {"hedge": ("results",), "cache": ("on",)}
        option = draw(st.sampled_from(options.get(rows[position]["kind"], ("on", "results"))))
        vector["raising"] = [{"strategy": position, "option": option}]
    if len(vector["calls"]) > 1 or vector["manual"]:
        for stray in [stray for call in vector["calls"] for stray in call.get("strays", []) if "reads" in stray]:
            stray["reads"] = min(stray["reads"], stray["at"])  # no rule says what holds if clocks of calls disagree
    return vector
