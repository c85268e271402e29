"""A policy: what is taken and what is refused, its streams, its data form, its snapshots."""

from typing import Any

import pytest

from backstay_core import options as options_module
from backstay_core.canonical import dumps, fnv1a
from backstay_core.execution import ATTEMPT, ERROR, FAIL, OK, START, SUBSTITUTE, WAIT, Execution
from backstay_core.failure import NEUTRAL, ConfigurationError, Failure, SnapshotError
from backstay_core.policy import STRATEGIES, Policy, Shared
from backstay_core.rng import stream
from backstay_core.strategies import contract
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.contract import BOUND, DRIVER, GATE, Permit, Refusal, State, Ticket
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.timeout import Timeout

ROLES = {Bulkhead: GATE, CircuitBreaker: GATE, Fallback: contract.SUBSTITUTE, Retry: DRIVER, Timeout: BOUND}
EXAMPLES = [Bulkhead(3), CircuitBreaker(), Fallback(5), Retry(), Timeout(1)]


# Construction


@pytest.mark.parametrize("name", ["", None, 5, b"p"])
def test_a_name_is_a_text(name: Any):
    with pytest.raises(ConfigurationError, match="name"):
        Policy(name)


@pytest.mark.parametrize("seed", [True, 1.0, "1", None])
def test_a_seed_is_a_whole_number(seed: Any):
    with pytest.raises(ConfigurationError, match="seed must be a whole number"):
        Policy("p", seed=seed)


@pytest.mark.parametrize("strategy", [None, Bulkhead, Budget(), Bulkhead(1).state(), "retry"], ids=str)
def test_what_is_no_strategy(strategy: Any):
    with pytest.raises(ConfigurationError, match=r"position 2\) is no strategy"):
        Policy("p", Timeout(1), strategy)


def test_one_state_stands_once_in_a_policy():
    db = Shared("db", Bulkhead(2))
    with pytest.raises(ConfigurationError, match="stands in it twice"):
        Policy("p", db, Timeout(1), db)
    with pytest.raises(ConfigurationError, match="stands in it twice"):
        Policy("p", Timeout(1), db, db)
    Policy("p", Bulkhead(2), Bulkhead(2))
    one, other = Policy("p", db), Policy("q", db)
    assert one.layers[0] is other.layers[0] is db.state
    assert (db.name, db.options) == ("db", Bulkhead(2))


def test_a_policy_keeps_what_it_was_given():
    strategies = (Timeout(1), Retry())
    policy = Policy("p", *strategies, seed=5)
    assert (policy.name, policy.seed, policy.strategies, policy.calls) == ("p", 5, strategies, 0)
    assert [layer.options for layer in policy.layers] == list(strategies)
    assert policy.options() == strategies
    assert policy.emit is None
    assert Policy("p").seed == 0


@pytest.mark.parametrize("example", EXAMPLES, ids=repr)
def test_roles_and_kinds(example: Any):
    assert example.ROLE == example.state().ROLE == ROLES[type(example)]
    assert STRATEGIES[example.KIND] is type(example)
    assert example.state().options is example
    assert example.state().emit is None
    assert sorted(STRATEGIES) == [
        "bulkhead", "cache", "circuit_breaker", "concurrency_limit", "fallback", "hedge", "idempotency", "inject",
            "rate_limit", "retry",
        "throttle", "timeout",
    ]  # fmt: skip


def test_the_seed_and_the_position_give_a_breaker_its_jitter():
    policy: Any = Policy("p", CircuitBreaker(), CircuitBreaker(), seed=9)
    assert [layer.seed for layer in policy.layers] == [stream(9, 0, 1).next(), stream(9, 0, 2).next()]
    db: Any = Shared("db", CircuitBreaker(), seed=9)
    assert db.state.seed == 9
    other: Any = Shared("db", CircuitBreaker())
    assert other.state.seed == 0


def test_number_and_position_give_a_call_its_stream():
    policy = Policy("p", Retry(), seed=9)
    assert policy.stream(3, 1).state == stream(9, 3, 1).state
    assert [policy.next_call() for _ in range(3)] == [0, 1, 2]
    assert policy.calls == 3


def test_only_calls_that_may_draw_are_numbered():
    for policy, calls in ((Policy("p", Timeout(1), Retry()), 1), (Policy("p", Timeout(1), Bulkhead(1)), 0)):
        Execution(policy).step((START,), 0)
        assert policy.calls == calls


@pytest.mark.parametrize(("strategy", "kind"), [(Timeout(1), FAIL), (Bulkhead(1), ATTEMPT), (Retry(), ATTEMPT)])
def test_a_policy_with_a_timeout_minds_the_deadline_of_its_caller(strategy: Any, kind: str):
    [action] = Execution(Policy("p", strategy), None, 5).step((START,), 5)
    assert action[0] == kind


# Events


def test_events_of_the_whole_call():
    told: list[Any] = []
    policy = Policy("p", Fallback(1, on="connect"), Retry(2, on="timeout", backoff="constant", base=1))
    policy.tell(0, "nobody", None)
    policy.emit = lambda now, event, detail: told.append((now, event, detail))
    call = Execution(policy)
    assert call.step((START,), 0)[0][0] == ATTEMPT
    assert call.step((ERROR, 1, Failure("timeout")), 5)[0][0] == WAIT
    call.step(("wake",), 10**9 + 5)
    failure = Failure("connect")
    assert call.step((ERROR, 2, failure), 10**9 + 6)[0][0] == SUBSTITUTE
    policy.tell(7, "other")
    assert told == [(5, "retry", 10**9), (10**9 + 6, "fallback", failure), (7, "other", None)]


def test_an_error_of_a_listener_is_dropped():
    def fail(now: int, event: str, detail: Any) -> None:
        raise RuntimeError("listener")

    policy = Policy("p", Bulkhead(1))
    policy.emit = policy.layers[0].emit = fail
    policy.tell(0, "event")
    policy.layers[0].tell(0, "event")


def test_a_strategy_tells_its_listener():
    told: list[Any] = []
    state: Any = Bulkhead(1).state()
    state.tell(1, "before")
    state.emit = lambda *event: told.append(event)
    state.admit(0)
    state.admit(5)
    state.tell(6, "last", 7)
    assert told == [(5, "refused", None), (6, "last", 7)]


# The data form

DATA: dict[str, Any] = {
    "name": "p",
    "seed": 5,
    "strategies": [
        {"kind": "timeout", "seconds": 1},
        {"kind": "bulkhead", "limit": 2, "queue": 0, "shed": 0, "fair": False},
    ],
}


def test_the_data_form_goes_there_and_back():
    policy = Policy.from_data(DATA)
    assert policy.to_data() == DATA
    assert policy.strategies == (Timeout(1), Bulkhead(2, shed=0))
    bare = Policy.from_data({"name": "p"})
    assert (bare.seed, bare.strategies) == (0, ())
    tuples = {**DATA, "strategies": tuple(DATA["strategies"])}
    assert Policy.from_data(tuples).to_data() == DATA


MISTAKES: list[tuple[Any, str]] = [
    ([], "a policy is a table; got list"),
    ({"nmae": "p"}, "unknown key 'nmae'"),
    ({**DATA, "extra": 1}, "unknown key 'extra'"),
    ({"seed": 1}, "name"),
    ({**DATA, "seed": "1"}, "seed must be"),
    ({**DATA, "strategies": {"kind": "retry"}}, "must be a list of tables"),
    ({**DATA, "strategies": ["retry"]}, r"strategies\[0\] must be a table with a kind"),
    ({**DATA, "strategies": [{"limit": 1}]}, r"strategies\[0\] must be a table with a kind"),
    ({**DATA, "strategies": [{"kind": "retri"}]}, r"strategies\[0\]: unknown kind 'retri'; did you mean 'retry'"),
    ({**DATA, "strategies": [{"kind": "memory"}]}, r"unknown kind 'memory'; kinds: bulkhead, cache, circuit_breaker"),
    ({**DATA, "strategies": [{"kind": ["retry"]}]}, "unknown kind"),
    ({**DATA, "strategies": [{"kind": "timeout"}]}, r"strategies\[0\] \(timeout\): an option that must be given"),
    ({**DATA, "strategies": [{"kind": "timeout", "second": 1}]}, r"\(timeout\): unknown option 'second'"),
]


@pytest.mark.parametrize(("data", "why"), MISTAKES, ids=str)
def test_a_mistake_in_the_data_is_named(data: Any, why: str):
    with pytest.raises(ConfigurationError, match=why):
        Policy.from_data(data)


# Snapshots


def used() -> Policy:
    """A policy with something to remember in each part: two of three calls are inside."""
    policy = Policy("p", Retry(budget=Budget(per_second=1.0)), Bulkhead(3), seed=1)
    calls = [Execution(policy) for _ in range(3)]
    for call in calls:
        call.step((START,), 0)
    calls[0].step((OK, 1, "value"), 0)
    return policy


def test_a_snapshot_holds_all_parts():
    policy = used()
    snapshot = policy.snapshot(0, 77)
    assert (snapshot["kind"], snapshot["wall"], snapshot["options"]) == ("policy", 77, policy.fingerprint())
    assert snapshot["state"]["calls"] == 3
    assert snapshot["state"]["name"] == "p"
    assert snapshot["state"]["strategies"] == [layer.snapshot(0) for layer in policy.layers]
    assert policy.fingerprint() == fnv1a(dumps([layer.options.fingerprint() for layer in policy.layers]))
    assert policy.fingerprint() != Policy("p", Bulkhead(3), Retry(budget=Budget())).fingerprint()
    assert used().snapshot(0)["wall"] is None


@pytest.mark.parametrize(("mode", "inside"), [("resume", 2), ("revive", 0)])
def test_a_policy_is_restored_whole(mode: str, inside: int):
    snapshot = used().snapshot(0, 1000)
    other = Policy("another", *used().strategies)
    other.restore(snapshot, 50, mode, 1030)
    assert other.calls == 3
    places: Any = other.layers[1]
    assert places.snapshot(0)["state"]["inside"] == inside
    tokens: Any = other.layers[0]
    assert (tokens.budget.tokens, tokens.budget.filled, tokens.budget.rest) == (10_000_000, 50 - 30, 0)
    as_tuple = {**snapshot, "state": {**snapshot["state"], "strategies": tuple(snapshot["state"]["strategies"])}}
    other.restore(as_tuple, 50, mode)


def test_time_that_passed_by_the_wall_clock_has_passed_for_each_part():
    def opened() -> Any:
        policy = Policy("p", CircuitBreaker(1.0, 1, minimum_calls=1, open_for=1, open_jitter=0))
        breaker: Any = policy.layers[0]
        breaker.settle(breaker.admit(0), 0, -1)
        return policy

    snapshot = opened().snapshot(0, 1000)
    policy = opened()
    policy.restore(snapshot, 0, "revive", 1000 + 400_000_000)
    assert policy.layers[0].admit(0).retry_after == 600_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"strategies": []},
        {"strategies": None},
        {"strategies": {"a": 1, "b": 2}},
        {"strategies": [{}, {}]},
        {"calls": -1},
        {"calls": None},
    ],
    ids=str,
)
def test_a_snapshot_that_does_not_fit_changes_nothing(change: dict[str, Any]):
    policy = used()
    before = policy.snapshot(0)
    bad = {**before, "state": {**before["state"], **change}}
    with pytest.raises(SnapshotError):
        policy.restore(bad, 0, "revive")
    bad_last = policy.snapshot(0)
    bad_last["state"]["strategies"][1]["state"]["inside"] = 99
    with pytest.raises(SnapshotError, match="bulkhead: inside is out of range"):
        policy.restore(bad_last, 0, "revive")
    assert policy.snapshot(0) == before


# What a gate answers


def test_answers_say_what_they_are():
    assert (contract.GRANTED, contract.WAITING, contract.REFUSED, contract.GONE) == (1, 0, -1, -2)
    assert Permit().decision == 1
    refusal = Refusal("NO", 5)
    assert (refusal.decision, refusal.reason, refusal.retry_after) == (-1, "NO", 5)
    assert Refusal("NO").retry_after is None
    wake = object
    ticket = Ticket(wake, 9)
    answer = (ticket.status, ticket.prev, ticket.next, ticket.permit, ticket.until, ticket.wake)
    assert answer == (0, None, None, None, 9, wake)


def test_a_state_that_remembers_nothing():
    for options in (Timeout(1), Fallback(1)):
        state = options.state()
        snapshot = state.snapshot(5, 6)
        assert snapshot == {
            "schema": 1, "kind": options.KIND, "options": options.fingerprint(), "wall": 6, "state": {},
        }  # fmt: skip
        state.restore(snapshot, 0, "resume")
        with pytest.raises(SnapshotError):
            state.restore({**snapshot, "kind": "other"}, 0, "resume")
    assert State.ROLE == ""
    assert options_module.PPM == 10**6


def test_failures_that_a_policy_makes_name_it():
    policy = Policy("quotes", Bulkhead(1), Timeout(2.5))
    first = Execution(policy)
    assert first.step((START,), 0) == [(ATTEMPT, 1, 2_500_000_000)]
    [(kind, token, failure)] = Execution(policy).step((START,), 0)
    assert (kind, token) == (FAIL, 0)
    assert failure.to_data() == {
        "kind": "rejected", "message": "quotes: bulkhead", "code": "RESOURCE_EXHAUSTED", "reason": "BULKHEAD_FULL",
        "domain": "backstay",
    }  # fmt: skip
    [_, (kind, token, failure)] = first.step(("wake",), 2_500_000_000)
    assert (kind, token) == (FAIL, 0)
    assert failure.to_data() == {
        "kind": "timeout", "message": "quotes: timeout: not over after 2.5 s", "reason": "TIMED_OUT",
        "domain": "backstay",
    }  # fmt: skip
    [(kind, token, failure)] = Execution(policy, None, 10).step((START,), 10)
    assert failure.to_data() == {
        "kind": "rejected", "message": "quotes: the deadline has passed", "code": "DEADLINE_EXCEEDED",
        "reason": "NO_TIME", "domain": "backstay",
    }  # fmt: skip
    breaker = Policy("db", CircuitBreaker())
    state: Any = breaker.layers[0]
    state.force_open(0)
    [(kind, token, failure)] = Execution(breaker).step((START,), 0)
    assert failure.to_data() == {
        "kind": "rejected", "message": "db: circuit_breaker", "reason": "FORCED_OPEN", "domain": "backstay",
    }  # fmt: skip
    assert failure.verdict == NEUTRAL
