"""A resumed state takes back what the calls in flight hold; a revived one has forgotten them."""

import copy
import json
from typing import Any

import pytest

from backstay_core import engine_state
from backstay_core.canonical import dumps
from backstay_core.documents import EngineError
from backstay_core.engine import Engine
from backstay_core.execution import ATTEMPT, FAIL, START, WAIT, Execution
from backstay_core.execution import OK as RETURNED
from backstay_core.failure import FAILED, NEUTRAL, OK, SnapshotError
from backstay_core.holding import hold
from backstay_core.inflight import load, read_call, save
from backstay_core.policy import Policy
from backstay_core.rng import Rng
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.priority import Caller
from backstay_core.strategies.rate_limit import RateLimit
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.throttle import Throttle

MS = 1_000_000


def again(state, mode, now=0):
    state.restore(state.snapshot(now), now, mode)


def admitted(state: Any, now: int = 0) -> Any:
    return state.admit(now)


def body(state, now=0):
    return state.snapshot(now)["state"]


@pytest.mark.parametrize("mode", ["resume", "revive"])
def test_a_place_is_given_back_once_after_a_restore(mode):
    places = Bulkhead(2).state()
    permit = admitted(places)
    again(places, mode)
    places.settle(permit, 0, OK)
    assert body(places)["inside"] == 0
    assert [places.admit(0).decision for _ in range(3)] == [1, 1, -1]


@pytest.mark.parametrize("options", [{}, {"window_seconds": 1.0}])
@pytest.mark.parametrize(("mode", "state"), [("resume", "open"), ("revive", "closed")])
def test_a_call_in_flight_counts_in_a_resumed_window(options, mode, state):
    breaker = CircuitBreaker(1.0, 1, minimum_calls=1, **options).state()
    permit = admitted(breaker)
    again(breaker, mode)
    breaker.settle(permit, 0, FAILED)
    assert body(breaker)["state"] == state


@pytest.mark.parametrize(
    "options", [Bulkhead(1), ConcurrencyLimit(initial=1, least=1, most=1)], ids=["bulkhead", "limit"]
)
def test_who_is_inside_stays_inside_when_a_snapshot_from_before_is_resumed(options: Any):
    """Otherwise the place would come back twice, and two would be inside."""
    policy = Policy("p", options)
    before = policy.snapshot(0)
    call = begun(policy, 0)
    policy.restore(before, 0, "resume")
    assert Execution(policy).step((START,), 0)[0][0] == FAIL
    call.step((RETURNED, call.token, None), 0)
    assert policy.layers[0].body(0)["inside"] == 0


@pytest.mark.parametrize("mode", ["resume", "revive"])
def test_a_probe_in_flight_gives_its_place_back(mode):
    breaker = CircuitBreaker(1.0, 1, minimum_calls=1, open_for=1.0, open_jitter=0).state()
    breaker.settle(admitted(breaker), 0, FAILED)
    probe = admitted(breaker, 10**9)
    again(breaker, mode, 10**9)
    breaker.settle(probe, 10**9, NEUTRAL)
    assert body(breaker)["in_flight"] == 0
    assert breaker.admit(10**9).decision == 1


@pytest.mark.parametrize(("in_flight", "passed"), [(2, 0), (0, 1)])
def test_more_probes_than_the_options_allow_are_no_snapshot(in_flight, passed):
    breaker = CircuitBreaker().state()
    bad = breaker.snapshot(0)
    bad["state"].update(state="half_open", in_flight=in_flight, passed=passed)
    with pytest.raises(SnapshotError, match="more probes"):
        breaker.restore(bad, 0, "resume")


def test_more_calls_inside_than_a_concurrency_limit_ever_lets_in_are_no_snapshot():
    slots = ConcurrencyLimit(2, most=5).state()
    saved = slots.snapshot(0)
    saved["state"]["inside"] = 6
    with pytest.raises(SnapshotError, match="inside is out of range"):
        slots.restore(saved, 0, "resume")
    assert body(slots)["inside"] == 0
    saved["state"]["inside"] = 5  # the limit has shrunk since
    slots.restore(saved, 0, "resume")
    assert slots.free == -3


@pytest.mark.parametrize("text", ["--5", "²", "", "+1", " 1", "-1"])
def test_numbers_as_text_are_decimal_digits(text):
    places = Bulkhead(2).state()
    bad = places.snapshot(0)
    bad["state"]["inside"] = text
    with pytest.raises(SnapshotError, match="inside"):
        places.restore(bad, 0, "resume")


def test_counts_beyond_a_javascript_number_survive_in_slices():
    breaker = CircuitBreaker(window_seconds=10).state()
    saved = breaker.snapshot(0)
    saved["state"]["slices"] = [[0, 2**60, 0, 0]]
    breaker.restore(saved, 0, "resume")
    breaker.restore(json.loads(dumps(breaker.snapshot(0))), 0, "resume")
    assert breaker.snapshot(0)["state"]["slices"] == [[0, 2**60, 0, 0]]


@pytest.mark.parametrize("rows", [[[0, 1, 0, 0]] * 2, [[10, 1, 0, 0]], [[0, 1, 0, 10**30]]], ids=str)
def test_more_slices_than_a_window_has_are_no_snapshot(rows):
    breaker = CircuitBreaker(window_seconds=10.0).state()
    data = breaker.snapshot(0)
    data["state"]["slices"] = rows
    with pytest.raises(SnapshotError):
        breaker.restore(data, 0, "revive")


def test_an_open_period_beyond_all_time_is_no_snapshot():
    breaker = CircuitBreaker().state()
    data = breaker.snapshot(0)
    data["state"] = {**data["state"], "state": "open", "remaining": 10**400, "in_flight": 0, "passed": 0}
    with pytest.raises(SnapshotError):
        breaker.restore(data, 0, "revive")


@pytest.mark.parametrize("open_for", [0.0, 1e-9])
def test_an_open_period_that_does_not_grow_needs_no_count_of_re_openings(open_for):
    """Whatever a snapshot says: so many steps would take years."""
    breaker = CircuitBreaker(open_for=open_for, open_cap=5.0, open_growth=1.5, open_jitter=0).state()
    data = breaker.snapshot(0)
    data["state"].update(state="half_open", reopened=2**60, in_flight=0, passed=0)
    breaker.restore(data, 0, "revive")
    breaker.settle(admitted(breaker), 0, FAILED)
    assert body(breaker)["remaining"] == int(open_for * 10**9)


def test_a_pause_that_does_not_grow_needs_no_count_of_attempts():
    retrier = Retry(1_000_000, base=1e-9, factor=1.5, backoff="exponential").state()
    call = retrier.enter(0, Rng(0))
    call.made = 2**60
    assert retrier.pause(call) == 1


# What moves with its policy


def moved(policy: Policy, now: int) -> Policy:
    """A policy with the same options that goes on from the other's snapshot."""
    fresh = Policy(policy.name, *policy.strategies, seed=policy.seed)
    fresh.restore(json.loads(dumps(policy.snapshot(now))), now, "resume")
    return fresh


def begun(policy: Policy, now: int, tenant: str = "") -> Execution:
    call = Execution(policy, int, caller=Caller("normal", tenant))
    call.step((START,), now)
    return call


def test_a_window_that_is_measured_goes_on():
    """Two outcomes before and two after the move are the four of a window."""
    policy = Policy("p", ConcurrencyLimit(4, window=0.01, window_calls=4))
    calls = [begun(policy, 0) for _ in range(4)]
    for call in calls[:2]:
        call.step((RETURNED, 1, None), 20 * MS)
    saved = [save(call, 20 * MS) for call in calls[2:]]
    other = moved(policy, 20 * MS)
    assert body(other.layers[0], 20 * MS)["window"] == {
        "age": 0, "calls": 2, "peak": 4, "signs": 0, "time": 40 * MS,
    }  # fmt: skip
    for call in [load(data, other, 20 * MS, None) for data in saved]:
        call.step((RETURNED, 1, None), 40 * MS)
    assert body(other.layers[0], 40 * MS)["baseline"] == 30 * MS


def test_a_limit_that_grows_again_grows_on():
    """The share is not rounded at the move: 1 000 moves are no slower than none."""
    pace: Any = RateLimit(1000, decrease=0.5, recovery=3.0).state()
    pace.settle(pace.admit(0), 0, -1)
    for now in range(0, 1_000_000, 1_000):
        again(pace, "resume", now)
    assert pace.share_at(1_500_000_000) == pace.share_at(1_499_999_999) + 1 == 1_000_000
    assert body(pace, 10**12) == {"age": 0, "missing": 0, "share": 1_000_000, "shut": 0, "waiting": 0}


def test_a_call_that_moves_counts_in_its_tenth():
    policy = Policy("p", Throttle(1, window=1, minimum_calls=1))
    call = begun(policy, 50 * MS)
    other = moved(policy, 250 * MS)
    assert body(other.layers[0], 250 * MS)["tenths"] == []
    load(save(call, 250 * MS), other, 250 * MS, None).step((RETURNED, 1, None), 300 * MS)
    assert body(other.layers[0], 300 * MS)["tenths"] == [[3, 1, 1]]
    late = moved(policy, 1050 * MS)
    load(save(call, 1050 * MS), late, 1050 * MS, None).step((RETURNED, 1, None), 1050 * MS)
    assert body(late.layers[0], 1050 * MS)["tenths"] == []  # its tenth has left the window


def test_turns_of_tenants_go_on():
    policy = Policy("p", Bulkhead(1, queue=9, fair=True))
    inside = begun(policy, 0)
    waiting = [begun(policy, 0, tenant) for tenant in "aab"]
    other = moved(policy, 0)
    first, second, third = (read_call(save(call, 0), other, 0, int) for call in waiting)
    inside = load(save(inside, 0), other, 0, int)
    hold([third, second, first], 0)
    order = []
    for holder in (inside, first, third):
        holder.step((RETURNED, holder.token, None), 1)
        order += [call for call in (first, second, third) if call.step(("wake",), 1)]
    assert order == [first, third, second]
    assert body(other.layers[0])["round"] == 2


def test_who_comes_after_a_move_stands_behind_all_of_his_round():
    policy = Policy("p", RateLimit(1, queue=9, fair=True))
    calls = [begun(policy, 0, tenant) for tenant in ("a", "a", "b")]
    other = moved(policy, 0)
    hold([read_call(save(call, 0), other, 0, int) for call in reversed(calls)], 0)
    pace: Any = other.layers[0]
    assert pace.admit(0, int, Caller("normal", "c")).until == 3 * 1000 * MS


def test_of_more_calls_than_there_is_room_for_none_waits():
    policy = Policy("p", Bulkhead(1, queue=1))
    begun(policy, 0)
    call = save(begun(policy, 0), 0)
    other = moved(policy, 0)
    with pytest.raises(SnapshotError, match="more calls wait than the options allow"):
        hold([read_call(call, other, 0, int) for _ in range(2)], 0)
    assert body(other.layers[0]) == {"inside": 1, "waiting": 0}
    load(call, other, 0, int)
    assert body(other.layers[0]) == {"inside": 1, "waiting": 1}


WRONG: tuple[Any, ...] = (-1, 10**30, 0.5, float("nan"), None, True, "many", [])
FIELDS = [
    (ConcurrencyLimit(fair=True), ("round",)),
    (ConcurrencyLimit(), ("window",)),
    *((ConcurrencyLimit(), ("window", name)) for name in ("calls", "signs", "time", "peak")),
    (RateLimit(1), ("share",)),
    (RateLimit(1), ("age",)),
]


@pytest.mark.parametrize(("options", "path"), FIELDS, ids=str)
@pytest.mark.parametrize("wrong", [*WRONG, "absent"], ids=str)
def test_a_measure_that_does_not_fit_is_named(options: Any, path: tuple[str, ...], wrong: Any):
    state = options.state()
    saved = copy.deepcopy(state.snapshot(0))
    inner = saved["state"]
    for name in path[:-1]:
        inner = inner[name]
    if wrong == "absent":
        del inner[path[-1]]
    else:
        inner[path[-1]] = wrong
    before = dumps(state.snapshot(0))
    with pytest.raises(SnapshotError, match=path[-1]) as refused:
        state.restore(saved, 0, "resume")
    assert "\n" not in str(refused.value)
    assert dumps(state.snapshot(0)) == before


@pytest.mark.parametrize("name", ["round", "place"])
@pytest.mark.parametrize("wrong", [*WRONG, "absent"], ids=str)
def test_a_ticket_that_does_not_fit_is_named(name: str, wrong: Any):
    policy = Policy("p", Bulkhead(1, queue=1))
    begun(policy, 0)
    saved = save(begun(policy, 0), 0)
    ticket = saved["state"]["layers"][0]["held"]
    if wrong == "absent":
        del ticket[name]
    else:
        ticket[name] = wrong
    other = moved(policy, 0)
    with pytest.raises(SnapshotError, match=name):
        load(saved, other, 0, int)
    assert body(other.layers[0]) == {"inside": 1, "waiting": 0}


@pytest.mark.parametrize(("options", "most"), [(Bulkhead(1), 0), (Throttle(), 9)], ids=["bulkhead", "throttle"])
def test_a_permit_is_of_an_epoch_that_is_remembered(options: Any, most: int):
    policy = Policy("p", options)
    saved = save(begun(policy, 0), 0)
    saved["state"]["layers"][0]["held"] = most
    load(saved, moved(policy, 0), 0, None)
    for wrong in (most + 1, -1, True, "x"):
        saved["state"]["layers"][0]["held"] = wrong
        with pytest.raises(SnapshotError, match="held"):
            load(saved, moved(policy, 0), 0, None)


def an_engine() -> Engine:
    engine = Engine()
    rows = [{"kind": "bulkhead", "limit": 1, "queue": 1}]
    engine.load(json.dumps({"policies": {"p": {"strategies": rows}}}), 0)
    assert engine.begin(1, 0, None, True)[1] == ATTEMPT
    assert engine.begin(1, 0, None, True)[1] == WAIT
    return engine


def test_an_engine_takes_over_as_many_calls_as_it_may_hold_and_no_rows_that_it_does_not_know():
    engine = an_engine()
    before = engine_state.snapshot(engine, 0, None)
    run, wait = (row[3] for row in json.loads(before)["state"]["calls"])
    for spoil, why in (
        (lambda state: state.update(calls=state["calls"] * 5001), "more than 10000 calls are open"),
        (lambda state: state["calls"][1].append(0), "calls must hold rows of 4 values"),
        (lambda state: state.update(begun=3, calls=[*state["calls"], [3, 1, True, wait]]), "more calls wait than"),
        (
            lambda state: state.update(begun=3, calls=[*state["calls"], [3, 1, True, run]]),
            "more calls hold a",
        ),
        (lambda state: state["calls"].append(state["calls"][1]), "call 2 was never begun, or is there twice"),
        (lambda state: state.update(begun=1), "call 2 was never begun"),
        (lambda state: state.update(policies=7), "policies must be a list"),
        (lambda state: state["documents"].append(state["documents"][0]), "policy 1 was never given, or is there twice"),
        (lambda state: state["policies"].append(state["policies"][0]), "policy 1 is in no document, is there twice"),
        (lambda state: state.update(policies=[]), "call 1 is of policy 1, which is not there"),
        (lambda state: state.update(given=0), "a policy is a whole number from 1 to 0"),
        (lambda state: state.update(begun=1 << 53), "begun is out of range"),
    ):
        bad = json.loads(before)
        spoil(bad["state"])
        with pytest.raises(EngineError, match=why):
            engine_state.restore(engine, json.dumps(bad), "resume", 0, None)
        assert engine_state.snapshot(engine, 0, None) == before


HANDLES: dict[str, tuple[str | int, ...]] = {
    "a seed": ("documents", 0, 1),
    "a policy": ("policies", 0, 0),
    "a call": ("calls", 0, 0),
}


@pytest.mark.parametrize("name", HANDLES)
@pytest.mark.parametrize("wrong", ["1e400", "1.5", "true", "-1", "null", '"x"', "36893488147419103232", "[]"])
def test_what_is_no_handle_is_named(name: str, wrong: str):
    """A number that is rounded to one would be another one to the host."""
    engine = an_engine()
    before = engine_state.snapshot(engine, 0, None)
    bad = json.loads(before)
    row: Any = bad["state"]
    for key in HANDLES[name][:-1]:
        row = row[key]
    row[HANDLES[name][-1]] = "HERE"
    with pytest.raises(EngineError, match=f"{name} is a whole number") as caught:
        engine_state.restore(engine, json.dumps(bad).replace('"HERE"', wrong), "resume", 0, None)
    assert caught.value.kind == "invalid-snapshot"
    assert engine_state.snapshot(engine, 0, None) == before


def test_of_those_who_are_to_be_woken_only_open_calls_are_told():
    engine = an_engine()
    data = json.loads(engine_state.snapshot(engine, 0, None))
    data["state"]["woken"] = [7, 2]
    engine_state.restore(engine, json.dumps(data), "resume", 0, None)
    assert engine.woken == [2]


def test_an_inject_that_a_snapshot_switches_on_draws_for_all_who_share_it():
    """Of twenty calls through each policy some meet the fault and some do not."""

    def an_engine(enabled: bool) -> Engine:
        engine = Engine()
        strategies = [{"shared": "fault"}]
        policies = {name: {"strategies": strategies, "seed": 1} for name in ("one", "other")}
        engine.load(json.dumps({"shared": {"fault": {"kind": "inject", "rate": 0.5}}, "policies": policies}), 0)
        if enabled:
            engine.control(1, 0, "enable", 0)
        return engine

    def attempts(engine: Engine, policy: int) -> int:
        return sum(engine.begin(policy, 0, None, False)[1] == ATTEMPT for _ in range(20))

    on = an_engine(True).snapshot_policy(1, 0, None)
    engine = an_engine(False)
    assert [attempts(engine, policy) for policy in (1, 2)] == [20, 20]
    engine.restore_policy(1, on, "resume", 0, None)
    assert all(0 < attempts(engine, policy) < 20 for policy in (1, 2))
