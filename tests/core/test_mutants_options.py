"""Every option: the least and the most that is taken, the default, and the form that strategies compute with."""

import json
from typing import Any

import pytest

from backstay_core.failure import ConfigurationError, Failure
from backstay_core.options import Field, Options, from_data, nearest
from backstay_core.policy import KINDS
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.cache import Cache
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.hedge import Hedge
from backstay_core.strategies.idempotency import Idempotency
from backstay_core.strategies.inject import Inject
from backstay_core.strategies.rate_limit import RateLimit
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.throttle import Throttle
from backstay_core.strategies.timeout import Timeout

LONGEST = 4_611_686_018  # seconds: just under 2**62 ns

#  class, option, values that are taken, values that are refused
EDGES = [
    (Bulkhead, "limit", (1, 10**9), (0, -1, 1.0, True, None)),
    (Bulkhead, "queue", (0, 10**9), (-1, 0.5, False, None)),
    (Bulkhead, "wait", (0, 0.0, 1e-9, LONGEST, None), (-1e-9, LONGEST + 1, True, "1")),
    (Bulkhead, "shed", (0, 0.0, 1e-6, 0.999999), (-1e-6, 1, True, None)),
    (Bulkhead, "fair", (True, False), (0, 1, None)),
    (CircuitBreaker, "failure_rate", (1e-6, 1, 1.0), (0, 0.9e-6, 1.000001, -0.5, True, None)),
    (CircuitBreaker, "window_calls", (1, 100_000), (0, 100_001, 10.0, None)),
    (CircuitBreaker, "window_seconds", (1e-6, LONGEST, None), (0, 0.9e-6, LONGEST + 1)),
    (CircuitBreaker, "minimum_calls", (1, 100, None), (0, 101, 5.0)),
    (CircuitBreaker, "open_for", (0, 30.0), (-1e-9, LONGEST + 1, None)),
    (CircuitBreaker, "open_growth", (1, 1.0, 1_000_000), (0.999999, 1_000_001, None)),
    (CircuitBreaker, "open_cap", (30, 30.0, LONGEST, None), (29.9, 0, -1)),
    (CircuitBreaker, "open_jitter", (0, 1e-6, 1), (-1e-6, 1.000001, 1e-7, None)),
    (CircuitBreaker, "probes", (1, 1000), (0, 1.0, None)),
    (CircuitBreaker, "close_after", (1, 1000), (0, 1.0, None)),
    (CircuitBreaker, "half_open_for", (1e-9, LONGEST, None), (0, 0.4e-9, -1)),
    (CircuitBreaker, "slow_call", (1e-9, LONGEST, None), (0, 0.4e-9, -1)),
    (CircuitBreaker, "slow_rate", (1e-6, 1), (0, 0.9e-6, 1.000001, None)),
    (CircuitBreaker, "on", ("timeout", ("timeout",), ["connect", "transport_errors"], None), ("", "none", (), 5, [5])),
    (CircuitBreaker, "results", ("stale", ("stale",), ["stale"], callable, None), ((), [], 5, [5], ("stale", 5))),
    (Retry, "attempts", (1, 1_000_000), (0, 1_000_001, 3.0, None)),
    (Retry, "on", ("timeout", None), ("no kind", ())),
    (Retry, "results", ("stale", None), ((), 5)),
    (Retry, "idempotent", (True, False), (None, 1, 0, "yes")),
    (Retry, "backoff", ("constant", "linear", "exponential", "full_jitter", "decorrelated"), ("random", None)),
    (Retry, "base", (0, 1e-9, LONGEST), (-1e-9, None, True)),
    (Retry, "factor", (1, 1000), (0.999999, 1000.5, None)),
    (Retry, "cap", (0, LONGEST), (-1e-9, None)),
    (Retry, "total", (1e-9, LONGEST, None), (0, 0.4e-9)),
    (Retry, "pushback_cap", (0, LONGEST), (-1e-9, None)),
    (Retry, "budget", (Budget(), {}, {"ratio": 0.5}, None), (5, "budget", {"rate": 1}, Timeout(1))),
    (Budget, "ratio", (0, 1e-6, 1), (-0.1, 1.000001, 1e-7, None)),
    (Budget, "per_second", (0, 1_000_000), (-0.1, 1_000_001, None)),
    (Budget, "burst", (1, 1_000_000), (0.999999, 1_000_001, None)),
    (ConcurrencyLimit, "initial", (1, 1000), (0, 1001, 1.5, True, None)),
    (ConcurrencyLimit, "algorithm", ("gradient2", "vegas", "aimd"), ("gradient", None)),
    (ConcurrencyLimit, "least", (1, 20), (0, 21, True, None)),
    (ConcurrencyLimit, "most", (20, 1_000_000), (19, 1_000_001, None)),
    (ConcurrencyLimit, "queue", (0, 10**9), (-1, 0.5, False, None)),
    (ConcurrencyLimit, "wait", (0, 1e-9, LONGEST, None), (-1e-9, LONGEST + 1, True)),
    (ConcurrencyLimit, "shed", (0, 0.0, 1e-6, 0.999999), (-1e-6, 1, True, None)),
    (ConcurrencyLimit, "fair", (True, False), (0, 1, None)),
    (ConcurrencyLimit, "window", (1e-6, LONGEST), (0, 0.9e-6, None)),
    (ConcurrencyLimit, "window_calls", (1, 1_000_000), (0, 1_000_001, None)),
    (ConcurrencyLimit, "tolerance", (1, 3), (0.999999, 3.000001, None)),
    (ConcurrencyLimit, "backoff", (0, 0.999999), (-1e-6, 1, None)),
    (ConcurrencyLimit, "overload_rate", (1e-6, 1), (0, 1.000001, None)),
    (ConcurrencyLimit, "slow_call", (1e-9, LONGEST, None), (0, True)),
    (ConcurrencyLimit, "probe_every", (1e-6, LONGEST), (0, None)),
    (ConcurrencyLimit, "on", ("connect", ("connect", "throttle"), None), ("no kind", (), 5)),
    (Throttle, "ratio", (1, 1.5, 1000), (0.999999, 1000.000001, None)),
    (Throttle, "window", (1e-6, LONGEST), (0, 0.9e-6, None)),
    (Throttle, "minimum_calls", (1, 10**9), (0, 1.5, None)),
    (Throttle, "on", ("connect", ("connect", "throttle"), None), ("no kind", (), 5)),
    (RateLimit, "limit", (1, 1_000_000), (0, 1_000_001, 1.0, True, None)),
    (RateLimit, "per", (1e-6, 31_622_400), (0, 0.9e-6, 31_622_401, True, None)),
    (RateLimit, "algorithm", ("token_bucket", "leaky_bucket", "sliding_log"), ("tokens", "", None, 1)),
    (RateLimit, "burst", (1, 1_000_000, None), (0, 1_000_001, 1.5, True)),
    (RateLimit, "queue", (0, 10**9), (-1, 0.5, False, None)),
    (RateLimit, "wait", (0, 0.0, 1e-9, LONGEST, None), (-1e-9, LONGEST + 1, True, "1")),
    (RateLimit, "shed", (0, 0.0, 1e-6, 0.999999), (-1e-6, 1, True, None)),
    (RateLimit, "fair", (True, False), (0, 1, None)),
    (RateLimit, "decrease", (0, 0.0, 0.5, 0.999999), (-1e-6, 1, True)),
    (RateLimit, "floor", (1e-6, 1), (0, 1.000001, True, None)),
    (RateLimit, "recovery", (1e-6, LONGEST), (0, 0.9e-6, True, None)),
    (RateLimit, "pushback_cap", (0, LONGEST), (-1e-9, True, None)),
    (RateLimit, "on", ("connect", ("connect", "throttle")), ("no kind", (), 5)),
    (Hedge, "after", (0, LONGEST), (-1e-9, None)),
    (Hedge, "attempts", (1, 100), (0, 101, None)),
    (Hedge, "quantile", (0, 1, None), (-1e-6, 1.000001)),
    (Hedge, "window", (1, 10_000), (0, 10_001, None)),
    (Hedge, "minimum", (1, 100, None), (0, 101)),
    (Hedge, "budget", (Budget(), None), (0.1, "budget", Retry())),
    (Cache, "fresh_for", (1e-9, LONGEST), (0, None)),
    (Cache, "refresh_for", (0, LONGEST), (-1e-9, None)),
    (Cache, "stale_for", (0, LONGEST), (-1e-9, None)),
    (Cache, "entries", (1, 10**9), (0, None)),
    (Idempotency, "keep_for", (1e-9, LONGEST), (0, None)),
    (Idempotency, "entries", (1, 10**9), (0, None)),
    (Inject, "rate", (0, 1), (-1e-6, 1.000001, None)),
    (Inject, "every", (1, 10**9), (0, None)),
    (Inject, "seconds", (1e-9, LONGEST), (0, None)),
    (Hedge, "idempotent", (True, False), (0, 1, None)),
    (Hedge, "results", ("stale", None), ((), 5)),
    (Cache, "key", (len, None), (5, "key")),
    (Cache, "on", ("any_failure", None), ("no kind", ())),
    (Cache, "results", ("stale", None), ((), 5)),
    (Cache, "negative", (True, False), (0, 1, None)),
    (Cache, "single", (True, False), (0, 1, None)),
    (Idempotency, "key", (len, None), (5, "key")),
    (Inject, "fault", ("error", "latency", "outcome", "hang"), ("none", None)),
    (Inject, "enabled", (True, False), (0, 1, None)),
    (Inject, "failure", ("timeout", "capacity"), ("no kind", None, 5)),
    (Inject, "value", (None, 5, callable), ()),
    (Timeout, "seconds", (1e-9, LONGEST), (0, 0.4e-9, -1, LONGEST + 1, None, float("nan"), float("inf"))),
    (Fallback, "value", (None, 5, callable), ()),
    (Fallback, "on", ("any_failure", None), ("no kind", ())),
    (Fallback, "results", ("stale", None), ((), 5)),
]  # fmt: skip
NEEDED: dict[type, dict[str, Any]] = {
    Bulkhead: {"limit": 1},
    Cache: {"fresh_for": 1},
    Hedge: {"after": 1},
    Idempotency: {"keep_for": 1},
    RateLimit: {"limit": 1, "decrease": 0.5},
    Timeout: {"seconds": 1},
}

DEFAULTS = [
    (
        CircuitBreaker(),
        {
            "failure_rate": 0.5, "window_calls": 100, "window_seconds": None, "minimum_calls": None, "open_for": 30.0,
            "open_growth": 2.0, "open_cap": None, "open_jitter": 0.1, "probes": 1, "close_after": 1,
            "half_open_for": None, "slow_call": None, "slow_rate": 1.0, "on": None, "results": None,
        },
    ),
    (
        Retry(),
        {
            "attempts": 3, "on": None, "results": None, "idempotent": False, "backoff": "full_jitter", "base": 0.1,
            "factor": 2.0, "cap": 10.0, "total": None, "pushback_cap": 60.0, "budget": None,
        },
    ),
    (Budget(), {"ratio": 0.1, "per_second": 1.0, "burst": 10.0}),
    (Bulkhead(3), {"limit": 3, "queue": 0, "wait": None, "shed": 0.0, "fair": False}),
    (
        RateLimit(3),
        {
            "limit": 3, "per": 1.0, "algorithm": "token_bucket", "burst": None, "queue": 0, "wait": None, "shed": 0.0,
            "fair": False, "decrease": None, "floor": 0.05, "recovery": 60.0, "pushback_cap": 60.0, "on": None,
        },
    ),
    (Throttle(), {"ratio": 2.0, "window": 120.0, "minimum_calls": 10, "on": None}),
    (
        ConcurrencyLimit(),
        {
            "initial": 20, "algorithm": "gradient2", "least": 1, "most": 1000, "queue": 0, "wait": None, "shed": 0.0,
            "fair": False, "window": 1.0, "window_calls": 20, "tolerance": 1.5, "backoff": 0.9, "overload_rate": 0.1,
            "slow_call": None, "probe_every": 30.0, "on": None,
        },
    ),
    (
        Hedge(1),
        {
            "after": 1, "attempts": 2, "idempotent": False, "results": None, "quantile": None, "window": 100,
            "minimum": None, "budget": None,
        },
    ),
    (
        Cache(60),
        {
            "fresh_for": 60, "refresh_for": 0, "stale_for": 0, "entries": 1000, "key": None, "on": None,
            "results": None, "negative": False, "single": True,
        },
    ),
    (Idempotency(), {"keep_for": 86_400.0, "entries": 10_000, "key": None}),
    (
        Inject(),
        {
            "fault": "error", "enabled": False, "rate": 1.0, "every": 1, "failure": "unavailable", "seconds": 1.0,
            "value": None,
        },
    ),
    (Timeout(3), {"seconds": 3}),
    (Fallback(), {"value": None, "on": None, "results": None}),
]  # fmt: skip

NORMAL = [
    (Timeout(1.5), "seconds_ns", 1_500_000_000),
    (Timeout(LONGEST), "seconds_ns", LONGEST * 10**9),
    (Timeout(1.4e-9), "seconds_ns", 1),
    (Timeout(1.5e-9), "seconds_ns", 2),
    (RateLimit(7), "room", 7),
    (RateLimit(7, burst=3), "room", 3),
    (RateLimit(7, algorithm="leaky_bucket"), "room", 1),
    (RateLimit(1), "decrease_ppm", None),
    (Bulkhead(1), "wait_ns", None),
    (Bulkhead(1, wait=0), "wait_ns", 0),
    (CircuitBreaker(1 / 3), "failure_rate_ppm", 333_333),
    (CircuitBreaker(2 / 3), "failure_rate_ppm", 666_667),
    (CircuitBreaker(1e-6), "failure_rate_ppm", 1),
    (CircuitBreaker(window_calls=1), "minimum", 1),
    (CircuitBreaker(window_calls=4), "minimum", 4),
    (CircuitBreaker(window_calls=49), "minimum", 5),
    (CircuitBreaker(window_calls=60), "minimum", 6),
    (CircuitBreaker(window_calls=200), "minimum", 20),
    (CircuitBreaker(window_calls=200, minimum_calls=7), "minimum", 7),
    (CircuitBreaker(window_seconds=5), "minimum", 10),
    (CircuitBreaker(window_seconds=5, minimum_calls=500), "minimum", 500),
    (CircuitBreaker(0.5, minimum_calls=7), "least_bad", 4),
    (CircuitBreaker(0.5, minimum_calls=8), "least_bad", 4),
    (CircuitBreaker(0.5, minimum_calls=10, slow_rate=0.2), "least_bad", 2),
    (CircuitBreaker(0.01, minimum_calls=10), "least_bad", 1),
    (CircuitBreaker(1e-6, minimum_calls=1), "least_bad", 1),
    (CircuitBreaker(open_for=2), "open_cap_ns", 20_000_000_000),
    (CircuitBreaker(open_for=2, open_cap=3), "open_cap_ns", 3_000_000_000),
    (CircuitBreaker(open_for=2), "half_open_for_ns", 2_000_000_000),
    (CircuitBreaker(open_for=0), "half_open_for_ns", 1),
    (CircuitBreaker(open_for=2, half_open_for=3), "half_open_for_ns", 3_000_000_000),
    (CircuitBreaker(), "slow_call_ns", None),
    (CircuitBreaker(), "on_matches", None),
    (CircuitBreaker(), "results_match", None),
    (CircuitBreaker.consecutive(7), "minimum", 7),
    (CircuitBreaker.consecutive(7), "window_calls", 7),
    (CircuitBreaker.consecutive(7), "failure_rate_ppm", 1_000_000),
    (CircuitBreaker.consecutive(7, open_for=1), "open_for_ns", 1_000_000_000),
    (Retry(), "total_ns", None),
    (Retry(factor=1.5), "factor_ppm", 1_500_000),
    (Budget(), "ratio_ppm", 100_000),
]

#  What a fingerprint is made of
BREAKER = {
    "kind": "circuit_breaker", "failure_rate": 500_000, "window_calls": 100, "window_seconds": None,
    "minimum_calls": None, "open_for": 30_000_000_000, "open_growth": 2_000_000, "open_cap": None,
    "open_jitter": 100_000, "probes": 1, "close_after": 1, "half_open_for": None, "slow_call": None,
    "slow_rate": 1_000_000, "on": None, "results": None,
}  # fmt: skip
RETRY = {
    "kind": "retry", "attempts": 3, "on": None, "results": None, "idempotent": False, "backoff": "full_jitter",
    "base": 100_000_000, "factor": 2_000_000, "cap": 10_000_000_000, "total": None, "pushback_cap": 60_000_000_000,
    "budget": None,
}  # fmt: skip
TRANSPORT = ["connect", "disconnect", "timeout", "unavailable"]
FINGERPRINTS: list[tuple[Any, dict[str, Any]]] = [
    (CircuitBreaker(), BREAKER),
    (CircuitBreaker(window_seconds=1e-3), {**BREAKER, "window_seconds": 1_000_000}),
    (CircuitBreaker(on=("timeout", "connect"), results="a"), {**BREAKER, "on": TRANSPORT[::2], "results": ["a"]}),
    (CircuitBreaker(on="transport_errors", results=len), {**BREAKER, "on": TRANSPORT, "results": "code"}),
    (Retry(), RETRY),
    (Retry(total=2, results=("a", "b")), {**RETRY, "total": 2_000_000_000, "results": ["a", "b"]}),
    (Timeout(1.5), {"kind": "timeout", "seconds": 1_500_000_000}),
    (Bulkhead(5, queue=2), {"kind": "bulkhead", "limit": 5, "queue": 2, "wait": None, "shed": 0, "fair": False}),
    (Budget(), {"kind": "budget", "ratio": 100_000, "per_second": 1_000_000, "burst": 10_000_000}),
    (Fallback("a value"), {"kind": "fallback", "on": None, "results": None}),
]


@pytest.mark.parametrize(("cls", "option", "taken", "refused"), EDGES, ids=lambda part: getattr(part, "__name__", None))
def test_the_edges_of_an_option(cls: Any, option: str, taken: tuple[Any, ...], refused: tuple[Any, ...]):
    needed = NEEDED.get(cls, {})
    for value in taken:
        options = cls(**{**needed, option: value})
        assert value == getattr(options, option) or isinstance(value, dict)
    for value in refused:
        with pytest.raises(ConfigurationError):
            cls(**{**needed, option: value})


def test_every_option_has_its_edges():
    listed = {(cls, option) for cls, option, _, _ in EDGES}
    assert listed == {(cls, field.name) for cls in (*KINDS, Budget) for field in cls.FIELDS}


@pytest.mark.parametrize(("options", "values"), DEFAULTS, ids=lambda part: type(part).__name__)
def test_defaults(options: Any, values: dict[str, Any]):
    assert options.values() == values
    assert type(options)(**values) == options


@pytest.mark.parametrize(("options", "name", "normal"), NORMAL)
def test_the_normal_form(options: Any, name: str, normal: Any):
    assert getattr(options, name) == normal


@pytest.mark.parametrize(("options", "normal"), FINGERPRINTS, ids=lambda part: type(part).__name__)
def test_a_fingerprint_is_made_of_the_normal_form(options: Any, normal: dict[str, Any]):
    assert options.fingerprint() == fnv(normal)


def test_a_budget_counts_in_the_fingerprint_of_its_retry():
    budget = Budget(0.5)
    assert Retry(budget=budget).fingerprint() == fnv({**RETRY, "budget": budget.fingerprint()})


def fnv(value: Any) -> str:
    """FNV-1a of the canonical text, as its authors define it."""
    digest = 14695981039346656037
    for byte in json.dumps(value, sort_keys=True, separators=(",", ":")).encode():
        digest = (digest ^ byte) * 1099511628211 % 2**64
    return f"{digest:016x}"


MISTAKES = [
    ("circuit_braker", "circuit_breaker"),
    ("fallbac", "fallback"),
    ("retri", "retry"),
    ("imeout", "timeout"),
    ("retyr", None),  # two edits from retry, one is allowed
    ("bulk", None),
    ("", None),
]


@pytest.mark.parametrize(("written", "meant"), MISTAKES)
def test_the_nearest_name(written: str, meant: str | None):
    assert nearest(written, ("bulkhead", "circuit_breaker", "fallback", "retry", "timeout")) == meant


DISTANCES = [
    ("ab", "ac", True),
    ("a", "", True),
    ("", "a", True),
    ("", "ab", False),
    ("ab", "", False),
    ("ab", "cd", False),
    ("abc", "abcx", True),
    ("abc", "xabc", True),
    ("abc", "abcxy", False),
    ("abc", "xyabc", False),
    ("abc", "bc", True),
    ("abc", "ab", True),
    ("abc", "c", False),
    ("abc", "a", False),
    ("abcde", "xbcdy", False),
    ("abcdef", "xbcdey", True),
    ("abcdef", "bcdefx", True),
    ("abcdef", "abxydefz", False),
    ("abcdefghi", "xbcyefghz", True),
    ("abcdefghi", "cdefghi", True),
    ("abcdefghi", "abcdefg", True),
    ("abcdefghi", "xbcyefgz", False),
]


@pytest.mark.parametrize(("written", "known", "near"), DISTANCES)
def test_a_third_of_the_letters_may_be_wrong_and_one_always(written: str, known: str, near: bool):
    assert nearest(written, (known,)) == (known if near else None)


def test_the_nearer_of_two_names_is_nearest_and_of_equals_the_first():
    assert nearest("abcdef", ("abcdxy", "abcdex", "abcdez")) == "abcdex"
    assert nearest("abcdef", ("abcdef", "abcdex")) == "abcdef"


def test_the_data_form_leaves_out_what_is_not_set_and_refuses_code():
    data = {"kind": "bulkhead", "limit": 2, "queue": 1, "shed": 0.0, "fair": False}
    assert Bulkhead(2, queue=1).to_data() == data
    assert Retry(on=("timeout",), budget=Budget()).to_data() == {
        "kind": "retry",
        "attempts": 3,
        "on": ["timeout"],
        "idempotent": False,
        "backoff": "full_jitter",
        "base": 0.1,
        "factor": 2.0,
        "cap": 10.0,
        "pushback_cap": 60.0,
        "budget": {"ratio": 0.1, "per_second": 1.0, "burst": 10.0},
    }
    assert Fallback("x", results=["a"]).to_data() == {"kind": "fallback", "value": "x", "results": ["a"]}
    with pytest.raises(ConfigurationError, match=r"Retry\(results=…\) is code"):
        Retry(results=len).to_data()


def test_data_with_a_mistake_in_it_is_refused_where_it_stands():
    with pytest.raises(ConfigurationError, match=r"here: unknown option 'limt'; did you mean 'limit'\?"):
        from_data(Bulkhead, Bulkhead.FIELDS, {"kind": "bulkhead", "limt": 1}, "here")
    with pytest.raises(ConfigurationError, match=r"here: unknown option 'x'; it takes limit, queue, wait"):
        from_data(Bulkhead, Bulkhead.FIELDS, {"x": 1}, "here")
    with pytest.raises(ConfigurationError, match=r"here: an option that must be given is missing"):
        from_data(Bulkhead, Bulkhead.FIELDS, {}, "here")
    with pytest.raises(ConfigurationError, match=r"here: Bulkhead\(limit=…\) must be at least 1"):
        from_data(Bulkhead, Bulkhead.FIELDS, {"limit": 0}, "here")
    assert from_data(Bulkhead, Bulkhead.FIELDS, {"kind": "bulkhead", "limit": 2}, "here") == Bulkhead(2)


class AnyTimeout:
    def matches(self, failure: Failure) -> bool:
        return failure.kind == "timeout"


class Custom(Options):
    KIND = "custom"
    FIELDS = (
        Field("share", "ratio", "a ratio", optional=True),
        Field("pause", "seconds", "a time", least=1e-12),
        Field("flag", "flag", "a flag", optional=True),
    )

    def __init__(self, share: float | None = None, pause: float = 1, flag: bool | None = None) -> None:
        self._set(share=share, pause=pause, flag=flag)


def test_a_matcher_may_be_an_object():
    matcher = AnyTimeout()
    options: Any = Retry(on=matcher)
    assert options.on is matcher
    assert options.on_matches is matcher
    assert options.fingerprint() == fnv({**RETRY, "on": "code"})


def test_matchers_of_kinds_and_labels():
    options: Any = Retry(on=("connect", "timeout"), results=("stale", "empty"))
    assert [options.on_matches.matches(Failure(kind)) for kind in ("connect", "unknown")] == [True, False]
    assert [options.results_match(value) for value in ("stale", "fresh", ["stale"], 5)] == [True, False, False, False]


def test_options_of_others():
    options: Any = Custom()
    assert vars(options) == {
        "share": None, "share_ppm": None, "pause": 1, "pause_ns": 1_000_000_000, "flag": None,
    }  # fmt: skip
    with pytest.raises(ConfigurationError, match="at least a nanosecond"):
        Custom(pause=0.4e-9)
    assert vars(Custom(pause=0.5e-9))["pause_ns"] == 1
    with pytest.raises(NotImplementedError):
        options.state()


def test_times_end_before_never():
    with pytest.raises(ConfigurationError, match="146 years"):
        Timeout(2**62 / 1e9)
    assert Timeout(4_611_686_018.42).seconds_ns < 2**62


def test_a_fraction_is_refused_as_a_count_and_called_so():
    with pytest.raises(ConfigurationError, match="whole number"):
        Bulkhead(1.5)  # type: ignore[arg-type]


def test_every_option_says_what_it_is():
    for cls in (Budget, Bulkhead, CircuitBreaker, Fallback, Retry, Timeout):
        assert all(field.doc for field in cls.FIELDS), cls


def test_options_are_values():
    options = Bulkhead(2)
    assert options == Bulkhead(2)
    assert options != Bulkhead(3)
    assert options != Timeout(2)
    assert options != "Bulkhead(2)"
    assert options.replace(queue=4) == Bulkhead(2, queue=4)
    with pytest.raises(AttributeError, match="immutable"):
        options.limit = 3
    with pytest.raises(AttributeError, match="immutable"):
        del options.limit
    with pytest.raises(TypeError):
        hash(options)
    assert eval(repr(options)) == options
