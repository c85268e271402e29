"""A configuration changes while it runs: what stays the same, and what else goes by the new options."""

import asyncio
from typing import Any

import pytest

from backstay import CircuitBreaker, CircuitOpen, ConfigurationError, Retry
from tests.config.running import (
    BREAKER,
    BULKHEAD,
    CALM,
    FALLBACK,
    RETRY,
    TIMEOUT,
    attempts_of,
    document,
    failing,
)


def test_what_is_the_same_stays(start):
    configuration = start(TIMEOUT, RETRY, BREAKER, BULKHEAD)
    policy = configuration.policies["p"]
    layers = policy.layers
    report = configuration.apply(document(TIMEOUT, RETRY, BREAKER, BULKHEAD))
    assert configuration.policies["p"] is policy
    assert policy.layers is layers
    assert report.unchanged
    assert report.kept == (
        "policies.p.strategies[0] (timeout)",
        "policies.p.strategies[1] (retry)",
        "policies.p.strategies[2] (circuit_breaker)",
        "policies.p.strategies[3] (bulkhead)",
    )
    assert str(report) == "the document was taken over: 4 kept"


def test_a_breaker_stays_open_while_its_neighbours_change(start):
    configuration = start(RETRY, BREAKER)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)
    assert attempts_of(fails, calls, CircuitOpen) == 2
    report = configuration.apply(document({**RETRY, "attempts": 7}, TIMEOUT, BREAKER, BULKHEAD))
    assert policy[CircuitBreaker].state == "open"
    assert attempts_of(fails, calls, CircuitOpen) == 0
    assert report.changed == ("policies.p.strategies[0] (retry): attempts 3 → 7",)
    assert report.kept == ("policies.p.strategies[2] (circuit_breaker)",)
    assert report.added == ("policies.p.strategies[1] (timeout)", "policies.p.strategies[3] (bulkhead)")
    assert str(report).splitlines() == [
        "the document was taken over: 1 kept, 1 changed, 2 added",
        "  changed  policies.p.strategies[0] (retry): attempts 3 → 7",
        "  added    policies.p.strategies[1] (timeout)",
        "  added    policies.p.strategies[3] (bulkhead)",
    ]


def test_a_breaker_with_other_options_begins_anew(start):
    configuration = start(RETRY, BREAKER)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)
    attempts_of(fails, calls, CircuitOpen)
    report = configuration.apply(document(RETRY, {**BREAKER, "open_for": 1.0}))
    assert policy[CircuitBreaker].state == "closed"
    assert attempts_of(fails, calls, CircuitOpen) == 2
    assert report.reset == ("policies.p.strategies[1] (circuit_breaker): open_for 30.0 → 1.0",)
    assert report.to_data()["reset"] == list(report.reset)


def test_decorated_functions_go_by_the_new_options(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)
    late, late_calls = failing(policy)  # not called before the reload
    assert attempts_of(fails, calls) == 3
    configuration.apply(document({**RETRY, "attempts": 5}))
    assert (attempts_of(fails, calls), attempts_of(late, late_calls)) == (5, 5)
    assert attempts_of(lambda: policy.call(late.__wrapped__), late_calls) == 5
    configuration.apply(document(FALLBACK, {**RETRY, "attempts": 4}))
    assert fails() == "substitute"
    assert policy.call(fails) == "substitute"
    configuration.apply(document())
    assert attempts_of(fails, calls) == 1


def test_coroutine_functions_too(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    calls: list[int] = []

    @policy
    async def fails() -> None:
        calls.append(1)
        raise ConnectionError

    async def main() -> None:
        for attempts in (3, 5):
            configuration.apply(document({**RETRY, "attempts": attempts}))
            for call in (fails, lambda: policy.acall(fails.__wrapped__)):
                calls.clear()
                with pytest.raises(ConnectionError):
                    await call()
                assert len(calls) == attempts

    asyncio.run(main())


def test_fallbacks_of_functions_follow(start):
    configuration = start(RETRY, BREAKER)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)

    @fails.fallback
    def instead(failure: Any) -> str:
        return failure.kind

    assert fails() == "rejected"
    configuration.apply(document({**RETRY, "attempts": 1}, BREAKER))
    assert fails() == "rejected"  # the same breaker, still open
    configuration.apply(document({**RETRY, "attempts": 1}, CALM))
    calls.clear()
    assert fails() == "disconnect"
    assert len(calls) == 1
    assert fails.policy.layers[1:] == policy.layers


def test_policies_made_by_using_follow(start):
    configuration = start(TIMEOUT, RETRY, BULKHEAD)
    policy = configuration.policies["p"]
    patient = policy.using(attempts=9)
    fails, calls = failing(patient)
    configuration.apply(document(TIMEOUT, {**RETRY, "on": "any_failure"}, {"kind": "bulkhead", "limit": 7}))
    assert patient[Retry].options.attempts == 9
    assert patient[Retry].options.on == "any_failure"
    assert patient.layers[2] is policy.layers[2]
    assert attempts_of(fails, calls) == 9
    assert policy.using(attempts=9) is not None
    report = configuration.apply(document(TIMEOUT))
    [note] = [line for line in report.notes if "using()" in line]
    assert note.startswith("policies.p: ")
    assert note in str(report)
    assert attempts_of(fails, calls) == 9
    with pytest.raises(ConfigurationError, match="attempts"):
        policy.using(attempts=9)


def test_generators_and_blocks_follow(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    calls: list[int] = []

    @policy
    def items() -> Any:
        calls.append(1)
        raise ConnectionError
        yield

    def block() -> None:
        for attempt in policy.attempts():
            with attempt:
                calls.append(1)
                raise ConnectionError

    for attempts in (3, 5):
        configuration.apply(document({**RETRY, "attempts": attempts}))
        assert attempts_of(lambda: list(items()), calls) == attempts
        assert attempts_of(block, calls) == attempts


def test_listeners_go_on_hearing(start):
    shared = {"db": BREAKER, "other": BREAKER}
    configuration = start(RETRY, BREAKER, {"shared": "db"}, shared=shared)
    policy = configuration.policies["p"]
    heard: list[tuple[str, str]] = []
    remove = policy.on("*", lambda event: heard.append((event.source, event.name)))

    def said(position: int) -> list[tuple[str, str]]:
        heard.clear()
        policy.layers[position].force_open(0)
        policy.layers[position].auto(0)
        return heard[:]

    expected = [("p: circuit_breaker", "forced_open"), ("p: circuit_breaker", "auto")]
    assert said(1) == said(2) == expected
    left = policy.layers[2]
    configuration.apply(document(RETRY, {**BREAKER, "probes": 2}, {"shared": "other"}, BREAKER, shared=shared))
    assert said(1) == said(2) == said(3) == expected
    heard.clear()
    left.force_open(0)
    assert heard == []
    twice: list[str] = []
    stop = policy.on("forced_open", lambda event: twice.append(event.name))
    assert said(3) == said(1) == expected
    assert twice == ["forced_open"] * 2
    stop()
    remove()
    assert said(1) == said(2) == said(3) == []
    assert len(twice) == 2


def test_policies_come_and_go(start):
    configuration = start(RETRY)
    gone = configuration.policies["p"]
    fails, calls = failing(gone)
    report = configuration.apply({"policies": {"q": {"strategies": []}}, "runtime_environments": {"os": {}}})
    assert list(configuration.policies) == ["q"]
    assert (report.added, report.removed) == (("policies.q", "runtime_environments.os"), ("policies.p",))
    assert attempts_of(fails, calls) == 3
    report = configuration.apply({"runtime_environments": {"os": {"enabled": False}}})
    assert report.changed == ("runtime_environments.os: enabled True → False",)
    assert configuration.runtime_environments["os"].enabled is False
    assert configuration.apply({}).removed == ("runtime_environments.os",)


def test_seeds(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    seed = policy.seed
    assert configuration.apply(document(RETRY)).unchanged
    assert policy.seed == seed
    seeded = {"policies": {"p": {"strategies": [RETRY], "seed": 7}}}
    assert configuration.apply(seeded).changed == ("policies.p.seed",)
    assert (policy.seed, policy.seeded) == (7, True)
    assert configuration.apply(seeded).unchanged
    configuration.apply(document(RETRY))
    assert policy.seeded is False


def test_a_bad_document_changes_nothing(start):
    configuration = start(RETRY, BREAKER, shared={"db": BREAKER})
    policy = configuration.policies["p"]
    before = (policy.layers, policy.strategies, configuration.policies, configuration.shared, configuration.document)
    for bad in (
        document({**RETRY, "attempts": 0}, BREAKER),
        document({**RETRY, "attempts": 1}, {**BREAKER, "open_cap": 1}),
        document({**RETRY, "attempts": 1}, {"shared": "no"}),
        {"policies": 3},
        None,
    ):
        with pytest.raises(ConfigurationError):
            configuration.apply(bad)
    after = (policy.layers, policy.strategies, configuration.policies, configuration.shared, configuration.document)
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_snapshots_fit_the_new_options(start):
    configuration = start(RETRY, BREAKER)
    configuration.apply(document({**RETRY, "attempts": 2}, BREAKER))
    policy = configuration.policies["p"]
    policy.restore(policy.snapshot(0), 0, "resume")
