"""The vectors that every runtime is fed: the conformance suite's, and random ones from a fixed seed."""

import json
from pathlib import Path
from random import Random
from typing import Any

from backstay_core.canonical import dumps
from tests.conformance import simulate

Vector = dict[str, Any]

CONFORMANCE = Path(__file__).parents[1] / "conformance"
KINDS = ("timeout", "connect", "unavailable", "throttle", "validation", "cancelled", "unknown")
LABELS = ("ok", "ok", "ok", "stale", "empty")
PRIORITIES = ("critical", "high", "normal", "low", "background")


def conformance() -> list[Vector]:
    """The conformance suite's vectors, without what they expect, but those that wait for a strategy still to come."""
    files = sorted((CONFORMANCE / "vectors").glob("*.json"))
    vectors = [vector for file in files for vector in json.loads(file.read_text(encoding="utf-8"))]
    return [{**vector, "what": "", "expect": None} for vector in vectors if "pending" not in vector]


def answer(vector: Vector) -> str:
    """What CPython makes of a vector, as text: the canonical trace, or the error of a vector that cannot be run."""
    try:
        return dumps(simulate.run(vector))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def random_vectors(count: int, seed: int = 1) -> list[Vector]:
    """`count` random policies on random timelines, the same ones each time."""
    rng = Random(seed)
    return [_vector(rng, f"random {seed}/{number}") for number in range(count)]


def _vector(rng: Random, name: str) -> Vector:
    strategies = [rng.choice(_STRATEGIES)(rng) for _ in range(rng.randint(1, 5))]
    breakers = [i for i, strategy in enumerate(strategies) if strategy["kind"] == "circuit_breaker"]
    vector: Vector = {
        "name": name,
        "policy": {"name": "random", "seed": rng.getrandbits(64), "strategies": strategies},
        "interruptible": rng.random() < 0.7,
        "calls": [_call(rng) for _ in range(rng.randint(1, 12))],
        "manual": [_manual(rng, breakers) for _ in range(rng.choice((0, 0, 0, 1, 2)))],
    }
    if rng.random() < 0.3:
        vector["end"] = 5000
    return vector


def _call(rng: Random) -> Vector:
    at = rng.randint(0, 1500)
    call: Vector = {"at": at, "attempts": [_outcome(rng) for _ in range(rng.randint(1, 4))]}
    if rng.random() < 0.3:
        call["substitutes"] = [_outcome(rng)]
    if rng.random() < 0.15:
        call["abort"] = at + rng.randint(0, 400)
    if rng.random() < 0.2:
        call["deadline"] = at + rng.randint(0, 600)
    if rng.random() < 0.2:
        call["queue"] = False
    if rng.random() < 0.4:
        call.update(priority=rng.choice(PRIORITIES), tenant=rng.choice(("", "a", "b")))
    return call


def _outcome(rng: Random) -> list[Any]:
    took = rng.choice((0, 0, 1, 20, 100, 250.5))
    if rng.random() < 0.4:
        return [took, rng.choice(LABELS)]
    if rng.random() < 0.8:
        return [took, rng.choice(KINDS)]
    return [took, {"kind": rng.choice(KINDS), "executed": "no", "retry_after": rng.choice((-1, 0, 50))}]


def _manual(rng: Random, breakers: list[int]) -> Vector:
    at = rng.randint(0, 1500)
    if breakers and rng.random() < 0.6:
        modes = ("force_open", "force_closed", "disable", "metrics_only", "auto")
        return {"at": at, "do": rng.choice(modes), "strategy": rng.choice(breakers)}
    return {"at": at, "do": rng.choice(("resume", "revive"))}


def _some(rng: Random, **options: Any) -> Vector:
    """About half of the options."""
    return {name: value for name, value in options.items() if rng.random() < 0.5}


def _breaker(rng: Random) -> Vector:
    window = rng.randint(1, 70)
    return {
        "kind": "circuit_breaker",
        "failure_rate": rng.choice((0.1, 1 / 3, 0.5, 1.0)),
        "window_calls": window,
        "minimum_calls": rng.randint(1, min(window, 4)),
        "open_for": rng.choice((0, 0.05, 0.2)),
        **_some(
            rng,
            window_seconds=rng.choice((0.1, 1.0, 0.0123)),
            open_growth=1.5,
            open_cap=0.7,
            open_jitter=0.3,
            probes=2,
            close_after=3,
            half_open_for=0.1,
            slow_call=0.1,
            slow_rate=0.5,
        ),
        **_some(rng, **_some(rng, on="transport_errors", results="stale")),
    }


def _retry(rng: Random) -> Vector:
    budget = {"ratio": 0.1, "per_second": rng.choice((0, 0.7)), "burst": 2}
    return {
        "kind": "retry",
        "attempts": rng.randint(1, 5),
        "base": rng.choice((0, 0.01, 0.07)),
        "backoff": rng.choice(("constant", "linear", "exponential", "full_jitter", "decorrelated")),
        **_some(rng, idempotent=True, factor=1.7, cap=0.1, total=0.5, pushback_cap=0.04, budget=budget),
        **_some(rng, **_some(rng, on=["timeout", "unknown"], results=["empty"])),
    }


def _timeout(rng: Random) -> Vector:
    return {"kind": "timeout", "seconds": rng.choice((0.05, 0.1, 0.3, 1))}


def _bulkhead(rng: Random) -> Vector:
    return {"kind": "bulkhead", "limit": rng.randint(1, 3), **_queue(rng)}


def _queue(rng: Random) -> Vector:
    return _some(rng, queue=rng.randint(0, 3), wait=0.08, shed=rng.choice((0.34, 0.9)), fair=True)


def _rate_limit(rng: Random) -> Vector:
    ways = ("token_bucket", "token_bucket", "leaky_bucket", "fixed_window", "sliding_window", "sliding_log")
    row = {
        "kind": "rate_limit",
        "limit": rng.randint(1, 4),
        "per": rng.choice((0.05, 0.1, 0.4)),
        "algorithm": rng.choice(ways),
        **_queue(rng),
        **_some(rng, decrease=0.5, floor=0.3, recovery=rng.choice((0.1, 1)), pushback_cap=0.1),
    }
    if row["algorithm"] == "leaky_bucket":
        row.pop("shed", None)
    return row


def _concurrency_limit(rng: Random) -> Vector:
    initial = rng.randint(1, 4)
    return {
        "kind": "concurrency_limit",
        "initial": initial,
        "algorithm": rng.choice(("gradient2", "vegas", "aimd")),
        "most": initial + rng.randint(0, 4),
        "window": rng.choice((0.001, 0.05, 0.3)),
        "window_calls": rng.randint(1, 3),
        **_queue(rng),
        **_some(rng, tolerance=1.2, backoff=0.5, overload_rate=0.5, slow_call=0.1, probe_every=0.2),
    }


def _throttle(rng: Random) -> Vector:
    window = rng.choice((0.1, 0.5, 2))
    return {"kind": "throttle", "ratio": rng.choice((1, 1.5, 2)), "window": window, "minimum_calls": rng.randint(1, 3)}


def _fallback(rng: Random) -> Vector:
    return {"kind": "fallback", "value": "substitute", **_some(rng, on=["timeout", "rejected"], results=["empty"])}


def _inject(rng: Random) -> Vector:
    often = rng.choice(({"rate": rng.choice((0, 0.4, 1))}, {"every": rng.randint(1, 3)}, {"rate": 0.5, "every": 2}))
    fault = rng.choice(("error", "latency", "outcome", "hang"))
    return {"kind": "inject", "fault": fault, "enabled": rng.random() < 0.7, "seconds": 0.06, **often}


def _hedge(rng: Random) -> Vector:
    return {
        "kind": "hedge",
        "after": rng.choice((0, 0.02, 0.1)),
        "idempotent": rng.random() < 0.8,
        **_some(rng, attempts=3, results="empty", quantile=0.6, window=3, budget={"burst": 2}),
    }


def _cache(rng: Random) -> Vector:
    return {"kind": "cache", "fresh_for": 60, **_some(rng, stale_for=60, on=["timeout", "connect"])}


def _idempotency(rng: Random) -> Vector:
    return {"kind": "idempotency"}


_STRATEGIES = (
    _breaker,
    _breaker,
    _retry,
    _retry,
    _timeout,
    _bulkhead,
    _fallback,
    _inject,
    _hedge,
    _cache,
    _idempotency,
    _rate_limit,
    _concurrency_limit,
    _throttle,
)
