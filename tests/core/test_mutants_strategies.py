"""What no vector shows: events, bounds on memory, races seen from one thread, interrupts within a step."""

from collections.abc import Callable
from typing import Any

import pytest

from backstay_core.execution import ABORT, ATTEMPT, ERROR, OK, START, WAIT, WAKE, Execution
from backstay_core.failure import FAILED, FAILED_SLOW, NEUTRAL, SLOW, ConfigurationError, Failure, SnapshotError
from backstay_core.failure import OK as PASSED
from backstay_core.policy import Policy, Shared
from backstay_core.strategies import breaker as breaker_module
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.contract import GONE, GRANTED, REFUSED, WAITING
from backstay_core.strategies.priority import ANYBODY
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.timeout import Timeout
from backstay_core.strategies.window import CallWindow, Probes, TimeWindow

SECOND = 10**9


def a_breaker(**options: Any) -> Any:
    """Opens at its first failure, for a second."""
    values = {"window_calls": 1, "minimum_calls": 1, "open_for": 1, "open_jitter": 0, "close_after": 2, **options}
    return CircuitBreaker(1.0, **values).state()


# Circuit breaker


def test_a_breaker_tells_of_each_transition_once():
    breaker = a_breaker()
    told: list[Any] = []
    breaker.emit = lambda *event: told.append(event)

    def probe(now: int, verdict: int) -> None:
        breaker.settle(breaker.admit(now), now, verdict)

    probe(0, PASSED)
    probe(1, FAILED)
    assert breaker.admit(2).reason == "CIRCUIT_OPEN"
    probe(SECOND + 1, NEUTRAL)
    probe(SECOND + 2, FAILED)
    later = 4 * SECOND
    breaker.admit(later)
    breaker.admit(later)
    breaker.admit(later + SECOND)
    probe(later + 3 * SECOND, PASSED)
    probe(later + 3 * SECOND, PASSED)
    breaker.force_open(later + 4 * SECOND)
    breaker.admit(later + 4 * SECOND)
    for switch in ("force_closed", "disable", "metrics_only", "auto"):
        getattr(breaker, switch)(later + 5 * SECOND)
    assert told == [
        (1, "opened", SECOND),
        (2, "refused", None),
        (SECOND + 1, "probing", None),
        (SECOND + 2, "reopened", 2 * SECOND),
        (later, "probing", None),
        (later, "refused", None),
        (later + SECOND, "renewed", None),
        (later + 3 * SECOND, "renewed", None),
        (later + 3 * SECOND, "closed", None),
        (later + 4 * SECOND, "forced_open", None),
        (later + 5 * SECOND, "forced_closed", None),
        (later + 5 * SECOND, "disabled", None),
        (later + 5 * SECOND, "metrics_only", None),
        (later + 5 * SECOND, "auto", None),
    ]


def test_the_table_of_transitions_is_what_happens():
    seen = set()
    breaker = a_breaker(close_after=1)
    states = ["closed"]

    def note(now: int, event: str, detail: Any) -> None:
        if event != "refused":
            seen.add((states[-1], event, breaker.state))
            states.append(breaker.state)

    breaker.emit = note
    breaker.settle(breaker.admit(0), 0, FAILED)
    breaker.settle(breaker.admit(SECOND), SECOND, FAILED)
    breaker.admit(3 * SECOND)
    breaker.settle(breaker.admit(4 * SECOND), 4 * SECOND, PASSED)
    assert seen == {row[:3] for row in breaker_module.TRANSITIONS}
    assert all(len(row) == 4 and row[3] for row in breaker_module.TRANSITIONS)
    assert len(breaker_module.TRANSITIONS) == len(seen)


def test_a_breaker_never_lets_wait():
    breaker: Any = a_breaker()
    for method in (breaker.poll, breaker.abandon):
        with pytest.raises(TypeError, match="never lets wait"):
            method(object(), 0)


def test_a_new_breaker():
    breaker = a_breaker()
    assert (breaker.mode, breaker.state, breaker.until, breaker.opened, breaker.reopened) == ("auto", "closed", 0, 0, 0)
    assert breaker.seed == CircuitBreaker().state().seed == 0
    assert CircuitBreaker().state(7).seed == 7
    assert breaker_module.Breaker(CircuitBreaker()).seed == 0
    assert breaker.closed is breaker.epoch
    assert breaker.closed.since == 0


def test_a_breaker_that_another_thread_has_closed_admits():
    breaker = a_breaker(close_after=1)
    breaker.settle(breaker.admit(0), 0, FAILED)
    probe = breaker.admit(SECOND)
    breaker.settle(probe, SECOND, PASSED)
    assert breaker._probe(SECOND) is breaker.closed  # it looked at `closed` just before
    assert breaker.closed.to_data(0)["seen"] == 0


def test_a_window_that_another_thread_has_replaced_opens_nothing():
    breaker = a_breaker()
    window = breaker.closed
    window.add(0, FAILED)
    breaker.auto(0)
    breaker.evaluate(window, 0)
    assert breaker.state == "closed"
    assert breaker.opened == 0


def test_a_re_opening_is_forgotten_when_it_opens_from_closed():
    breaker = a_breaker()
    snapshot = breaker.snapshot(0)
    snapshot["state"]["reopened"] = 3
    breaker.restore(snapshot, 0, "revive")
    breaker.settle(breaker.admit(0), 0, FAILED)
    assert breaker.reopened == 0


def test_the_rest_of_an_open_period_is_kept_only_while_open():
    breaker = a_breaker(open_for=5)
    breaker.settle(breaker.admit(0), 0, FAILED)
    assert breaker.snapshot(SECOND)["state"]["remaining"] == 4 * SECOND
    breaker.admit(5 * SECOND)
    assert breaker.snapshot(4 * SECOND)["state"]["remaining"] == 0, "half-open, and the clock went back"
    assert breaker.snapshot(4 * SECOND)["state"]["age"] == 0
    assert breaker.snapshot(7 * SECOND)["state"]["age"] == 2 * SECOND


@pytest.mark.parametrize(
    "change", [{"mode": "none"}, {"state": "ajar"}, {"age": -1}, {"remaining": None}, {"opened": "x"}, {"reopened": -1}]
)
def test_a_breakers_snapshot_is_checked(change: dict[str, Any]):
    breaker = a_breaker()
    snapshot = breaker.snapshot(0)
    before = breaker.snapshot(0)
    snapshot["state"].update(change)
    with pytest.raises(SnapshotError, match=next(iter(change))):
        breaker.restore(snapshot, 0, "resume")
    assert breaker.snapshot(0) == before


@pytest.mark.parametrize(
    ("mode", "state"), [("forced_open", "closed"), ("disabled", "closed"), ("metrics_only", "open")]
)
def test_every_mode_is_kept(mode: str, state: str):
    breaker, other = a_breaker(), a_breaker()
    switch = {"forced_open": "force_open", "disabled": "disable"}.get(mode, mode)
    getattr(breaker, switch)(0)
    breaker.settle(breaker.admit(0), 0, FAILED)
    other.restore(breaker.snapshot(0), 0, "revive")
    assert other.snapshot(0) == breaker.snapshot(0)
    assert (other.mode, other.state) == (mode, state)
    assert other.closed is None
    assert breaker_module.STATES.index(other.state) >= 0
    assert any(other.state is known for known in breaker_module.STATES), "compared by identity"


@pytest.mark.parametrize("mode", breaker_module.MODES)
def test_the_table_of_modes_is_what_happens(mode: str):
    """Is a call admitted where it would be open, is a failure counted, does it open?"""
    switches = {"forced_open": "force_open", "forced_closed": "force_closed", "disabled": "disable"}
    breaker = a_breaker(window_calls=9, minimum_calls=2)
    getattr(breaker, switches.get(mode, mode))(0)
    for _ in range(2):
        permit = breaker.admit(0)
        if permit.decision == GRANTED:
            breaker.settle(permit, 0, FAILED)
    opened = breaker.snapshot(0)["state"]["opened"] == 1
    counted = opened or breaker.snapshot(0)["state"].get("seen") == 2
    assert breaker_module.MODES[mode] == (breaker.admit(0).decision == GRANTED, counted, opened)


@pytest.mark.parametrize("mode", ["resume", "revive"])
def test_time_that_has_passed_counts_for_a_breaker(mode: str):
    breaker = a_breaker(open_for=5, half_open_for=3)
    breaker.settle(breaker.admit(0), 0, FAILED)
    other = a_breaker(open_for=5, half_open_for=3)
    other.restore(breaker.snapshot(SECOND, 1000), 9 * SECOND, mode, 1000 + SECOND)
    assert other.snapshot(9 * SECOND)["state"]["remaining"] == 3 * SECOND
    assert other.snapshot(9 * SECOND)["state"]["age"] == 2 * SECOND
    timed, again = (a_breaker(window_calls=100, minimum_calls=9, window_seconds=10) for _ in range(2))
    timed.closed.add(0, FAILED)
    again.restore(timed.snapshot(0, 1000), 20 * SECOND, mode, 1000 + 3 * SECOND)
    assert again.snapshot(20 * SECOND)["state"]["slices"] == [[3, 1, 1, 0]]


def test_a_call_that_took_no_part_leaves_no_mark():
    breaker = a_breaker()
    breaker.disable(0)
    permit = breaker.admit(5)
    assert (permit.since, permit.in_flight, permit.passed, permit.run) == (5, 0, 0, -1)
    assert permit is not breaker.admit(5)
    breaker.settle(permit, 6, FAILED)
    assert breaker.snapshot(6)["state"]["opened"] == 0


# Windows


def test_a_window_of_calls_counts_successes_that_it_has_not_shifted_in():
    window = CallWindow(0, 4)
    window.add(0, FAILED)
    window.add(0, FAILED_SLOW)
    window.add(0, SLOW)
    assert window.counts(0) == (3, 2, 2)
    counts = []
    for _ in range(6):
        window.add(0, PASSED)
        counts.append(window.counts(0))
    assert counts == [(4, 2, 2), (4, 1, 2), (4, 0, 1), (4, 0, 0), (4, 0, 0), (4, 0, 0)]
    assert window.run == 4
    assert window.to_data(0) == {"failed": "0", "slow": "0", "seen": 4}


def test_a_run_as_long_as_the_window_leaves_nothing():
    window = CallWindow(0, 4)
    window.add(0, FAILED_SLOW)
    for _ in range(4):
        window.add(0, PASSED)
    assert window.to_data(0) == {"failed": "0", "slow": "0", "seen": 4}


def test_a_tenth_that_another_thread_has_begun_is_used():
    newer = TimeWindow(500, 100).head

    class Racing(TimeWindow):
        reads = 0

        @property
        def head(self) -> Any:
            self.reads += 1
            return older if self.reads == 1 else newer

        @head.setter
        def head(self, value: Any) -> None:
            assert value.number == 0, "it is not replaced"

    older = TimeWindow(0, 100).head
    Racing(0, 100).add(500, FAILED)
    assert (newer.calls, newer.failed, older.calls) == (1, 1, 0)


def test_a_window_of_calls_says_how_many_may_be_bad():
    window = CallWindow(0, 2)
    for verdict in (FAILED, PASSED, SLOW, PASSED):
        window.add(0, verdict)
    assert (window.bad, window.gone, window.seen, window.run) == (2, 0, 2, 1)
    again = CallWindow(0, 2)
    again.become(window)
    assert again.to_data(0) == window.to_data(0)
    assert (again.bad, again.gone, again.since) == (2, 0, 0)


@pytest.mark.parametrize("verdict", [PASSED, SLOW, FAILED, FAILED_SLOW])
def test_what_a_verdict_adds(verdict: int):
    failed, slow = int(verdict in (FAILED, FAILED_SLOW)), int(verdict in (SLOW, FAILED_SLOW))
    for window in (CallWindow(0, 3), TimeWindow(0, 10)):
        window.add(0, verdict)
        assert window.counts(0) == (1, failed, slow)
        assert window.bad == int(verdict != PASSED)


def cells(window: Any) -> list[int]:
    numbers, cell = [], window.head
    while cell is not None:
        numbers.append(cell.number)
        cell = cell.older
    return numbers


def test_a_window_in_time_keeps_at_most_ten_tenths():
    window = TimeWindow(0, 100)
    for now in range(0, 5000, 50):
        window.add(now, PASSED)
        assert len(cells(window)) <= 10
    assert cells(window) == list(range(49, 39, -1))
    window.add(10_000, PASSED)
    assert cells(window) == [100]
    assert window.run == -1
    gaps = TimeWindow(0, 100)
    for now in (0, 300, 950, 1000, 1100):
        gaps.add(now, FAILED)
    assert cells(gaps) == [11, 10, 9, 3]


def test_a_clock_that_goes_back_stays_in_the_newest_tenth():
    window = TimeWindow(0, 100)
    window.add(500, FAILED)
    window.add(400, SLOW)
    assert cells(window) == [5, 0]
    assert window.counts(400) == (2, 1, 1)
    assert window.counts(1400) == (2, 1, 1)
    assert window.counts(1500) == (0, 0, 0)
    assert window.to_data(400) == {"slices": [[0, 2, 1, 1], [5, 0, 0, 0]]}
    assert window.to_data(1400) == {"slices": [[9, 2, 1, 1]]}
    assert window.to_data(1500) == {"slices": []}


def test_a_window_in_time_begins_in_the_tenth_of_its_beginning():
    assert cells(TimeWindow(250, 100)) == [2]
    window = TimeWindow(250, 100)
    window.add(260, FAILED)
    assert cells(window) == [2]
    assert (window.since, window.width, window.bad, window.gone) == (250, 100, 1, 0)


def test_an_empty_window_in_time_is_restored_as_one():
    breaker = a_breaker(window_calls=100, window_seconds=1)
    snapshot = breaker.snapshot(0)
    snapshot["state"]["slices"] = []
    breaker.restore(snapshot, 5 * SECOND, "revive")
    assert breaker.closed.counts(5 * SECOND) == (0, 0, 0)
    assert cells(breaker.closed) == [50]


@pytest.mark.parametrize("ages", [(10,), (0, 10), (3, 3), (1, 2, 1)])
def test_tenths_that_no_window_can_have_are_refused(ages: tuple[int, ...]):
    breaker = a_breaker(window_calls=100, window_seconds=1)
    snapshot = breaker.snapshot(0)
    snapshot["state"]["slices"] = [[age, 1, 0, 0] for age in ages]
    with pytest.raises(SnapshotError, match="different ages"):
        breaker.restore(snapshot, 0, "revive")
    snapshot["state"]["slices"] = [[9, 1, 0, 0], [0, 1, 1, 0], [4, 1, 0, 1]]
    breaker.restore(snapshot, 5 * SECOND, "revive")
    assert cells(breaker.closed) == [50, 46, 41]


def test_a_restored_window_says_how_many_may_be_bad():
    breaker = a_breaker(window_calls=100, minimum_calls=10, window_seconds=1)
    breaker.closed.add(0, FAILED)
    breaker.closed.add(0, SLOW)
    other = a_breaker(window_calls=100, minimum_calls=10, window_seconds=1)
    other.restore(breaker.snapshot(0), 0, "revive")
    assert other.closed.bad >= 2
    assert Probes(3).run == -1
    assert Probes(3).since == 3


# Bulkhead


def a_queue(*wakes: Callable[[], object]) -> tuple[Any, Any, list[Any]]:
    """Places for one who is inside, and tickets of those who wait."""
    places: Any = Bulkhead(1, queue=9).state()
    permit = places.admit(0)
    return places, permit, [places.admit(0, wake) for wake in wakes]


def nothing() -> None:
    pass


def broken() -> None:
    raise RuntimeError("its loop is closed")


def test_a_place_that_nobody_can_be_told_of_goes_to_the_next():
    places, permit, (dead, alive) = a_queue(broken, nothing)
    places.settle(permit, 0, NEUTRAL)
    assert (dead.status, alive.status) == (GONE, GRANTED)
    assert places.snapshot(0)["state"] == {"inside": 1, "waiting": 0}
    assert places.poll(alive, 0) is alive.permit is permit


def test_a_place_that_nobody_can_be_told_of_comes_free():
    places, permit, (dead,) = a_queue(broken)
    places.settle(permit, 0, NEUTRAL)
    assert dead.status == GONE
    places.abandon(dead, 0)
    assert places.snapshot(0)["state"] == {"inside": 0, "waiting": 0}
    assert [places.admit(0).decision for _ in range(2)] == [GRANTED, REFUSED]


def test_who_gives_the_place_up_while_told_of_it_gives_it_up_once():
    def give_up_and_break() -> None:
        places.abandon(tickets[0], 0)
        raise RuntimeError("its loop is closed")

    tickets: list[Any] = []
    places, permit, tickets = a_queue(give_up_and_break)
    places.settle(permit, 0, NEUTRAL)
    assert places.snapshot(0)["state"] == {"inside": 0, "waiting": 0}


def test_abandoning_is_safe_to_repeat():
    places, permit, tickets = a_queue(nothing, nothing, nothing)
    for _ in range(2):
        places.abandon(tickets[1], 0)
        assert places.snapshot(0)["state"] == {"inside": 1, "waiting": 2}
    places.settle(permit, 0, NEUTRAL)
    for _ in range(2):
        places.abandon(tickets[0], 0)
        assert places.snapshot(0)["state"] == {"inside": 1, "waiting": 0}
    assert [ticket.status for ticket in tickets] == [GONE, GONE, GRANTED]
    assert places.head is places.tail is None


def test_the_queue_lets_go_of_who_has_left():
    places, permit, tickets = a_queue(nothing, nothing, nothing)
    places.abandon(tickets[1], 0)
    assert tickets[1].prev is tickets[1].next is None
    places.settle(permit, 0, NEUTRAL)
    assert tickets[0].prev is tickets[0].next is None
    assert tickets[2].prev is None
    assert (places.head, places.tail) == (tickets[2], tickets[2])


def test_a_place_that_came_free_just_before_the_queueing_is_taken():
    places, permit, _ = a_queue()
    ticket = None

    def look_and_release() -> Any:
        places.settle(permit, 0, NEUTRAL)  # between the look in admit() and the queueing
        return places.enqueue(0, nothing)

    ticket = look_and_release()
    assert ticket.status == GRANTED
    assert places.snapshot(0)["state"] == {"inside": 1, "waiting": 0}


def test_waiting_ends():
    places: Any = Bulkhead(1, queue=1, wait=1).state()
    told: list[Any] = []
    places.emit = lambda *event: told.append(event)
    places.admit(0)
    ticket = places.admit(5, nothing)
    assert (ticket.status, ticket.until) == (WAITING, SECOND + 5)
    assert places.poll(ticket, SECOND + 4) is ticket
    assert places.poll(ticket, SECOND + 5).reason == "BULKHEAD_WAIT"
    assert told == [(SECOND + 5, "wait_over", None)]
    assert places.snapshot(0)["state"] == {"inside": 1, "waiting": 0}
    patient: Any = Bulkhead(1, queue=1).state()
    patient.admit(0)
    assert patient.admit(0, nothing).until == 2**62


def a_ticket(places: Any, place: int, end: int = 77) -> Any:
    ticket = places.ticket(nothing, end, ANYBODY)
    ticket.place = place
    return ticket


def test_a_call_that_waited_waits_again_where_it_stood():
    places, permit, (here, there) = a_queue(nothing, nothing)
    assert (here.place, there.place) == (1, 2)
    between, first, last = a_ticket(places, 1), a_ticket(places, 0), a_ticket(places, 9)
    for moved in (between, last, first):
        places.rejoin(moved, 0)
    assert (places.head, here.next, between.next, there.next, last.next) == (here, between, there, last, first)
    assert (places.tail, first.place, places.waiting) == (first, 10, 5)  # who has no place yet comes last
    places.settle(permit, 0, NEUTRAL)
    assert here.prev is None
    assert places.poll(here, 0) is places.epoch
    assert places.poll(between, 76) is between


def test_no_more_calls_wait_again_than_there_is_room_for():
    full: Any = Bulkhead(1, queue=1).state()
    full.admit(0)
    full.rejoin(a_ticket(full, 1), 0)
    with pytest.raises(SnapshotError, match="more calls wait"):
        full.rejoin(a_ticket(full, 2), 0)
    assert full.waiting == 1


def test_an_orphan_gives_back_nothing():
    places: Any = Bulkhead(2).state()
    places.admit(0)
    orphan = places.orphan()
    assert orphan.free == 2
    places.settle(orphan, 0, NEUTRAL)
    assert places.snapshot(0)["state"]["inside"] == 1
    breaker = a_breaker()
    orphan = breaker.orphan()
    assert isinstance(orphan, Probes)
    assert orphan.since == 0
    breaker.settle(orphan, 0, FAILED)
    assert breaker.snapshot(0)["state"]["opened"] == 0


@pytest.mark.parametrize("change", [{"inside": 3}, {"inside": -1}, {"waiting": 2}, {"waiting": None}])
def test_a_bulkheads_snapshot_is_checked(change: dict[str, Any]):
    places = Bulkhead(2, queue=1).state()
    snapshot = places.snapshot(0)
    snapshot["state"].update(change)
    with pytest.raises(SnapshotError, match=next(iter(change))):
        places.restore(snapshot, 0, "resume")


def test_a_bulkhead_has_no_opinion():
    places: Any = Bulkhead(1).state()
    assert places.judge(Failure("connect"), 5) == places.judge_value("x", 5, True) == NEUTRAL == 0


# Retry budget


def test_tokens_are_gained_once_though_the_clock_goes_back():
    tokens: Any = Budget(0, per_second=1, burst=1).state()
    assert tokens.take(10 * SECOND)
    assert tokens.snapshot(5 * SECOND)["state"] == {"tokens": 0, "age": 0, "rest": 0}
    assert tokens.snapshot(10 * SECOND + SECOND // 2)["state"] == {"tokens": 500_000, "age": 0, "rest": 0}
    assert not tokens.take(10 * SECOND + SECOND // 2)
    assert tokens.take(11 * SECOND)


def test_a_budget_is_restored():
    tokens: Any = Budget(0, per_second=1, burst=2).state()
    tokens.take(0)
    snapshot = tokens.snapshot(SECOND // 2, 1000)
    assert snapshot["state"] == {"tokens": 1_500_000, "age": 0, "rest": 0}
    other: Any = Budget(0, per_second=1, burst=2).state()
    other.restore(snapshot, 77, "revive", 1000 + SECOND // 4)
    assert (other.tokens, other.filled) == (1_500_000, 77 - SECOND // 4)
    snapshot["state"]["age"] = 5
    other.restore(snapshot, 77, "revive")
    assert other.filled == 72
    retrier: Any = Retry(budget=Budget(0, per_second=1, burst=2)).state()
    retrier.restore(retrier.snapshot(0, 1000), 77, "revive", 1030)
    assert retrier.budget.filled == 47
    snapshot["state"].update(tokens=7, age=None)
    other.restore(snapshot, 0, "resume")
    assert (other.tokens, other.filled) == (7, None)
    for change in ({"tokens": 2_000_001}, {"age": -1}, {"tokens": None}, {"rest": SECOND}):
        bad = {**snapshot, "state": {**snapshot["state"], **change}}
        with pytest.raises(SnapshotError):
            other.restore(bad, 0, "resume")


def test_a_full_budget_is_credited_once_though_the_clock_goes_back():
    tokens: Any = Budget(0, per_second=1, burst=2).state()
    for now in (10 * SECOND, 5 * SECOND):
        assert tokens.snapshot(now)["state"]["tokens"] == 2_000_000
    assert tokens.take(5 * SECOND)
    assert tokens.snapshot(10 * SECOND)["state"]["tokens"] == 1_000_000


def test_a_full_budget_keeps_no_fraction_of_a_token():
    tokens: Any = Budget(0, per_second=1, burst=1).state()
    assert tokens.take(0)
    assert tokens.snapshot(1500)["state"] == {"tokens": 1, "age": 0, "rest": 500_000_000}
    assert tokens.snapshot(2 * SECOND + 700)["state"] == {"tokens": 1_000_000, "age": 0, "rest": 0}
    snapshot = tokens.snapshot(2 * SECOND + 700)
    for rest, fits in ((SECOND - 1, True), (SECOND, False), (-1, False)):
        snapshot["state"]["rest"] = rest
        if fits:
            tokens.restore(snapshot, 0, "resume")
        else:
            with pytest.raises(SnapshotError, match="rest is out of range"):
                tokens.restore(snapshot, 0, "resume")
    assert tokens.rest == SECOND - 1


def test_a_budget_without_a_rate_gains_nothing():
    tokens: Any = Budget(0.5, per_second=0, burst=1).state()
    assert tokens.take(0)
    assert not tokens.take(10**6 * SECOND)
    tokens.deposit()
    tokens.deposit()
    tokens.deposit()
    assert tokens.tokens == 1_000_000


def test_gain_is_lost_when_another_thread_was_first():
    class Racing(type(Budget().state())):  # type: ignore[misc]
        @property
        def filled(self) -> Any:
            self.reads += 1
            return 0 if self.reads == 1 else 5

        @filled.setter
        def filled(self, value: Any) -> None:
            self.wrote = value

    tokens = Racing(Budget(0, per_second=1, burst=2))
    tokens.tokens = tokens.reads = 0
    assert not tokens.take(SECOND)
    assert tokens.tokens == 0


def test_a_budget_may_be_shared_or_of_ones_own():
    shared = Shared("budget", Budget(burst=2))
    one: Any = Retry(budget=shared).state()
    other: Any = Retry(budget=shared).state()
    assert one.budget is other.budget is shared.state
    options = Retry(budget=Budget(burst=2))
    own: Any = options.state()
    second: Any = options.state()
    assert own.budget is not second.budget
    assert own.budget.tokens == 2_000_000
    none: Any = Retry().state()
    assert none.budget is None
    assert none.snapshot(0)["state"] == {"budget": None}
    with pytest.raises(ConfigurationError, match="must be a Budget or a shared one"):
        Retry(budget=Shared("bulkhead", Bulkhead(1)))


def test_only_a_retry_with_random_pauses_draws():
    backoffs = ("constant", "linear", "exponential", "full_jitter", "decorrelated")
    draws = [Retry(base=1e-9, backoff=backoff).state().draws for backoff in backoffs]
    assert draws == [False, False, False, True, True]
    assert not any(Retry(base=0, backoff=backoff).state().draws for backoff in backoffs)


def test_a_retry_tells_when_its_budget_is_empty():
    retrier: Any = Retry(3, base=0, budget=Budget(0, per_second=0, burst=1)).state()
    told: list[Any] = []
    retrier.emit = lambda *event: told.append(event)
    policy = Policy("p", Retry())
    call = retrier.enter(0, policy.stream(0, 0))
    assert (call.began, call.made, call.pause) == (0, 1, 0)
    assert retrier.again(call, None, 5, 2**62) == 0
    assert call.made == 2
    assert retrier.again(call, None, 6, 2**62) is None
    assert told == [(6, "budget_exhausted", None)]


# The step machine


def test_an_attempt_after_a_wait_has_the_deadline_of_its_own_entry():
    policy = Policy("p", Retry(2, base=1, backoff="constant"), Timeout(10), Bulkhead(1, queue=1))
    first, other = Execution(policy, nothing), Execution(policy)
    assert first.step((START,), 0) == [(ATTEMPT, 1, 10 * SECOND)]
    assert first.step((ERROR, 1, Failure("connect")), 5) == [(WAIT, SECOND + 5)]
    other.step((START,), 6)
    assert first.step((WAKE,), SECOND + 5) == [(WAIT, 11 * SECOND + 5)]
    other.step((OK, 1, "value"), SECOND + 6)
    assert first.step((WAKE,), SECOND + 7) == [(ATTEMPT, 2, 11 * SECOND + 5)]


def test_a_new_execution():
    call = Execution(Policy("p", Bulkhead(1)))
    assert (call.mode, call.number, call.now, call.at, call.token) == ("new", -1, 0, 0, 0)
    assert call.wake is None
    places: Any = Bulkhead(1).state()
    assert places.head is places.tail is None
    assert (places.waiting, places.free) == (0, 1)


def test_what_backstay_says_itself_belongs_to_no_operation():
    [(_, token, failure)] = Execution(Policy("p", Timeout(1)), None, 5).step((START,), 5)
    assert (token, failure.reason) == (0, "NO_TIME")
    call = Execution(Policy("p", Retry(results=lambda value: 1 / 0)))
    call.step((START,), 0)
    [(_, token, failure)] = call.step((OK, 1, "value"), 0)
    assert (token, failure.kind) == (0, "programming")
    assert isinstance(failure.cause, ZeroDivisionError)
    assert failure.message == "p: retry: ZeroDivisionError('division by zero')"


def interrupt(*args: Any) -> Any:
    raise KeyboardInterrupt


class Interrupts:
    matches = __call__ = interrupt


def inside(policy: Policy, position: int = 0) -> int:
    places: Any = policy.layers[position]
    count: int = places.snapshot(0)["state"]["inside"]
    return count


def opened_breaker(policy: Policy, position: int) -> None:
    """A refusal of this breaker is interrupted, by who watches it."""
    breaker: Any = policy.layers[position]
    breaker.settle(breaker.admit(0), 0, FAILED)
    breaker.emit = interrupt


OPENS = CircuitBreaker(1.0, 1, minimum_calls=1, open_for=1000)


def test_an_interrupt_on_the_first_way_in_gives_everything_back():
    policy = Policy("p", Bulkhead(2), OPENS)
    opened_breaker(policy, 1)
    call = Execution(policy)
    with pytest.raises(KeyboardInterrupt):
        call.step((START,), 1)
    assert inside(policy) == 1
    assert call.step((ABORT,), 1) == []
    assert inside(policy) == 0
    assert call.step((ABORT,), 1) == []
    assert inside(policy) == 0


def test_an_interrupt_after_a_wait_gives_the_place_back():
    policy = Policy("p", Bulkhead(1, queue=1), OPENS)
    places: Any = policy.layers[0]
    permit = places.admit(0)
    opened_breaker(policy, 1)
    call = Execution(policy, nothing)
    assert call.step((START,), 1)[0][0] == WAIT
    places.settle(permit, 2, NEUTRAL)
    with pytest.raises(KeyboardInterrupt):
        call.step((WAKE,), 2)
    assert inside(policy) == 1
    assert call.step((ABORT,), 2) == []
    assert inside(policy) == 0


def test_an_interrupt_on_the_way_out_gives_the_rest_back():
    policy = Policy("p", Bulkhead(1), Retry(on=Interrupts()), Bulkhead(1))
    call = Execution(policy)
    call.step((START,), 0)
    with pytest.raises(KeyboardInterrupt):
        call.step((ERROR, 1, Failure("connect")), 1)
    assert (inside(policy, 0), inside(policy, 2)) == (1, 0)
    assert call.step((ABORT,), 1) == [], "nothing runs that could be cancelled"
    assert (inside(policy, 0), inside(policy, 2)) == (0, 0)


def test_an_interrupt_of_who_leaves_is_taken_up_where_it_was():
    policy = Policy("p", Bulkhead(1), Bulkhead(2, queue=1))
    inner: Any = policy.layers[1]
    call = Execution(policy)
    call.step((START,), 0)
    inner.admit(0)
    waiting = inner.admit(0, interrupt)
    with pytest.raises(KeyboardInterrupt):
        call.step((ABORT,), 1)
    assert waiting.status == GRANTED
    assert (inside(policy, 0), inside(policy, 1)) == (1, 2)
    assert call.step((ABORT,), 1) == [], "cancelled once"
    assert (inside(policy, 0), inside(policy, 1)) == (0, 2)
    assert call.step((ABORT,), 1) == []
    assert (inside(policy, 0), inside(policy, 1)) == (0, 2)
