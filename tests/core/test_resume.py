"""A resumed state takes back what the calls in flight hold; a revived one has forgotten them."""

import json
from typing import Any

import pytest

from backstay_core.canonical import dumps
from backstay_core.failure import FAILED, NEUTRAL, OK, SnapshotError
from backstay_core.rng import Rng
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.retry import Retry


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
