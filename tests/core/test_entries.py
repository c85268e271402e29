"""What a host keeps by key, against a list that is searched from end to end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay_core.entries import Entries
from tests.property.cases import cases

KEYS = st.integers(0, 6)
STEPS = st.one_of(
    st.tuples(st.just("keep"), KEYS, st.integers(0, 99)),
    st.tuples(st.just("find"), KEYS),
    st.tuples(st.just("forget"), KEYS),
    st.tuples(st.just("clear")),
)


class Naive:
    """Pairs, the one used last at the end."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.pairs: list[tuple[int, int]] = []

    def keep(self, key: int, value: int) -> None:
        self.pairs = [pair for pair in self.pairs if pair[0] != key] + [(key, value)]
        self.pairs = self.pairs[-self.most :]

    def find(self, key: int) -> Any:
        found = [pair for pair in self.pairs if pair[0] == key]
        self.pairs = [pair for pair in self.pairs if pair[0] != key] + found
        return found[0][1] if found else None

    def forget(self, key: int) -> None:
        self.pairs = [pair for pair in self.pairs if pair[0] != key]

    def clear(self) -> None:
        self.pairs = []


@cases()
@given(st.integers(1, 4), st.lists(STEPS, max_size=40))
def test_it_keeps_what_a_list_would_keep(most: int, steps: list[Any]) -> None:
    entries, naive = Entries(most), Naive(most)
    for what, *about in steps:
        if what == "keep":
            entries.keep(about[0], about[1], None, 0)
            naive.keep(*about)
        elif what == "find":
            entry = entries.find(*about)
            assert (None if entry is None else entry.value) == naive.find(*about)
        else:
            getattr(entries, what)(*about)
            getattr(naive, what)(*about)
        assert len(entries) == len(naive.pairs)


def test_what_is_kept_again_has_the_new_time_and_mark() -> None:
    entries = Entries(2)
    entries.keep("a", 1, "first", 10)
    entries.keep("a", 2, "second", 20)
    entry = entries.find("a")
    assert entry is not None
    assert (entry.value, entry.mark, entry.kept, len(entries)) == (2, "second", 20, 1)


def test_who_waits_for_a_flight_is_woken_once() -> None:
    entries = Entries(2)
    flight = entries.take_off("a", "mark")
    assert entries.flight("a") is flight
    woken: list[int] = []

    def gone() -> None:
        woken.append(0)
        raise RuntimeError("its loop is closed")

    flight.waiters = dict.fromkeys([gone, lambda: woken.append(1)])
    entries.land(flight, failed=True)
    entries.land(flight, failed=False)
    assert woken == [0, 1]
    assert (flight.over, flight.failed, entries.flight("a")) == (True, True, None)


def test_a_flight_that_ends_late_leaves_the_next_one_alone() -> None:
    entries = Entries(2)
    first = entries.take_off("a", None)
    second = entries.take_off("a", None)
    entries.land(first, failed=True)
    assert entries.flight("a") is second


def test_flights_go_on_when_all_is_forgotten() -> None:
    entries = Entries(2)
    flight = entries.take_off("a", None)
    entries.keep("b", 1, None, 0)
    entries.clear()
    assert (len(entries), entries.flight("a")) == (0, flight)


def test_a_landing_that_is_interrupted_is_repeated():
    """Whoever waits is woken, and nobody is forgotten."""
    entries = Entries(1)
    flight = entries.take_off("key", None)
    woken: list[str] = []

    def interrupted() -> None:
        woken.append("first")
        if len(woken) == 1:
            raise KeyboardInterrupt

    flight.waiters = dict.fromkeys([interrupted, lambda: woken.append("second")])
    with pytest.raises(KeyboardInterrupt):
        entries.land(flight, failed=True)
    entries.land(flight, failed=False)
    assert woken == ["first", "first", "second"]
    assert (flight.failed, flight.waiters) == (True, {})
