"""Notes on exceptions: one of each policy, on whatever can be written on."""

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from backstay.notes import MOST, WHY, annotate, duration, told


class Slotted(Exception):
    __slots__ = ("x",)


@dataclass(frozen=True)
class Frozen(Exception):
    code: int = 1


class Refuses(Exception):
    def add_note(self, note: str) -> None:
        raise RuntimeError("no notes, please")


class Sealed(Exception):
    __notes__ = ()  # type: ignore[assignment]


class Property(Exception):
    @property
    def __notes__(self) -> Any:  # type: ignore[override]
        raise RuntimeError


class SharedList(Exception):
    __notes__ = ["of the class"]  # noqa: RUF012


class OddDict(Exception):
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError


def notes(error: BaseException) -> Any:
    return getattr(error, "__notes__", None)


@pytest.mark.parametrize(
    ("tried", "text"),
    [
        (1, "backstay: policy 'quotes' made 1 attempt and gave up"),
        (3, "backstay: policy 'quotes' made 3 attempts and gave up"),
        (
            (3, 1_240_000_000, "attempts"),
            "backstay: policy 'quotes' made 3 attempts in 1.24 s and gave up: no attempts are left",
        ),
        ((2, None, "the moon is full"), "backstay: policy 'quotes' made 2 attempts and gave up: the moon is full"),
        ((1, 0, ""), "backstay: policy 'quotes' made 1 attempt in 0.0 ms and gave up"),
    ],
)
def test_what_a_note_says(tried: Any, text: str):
    error = ValueError("x")
    assert annotate(error, "quotes", tried)
    assert notes(error) == [text]


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (-5, "0.0 ms"),
        (400_000, "0.4 ms"),
        (12_345_678, "12 ms"),
        (999_999_999, "999 ms"),
        (1_240_000_000, "1.24 s"),
        (59_900_000_000, "59.9 s"),
        (200_000_000_000, "3 min 20 s"),
        (86_400_000_000_000, "1440 min 0 s"),
    ],
)
def test_durations(ns: int, text: str):
    assert duration(ns) == text


@pytest.mark.parametrize("why", WHY)
def test_every_reason_has_words(why: str):
    assert told((2, None, why)) == "made 2 attempts and gave up" + (f": {WHY[why]}" if why else "")


def test_one_object_raised_again_and_again_keeps_one_note():
    error = TimeoutError("a singleton")
    error.add_note("the caller's own")
    for attempts in range(1, 100):
        annotate(error, "quotes", attempts)
    assert notes(error) == ["the caller's own", "backstay: policy 'quotes' made 99 attempts and gave up"]


def test_policies_inside_policies_each_write_one():
    error = TimeoutError()
    for _ in range(3):
        annotate(error, "inner", 2)
        annotate(error, "inner 2", 5)
        annotate(error, "outer", 1)
    assert [note.split("'")[1] for note in notes(error)] == ["inner", "inner 2", "outer"]


def test_the_oldest_makes_room():
    error = TimeoutError()
    error.add_note("the caller's own")
    for i in range(50):
        annotate(error, f"policy {i}", 2)
    assert len(notes(error)) == MOST + 1
    assert notes(error)[0] == "the caller's own"
    assert "'policy 49'" in notes(error)[-1]


def test_slots_are_no_obstacle():
    error = Slotted("x")
    assert annotate(error, "p", 2)
    assert notes(error) == ["backstay: policy 'p' made 2 attempts and gave up"]


@pytest.mark.parametrize("cls", [Frozen, Refuses, Sealed, Property])
def test_an_exception_that_takes_no_notes_goes_without(cls: type[Exception]):
    error = cls()
    assert not annotate(error, "p", 2)
    assert "__notes__" not in error.__dict__


def test_an_odd_dict_is_no_error():
    error = OddDict("x")
    for _ in range(2):
        assert annotate(error, "p", 2) in (True, False)
    assert len(notes(error)) == 1


@pytest.mark.parametrize("held", [None, "text", ("a",), 7])
def test_notes_that_are_no_list_stay_as_they_are(held: Any):
    error = ValueError("x")
    error.__notes__ = held
    assert not annotate(error, "p", 2)
    assert notes(error) == held


def test_odd_things_among_the_notes_are_left_alone():
    error = ValueError("x")
    error.__notes__ = [7, None, "backstay: "]  # type: ignore[list-item]
    assert annotate(error, "p", 2)
    assert notes(error)[:3] == [7, None, "backstay: "]


def test_a_list_of_the_class_is_not_written_in():
    error = SharedList("x")
    for _ in range(2):
        assert annotate(error, "p", 2)
    assert SharedList.__notes__ == ["of the class"]
    assert notes(error) == ["of the class", "backstay: policy 'p' made 2 attempts and gave up"]


@pytest.mark.parametrize("name", ["", 'it\'s "quoted"\n', "x" * 10_000, "ünï"])
def test_names_of_all_kinds(name: str):
    error = ValueError("x")
    for _ in range(2):
        assert annotate(error, name, 2)
    [note] = notes(error)
    assert "\n" not in note
    assert len(note) < 200


@pytest.mark.parametrize("tried", [None, "three", (), (1, 2), (1, "x", "")])
def test_nonsense_is_no_error(tried: Any):
    error = ValueError("x")
    assert not annotate(error, "p", tried)
    assert notes(error) is None


def test_notes_survive_pickling_and_copying():
    error = ValueError("x")
    annotate(error, "p", 2)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert notes(twin) == notes(error)
