"""What no vector shows of a Hedge: the durations it remembers, how they are saved, and the events of its budget."""

from typing import Any

import pytest

from backstay_core.failure import SnapshotError
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.hedge import Hedge

SECOND = 10**9


def after(*durations: int, **options: Any) -> Any:
    state = Hedge(5.0, idempotent=True, **{"quantile": 0.5, "window": 4, "minimum": 2, **options}).state()
    for took in durations:
        state.record(took)
    return state


@pytest.mark.parametrize(
    ("durations", "delay"),
    [
        ((), 5 * SECOND),
        ((9,), 5 * SECOND),  # too few
        ((9, 3), 3),
        ((9, 3, 7), 7),
        ((9, 3, 7, 1), 3),
        ((9, 3, 7, 1, 8), 3),  # without the 9: 1, 3, 7, 8
        ((9, 3, 7, 1, 8, 8, 8), 8),  # 1, 8, 8, 8
    ],
)
def test_the_delay_is_a_quantile_of_the_latest_durations(durations: tuple[int, ...], delay: int):
    assert after(*durations).delay() == delay


@pytest.mark.parametrize(("quantile", "delay"), [(0, 1), (0.25, 1), (0.26, 2), (0.75, 3), (0.76, 4), (1, 4)])
def test_a_quantile_is_the_least_duration_that_so_many_did_not_exceed(quantile: float, delay: int):
    assert after(4, 2, 3, 1, quantile=quantile).delay() == delay


def test_without_a_quantile_nothing_is_remembered():
    assert after(1, 2, 3, quantile=None).snapshot(0)["state"]["durations"] == []


@pytest.mark.parametrize("count", range(10))
def test_durations_are_saved_oldest_first_and_go_on_from_there(count: int):
    state = after(*range(count))
    saved = state.snapshot(0)
    latest = list(range(count))[-4:]
    assert saved["state"] == {"budget": None, "durations": latest}
    other = after()
    other.restore(saved, 0, "revive")
    for both in (state, other):
        both.record(100)
    assert state.snapshot(0) == other.snapshot(0)
    assert other.snapshot(0)["state"]["durations"] == [*latest, 100][-4:]


def test_more_durations_than_fit_are_refused():
    saved = after(1, 2, 3, 4).snapshot(0)
    saved["state"]["durations"] = [1, 2, 3, 4, 5]
    state = after(7)
    with pytest.raises(SnapshotError, match="more than 4 durations"):
        state.restore(saved, 0, "resume")
    assert state.snapshot(0)["state"]["durations"] == [7]


def test_its_budget_is_saved_with_it_and_tells_when_it_is_empty():
    state = after(budget=Budget(0, per_second=0, burst=2))
    told: list[Any] = []
    state.emit = lambda *event: told.append(event[1:])
    assert [state.begins(0), state.begins(0)] == [True, True]
    assert not told
    saved = state.snapshot(0)
    assert not state.begins(0)
    assert [event for event in told if "budget_exhausted" in event], told
    other = after(budget=Budget(0, per_second=0, burst=2))
    other.restore(saved, 0, "resume")
    assert not other.begins(0)


def test_the_minimum_is_ten_or_the_window():
    assert [Hedge(1, window=window).least for window in (1, 9, 10, 11)] == [1, 9, 10, 10]
