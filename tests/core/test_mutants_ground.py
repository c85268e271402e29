"""What the strategies stand on: text, time, random numbers, events, and the reader of snapshots, each at its edges."""

import json
from typing import Any

import pytest

from backstay_core.canonical import SAFE_INTEGER, dumps, fnv1a
from backstay_core.clock import MILLISECOND, SECOND, ManualClock, to_ns, to_seconds
from backstay_core.events import Event, Ring
from backstay_core.failure import NEVER, SnapshotError
from backstay_core.rng import Rng, mix, stream
from backstay_core.state import REVIVE, Reader, seal
from backstay_core.strategies import window

# Canonical JSON and its fingerprint

LEVEL: list[Any] = [None, True, False, 0, -1, 2**53 - 1, -(2**53 - 1), "", "a", [], {}, [1], {"a": 1}]
SAME_AS_JSON: list[Any] = [
    *LEVEL,
    LEVEL,
    {"b": [1, {"d": None, "c": ()}], "a": {"x": ("y", "z")}},
    '"\\/\b\f\n\r\t\x00\x1f\x7f',
    " ~é€\uffff\U00010000\U0010ffff",
    "a\nb",
    "é",
    "\x7f",
    "\x1f",
]


@pytest.mark.parametrize("value", SAME_AS_JSON, ids=ascii)
def test_canonical_text_is_compact_sorted_ascii_json(value: Any):
    assert dumps(value) == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**64])
def test_integers_that_javascript_would_round_are_text(number: int):
    assert dumps([number]) == f'["{number}"]'
    assert SAFE_INTEGER == 2**53 - 1


@pytest.mark.parametrize("value", [1.5, {1: 2}, {"a": {None: 1}}, b"", object, {1, 2}, [0.0]])
def test_what_has_no_canonical_text(value: Any):
    with pytest.raises(TypeError):
        dumps(value)


#  Published with the algorithm: http://www.isthe.com/chongo/src/fnv/test_fnv.c
@pytest.mark.parametrize(
    ("text", "digest"), [("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8")]
)
def test_fnv1a(text: str, digest: str):
    assert fnv1a(text) == digest


def test_a_digest_has_sixteen_digits():
    assert {len(fnv1a(str(number))) for number in range(300)} == {16}


# Time


def test_seconds_and_nanoseconds():
    assert (SECOND, MILLISECOND) == (10**9, 10**6)
    assert [to_ns(seconds) for seconds in (0, 3, 10**10)] == [0, 3 * 10**9, 10**19]
    assert [to_ns(seconds) for seconds in (0.0, 0.4e-9, 0.5e-9, 1.5e-9, 0.25)] == [0, 0, 1, 2, 250_000_000]
    assert type(to_ns(0.25)) is int
    assert to_ns(4_000_000_000_000_003) == 4_000_000_000_000_003_000_000_000, "whole seconds exactly"
    assert to_seconds(1_500_000_000) == 1.5


def test_a_manual_clock_moves_when_told_to():
    clock = ManualClock()
    assert clock() == 0
    assert clock.advance(5) == 5
    assert clock.advance(0) == 5
    assert clock() == 5
    assert ManualClock(7)() == 7
    for ns in (-1, 2**62 - 5, 2**62):
        with pytest.raises(ValueError, match="cannot move"):
            clock.advance(ns)
    assert clock() == 5
    assert clock.advance(2**62 - 6) == 2**62 - 1


# Random numbers

#  The first outputs of the reference implementation, https://prng.di.unimi.it/splitmix64.c
SPLITMIX = [
    (0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]),
    (1234567, [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]),
]


@pytest.mark.parametrize(("seed", "numbers"), SPLITMIX)
def test_splitmix64(seed: int, numbers: list[int]):
    for start in (seed, seed + 2**64, seed - 2**64):
        rng = Rng(start)
        assert [rng.next() for _ in numbers] == numbers


def test_a_stream_is_saved_by_its_state():
    rng = Rng(5)
    rng.next()
    again = Rng(rng.state)
    assert [again.next() for _ in range(3)] == [rng.next() for _ in range(3)]


def test_below_multiplies_and_shifts():
    assert [Rng(seed).below(10) for seed in range(20)] == [Rng(seed).next() * 10 // 2**64 for seed in range(20)]
    assert Rng(0).below(1) == 0
    assert Rng(0).below(2**64) == SPLITMIX[0][1][0]


def test_streams_of_calls_and_strategies():
    gamma = 0x9E3779B97F4A7C15

    def state(seed: int, number: int, salt: int) -> int:
        return mix((seed + mix((number * gamma + salt) % 2**64)) % 2**64)

    for seed, number, salt in ((0, 0, 0), (1, 2, 3), (2**64 - 1, 2**40, 7), (5, 0, 1)):
        assert stream(seed, number, salt).state == state(seed, number, salt)
        assert stream(seed, number).state == state(seed, number, 0)


def test_mix_is_the_finaliser():
    #  The generator adds gamma and mixes; so mixing k × gamma gives the k-th number of the stream from 0.
    gamma = 0x9E3779B97F4A7C15
    assert [mix(k * gamma % 2**64) for k in range(1, 5)] == SPLITMIX[0][1]
    assert mix(0) == 0


# Events


def test_a_ring_keeps_the_last_items_and_counts_the_others():
    ring = Ring(3)
    kept = []
    for number in range(5):
        ring.append(number)
        kept.append((len(ring), ring.to_list(), ring.dropped))
    assert kept == [(1, [0], 0), (2, [0, 1], 0), (3, [0, 1, 2], 0), (3, [1, 2, 3], 1), (3, [2, 3, 4], 2)]
    assert Ring(1).to_list() == []
    assert len(Ring(1)) == 0
    with pytest.raises(ValueError, match="at least one"):
        Ring(0)


def test_an_event():
    event = Event(5, "quotes", "opened", 7)
    assert (event.now, event.source, event.name, event.detail) == (5, "quotes", "opened", 7)
    assert Event(5, "quotes", "opened").detail is None


# Snapshots


def reader(body: Any, mode: str = "resume") -> Reader:
    return Reader(seal("kind", "print", body), "kind", "print", mode)


def test_an_envelope():
    assert seal("kind", "print", {"a": 1}) == {
        "schema": 1, "kind": "kind", "options": "print", "wall": None, "state": {"a": 1},
    }  # fmt: skip
    assert seal("kind", "print", {}, 5)["wall"] == 5


@pytest.mark.parametrize(("mode", "revive"), [("resume", False), ("revive", True)])
def test_modes(mode: str, revive: bool):
    read = reader({}, mode)
    assert (read.mode, read.revive) == (mode, revive)
    assert REVIVE == "revive"


@pytest.mark.parametrize(
    ("taken", "wall", "elapsed"),
    [(1000, 1500, 500), (1000, None, 0), (None, 1500, 0), (1000, 900, 0), ("1000", 1001, 1), (0, 7, 7)],
)
def test_time_passes_by_the_wall_clock(taken: Any, wall: int | None, elapsed: int):
    assert Reader({**seal("kind", "print", {}), "wall": taken}, "kind", "print", "resume", wall).elapsed == elapsed


ENVELOPES: list[tuple[Any, str]] = [
    (None, "is an object"),
    ([], "is an object"),
    ({"schema": 2}, "schema is 2"),
    ({"kind": "other"}, "kind is 'other'"),
    ({"options": "others"}, "options is 'others'"),
    ({"state": None}, "state must be an object"),
    ({"state": [1]}, "state must be an object"),
    ({"wall": -1}, "wall is out of range"),
    ({"wall": "now"}, "wall must be a whole number"),
]


@pytest.mark.parametrize(("wrong", "why"), ENVELOPES, ids=str)
def test_an_envelope_that_does_not_fit_is_refused(wrong: Any, why: str):
    data = {**seal("kind", "print", {}, 5), **wrong} if isinstance(wrong, dict) else wrong
    with pytest.raises(SnapshotError, match=why):
        Reader(data, "kind", "print", "resume", 10)


def test_an_unknown_mode_is_refused():
    with pytest.raises(SnapshotError, match="resumes or revives"):
        reader({}, "restore")


@pytest.mark.parametrize("name", ["schema", "kind", "options", "wall", "state"])
def test_a_truncated_envelope_is_refused(name: str):
    data = seal("kind", "print", {}, 5)
    del data[name]
    with pytest.raises(SnapshotError, match=f"has no {name!r}"):
        Reader(data, "kind", "print", "resume")


def test_whole_numbers():
    read = reader({"a": 5, "b": str(2**60), "c": "7".zfill(40), "d": "5", "n": None, "z": 0})
    assert [read.integer(name) for name in "abcdz"] == [5, 2**60, 7, 5, 0]
    assert read.integer("a", least=5, most=5) == 5
    assert (read.optional("a"), read.optional("n"), read.optional("z")) == (5, None, 0)
    assert (read.nested("n"), read.nested("a")) == (None, 5)
    assert reader({"never": NEVER}).integer("never") == NEVER
    with pytest.raises(SnapshotError, match="out of range"):
        reader({"later": NEVER + 1}).integer("later")
    for least, most in ((6, None), (0, 4)):
        with pytest.raises(SnapshotError, match="out of range"):
            read.integer("a", least=least, most=most)
    with pytest.raises(SnapshotError, match="has no 'q'"):
        read.integer("q")


@pytest.mark.parametrize("value", [True, None, 1.0, "", "-1", "1e3", "²", "9" * 41, [1]])
def test_no_whole_number(value: Any):
    with pytest.raises(SnapshotError, match="whole number"):
        reader({"a": value}).integer("a")


def test_a_part_is_read_like_the_whole():
    read = Reader(seal("kind", "print", {"a": {"n": 5}}, 0), "kind", "print", "revive", 70)
    part = read.part(read.nested("a"), "a")
    assert (part.integer("n"), part.elapsed, part.mode, part.revive) == (5, 70, "revive", True)
    with pytest.raises(SnapshotError, match="kind: a: the snapshot has no 'm'"):
        part.integer("m")
    with pytest.raises(SnapshotError, match=r"kind: a\[0\] must be an object; got list"):
        read.part([], "a[0]")


def test_words():
    assert reader({"a": "open"}).word("a", ("open", "closed")) == "open"
    for value in ("opened", None, ["open"], 1):
        with pytest.raises(SnapshotError, match="one of open, closed"):
            reader({"a": value}).word("a", ("open", "closed"))


@pytest.mark.parametrize(
    ("text", "size", "bits"), [("0", 1, 0), ("1", 1, 1), ("f", 4, 15), ("ff", 8, 255), ("1f", 5, 31), ("0f", 4, 15)]
)
def test_bits(text: str, size: int, bits: int):
    assert reader({"a": text}).bits("a", size) == bits


@pytest.mark.parametrize(
    ("value", "size"),
    [("2", 1), ("1f", 4), ("", 4), ("0x1", 8), ("F", 4), ("00f", 4), ("00ff", 9), (15, 4), (None, 4), ("-1", 8)],
)
def test_no_bits(value: Any, size: int):
    with pytest.raises(SnapshotError, match=r"hexadecimal digits|more than"):
        reader({"a": value}).bits("a", size)


def test_a_refusal_names_the_strategy():
    with pytest.raises(SnapshotError, match="kind: no reason"):
        reader({}).refuse("no reason")


def test_rows():
    assert reader({"a": [(0, 1), [2, 3]]}).rows("a", 2) == [[0, 1], [2, 3]]
    assert reader({"a": ()}).rows("a", 2) == []
    for value in (None, "ab", [[1]], [[1, 2, 3]], [1], [[1, -1]], [[1, True]], [[1, 1.0]], [[1, None]], ["12"]):
        with pytest.raises(SnapshotError, match=r"a must|out of range"):
            reader({"a": value}).rows("a", 2)


# Where int.bit_count does not exist


def test_ones_are_counted_without_bit_count():
    numbers = (0, 1, 2, 3, 0b1011_0110, 2**100 - 1, 2**100)
    assert [window._popcount(bits) for bits in numbers] == [0, 1, 1, 2, 5, 100, 1]
