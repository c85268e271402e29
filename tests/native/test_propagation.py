"""Deadlines across processes: headers out, headers in, and what cannot finish is not begun."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstay import ConfigurationError, DeadlineExceeded, Policy, Retry, Timeout, deadline, remaining
from backstay.propagation import incoming, outgoing, require
from backstay_core.clock import SECOND
from backstay_core.http.deadlines import CODECS, LONGEST, time_left, write
from tests.support.worlds import LoopWorld, Script, SyncWorld

MS = "x-request-timeout-ms"


class Clock:
    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("backstay.ambient.clock", clock)
    return clock


# deadline()


def test_holds_inside_and_ends(clock: Clock):
    with deadline(2.0):
        assert remaining() == 2
        clock.now += SECOND
        assert remaining() == 1
        with deadline(5):
            assert remaining() == 1, "the tighter one holds"
        with deadline(None):
            assert remaining() == 1
        with deadline(0.25):
            assert remaining() == 0.25
        clock.now += 3 * SECOND
        assert remaining() == 0
    assert remaining() is None


@pytest.mark.parametrize("seconds", [-1, float("nan"), "2", True])
def test_of_no_number_of_seconds_is_refused(seconds: Any):
    with pytest.raises(ConfigurationError, match=r"deadline\(…\)"):
        deadline(seconds)


def test_is_entered_once(clock: Clock):
    with deadline(1) as once, pytest.raises(RuntimeError, match="once"):
        once.__enter__()
    assert remaining() is None


def test_an_error_leaves_nothing_behind(clock: Clock):
    with pytest.raises(KeyError), deadline(1):
        raise KeyError
    assert remaining() is None


def test_holds_for_policies_inside(sync_world: SyncWorld, monkeypatch: pytest.MonkeyPatch):
    """Without a Timeout around: a Retry does not pause past it, a call that begins after it is refused."""
    world = sync_world
    monkeypatch.setattr("backstay.ambient.clock", lambda: world.now)
    script = Script((1, ConnectionRefusedError()))
    policy = world.policy(Timeout(10), Retry(attempts=9, backoff="constant", base=2), name="inner")
    with deadline(6):
        with pytest.raises(ConnectionRefusedError):
            world.call(policy, script)
        assert script.began == [0, 3]
        assert remaining() == 2
        world.pass_time(2)
        with pytest.raises(DeadlineExceeded):
            world.call(policy, script)
    assert script.calls == 2


def test_holds_for_policies_inside_a_task(loop_world: LoopWorld, monkeypatch: pytest.MonkeyPatch):
    world = loop_world
    monkeypatch.setattr("backstay.ambient.clock", lambda: world.now)
    script = Script((1, ConnectionRefusedError()))
    policy = world.policy(Timeout(10), Retry(attempts=9, backoff="constant", base=2), name="inner")
    guarded = policy(world.function(script))

    async def handler() -> None:
        with deadline(6):
            with pytest.raises(ConnectionRefusedError):
                await guarded()
            assert remaining() == 2
            await asyncio.sleep(2)
            with pytest.raises(DeadlineExceeded):
                await guarded()
        assert remaining() is None

    world.runner.run(handler())
    assert script.began == [0, 3]


def test_ends_a_sync_call_s_published_deadline_too(sync_world: SyncWorld, monkeypatch: pytest.MonkeyPatch):
    """Sync frames keep a cell in the context; the end of the deadline takes it away."""
    monkeypatch.setattr("backstay.ambient.clock", lambda: sync_world.now)
    policy = sync_world.policy(Timeout(10))
    with deadline(6):
        assert policy.call(remaining) == 6
    assert policy.call(remaining) == 10
    assert remaining() is None


def test_tasks_have_their_own():
    async def one(seconds: float) -> float | None:
        with deadline(seconds):
            await asyncio.sleep(0)
            return remaining()

    async def both() -> Any:
        return await asyncio.gather(one(5), one(500))

    short, long = asyncio.run(both())
    assert short <= 5 < 400 < long


# Headers


def test_goes_out_as_what_is_left(clock: Clock):
    assert outgoing() == {}
    with deadline(2.5):
        assert outgoing() == {MS: "2500"}
        assert outgoing("X-Request-Timeout-Ms", margin=0.5) == {MS: "2000"}
        assert outgoing("grpc-timeout", margin=0.5) == {"grpc-timeout": "2000000u"}
    with deadline(0.0019):
        assert outgoing() == {MS: "1"}, "rounded down (DH5)"


def test_what_cannot_finish_is_not_sent(clock: Clock):
    with deadline(0.5):
        with pytest.raises(DeadlineExceeded, match="0 s"):
            outgoing(margin=0.5)
        with pytest.raises(DeadlineExceeded, match=r"0\.4 s"):
            outgoing(margin=0.1, least=0.4)
        with pytest.raises(DeadlineExceeded) as caught:
            require(0.6)
        require(0.4)
    assert caught.value.failure.code == "DEADLINE_EXCEEDED"
    assert caught.value.failure.executed == "no"
    require(100)  # no deadline, no limit


def test_comes_in(clock: Clock):
    with incoming({"X-Request-Timeout-Ms": "1500"}, margin=0.5):
        assert remaining() == 1
        with incoming({"X-Request-Timeout-Ms": "60000"}):
            assert remaining() == 1, "a client cannot lengthen what holds already"
    with incoming([(b"grpc-timeout", b"3S"), (b"x-request-timeout-ms", b"9000")]):
        assert remaining() == 3, "the shortest counts (DH4)"
    with incoming([("grpc-timeout", "3S"), (MS, "9000")], accepted=(MS,)):
        assert remaining() == 9
    with incoming({}):
        assert remaining() is None


def test_a_deadline_that_has_passed_comes_in(clock: Clock):
    policy = Policy("late", Timeout(1))
    with incoming({MS: "0"}):  # DH3
        assert remaining() == 0
        with pytest.raises(DeadlineExceeded):
            policy.call(list)
        with pytest.raises(DeadlineExceeded):
            require(0)
    with incoming({MS: "5"}, margin=1):
        assert remaining() == 0


HOSTILE = [
    "", " ", "-1", "+1", "1.5", "1e3", "0x10", "1_000", "1 000", "\u0661\u0662", "\u00b2", "NaN", "inf", "1,2", "1;2",
    "1ms", "9" * 13,
    "9" * 100_000, "\x00", "1\n2", "None", "[1]",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_says_nothing(text: str):
    assert time_left({MS: text}) is None
    assert time_left([(MS, text), (MS, "7")]) == 7_000_000


@pytest.mark.parametrize(
    "text", ["S", "1", "123456789S", "-1S", "1.5S", "1s", "1 S", "S1", "1SS", "\u0661S", "1h", "1\u00b5"]
)
def test_a_hostile_grpc_timeout_says_nothing(text: str):
    assert time_left({"grpc-timeout": text}) is None


@pytest.mark.parametrize(
    ("text", "ns"),
    [("1n", 1), ("2u", 2000), ("3m", 3_000_000), ("4S", 4 * SECOND), ("5M", 300 * SECOND), ("6H", 21_600 * SECOND)],
)
def test_units_of_grpc(text: str, ns: int):
    assert time_left({"grpc-timeout": text}) == ns


def test_a_very_long_one_is_cut():
    assert time_left({"grpc-timeout": "99999999H"}) == LONGEST
    assert time_left({MS: "9" * 12}) == LONGEST
    assert write(MS, 1 << 70) == str(LONGEST // 1_000_000)


@pytest.mark.parametrize("headers", [None, 7, "text", [1], [("a",)], [(None, "1")], {MS: 5}, {MS: None}, {MS: [b"5"]}])
def test_headers_of_any_shape(headers: Any):
    assert time_left(headers) in (None, 5_000_000)


def test_headers_without_end():
    def endless() -> Any:
        while True:
            yield "x", "1"

    assert time_left(endless()) is None


@given(st.sampled_from(sorted(CODECS)), st.integers(0, LONGEST))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_what_is_written_is_read_and_is_never_more(header: str, ns: int):
    again = time_left({header.upper(): write(header, ns)})
    assert again is not None
    assert again <= ns
    assert ns - again < max(ns // 1_000_000, 1_000_000) or header == "grpc-timeout"
    if header == "grpc-timeout":
        assert ns - again <= ns // 100_000


def test_an_unknown_header_is_refused():
    with pytest.raises(ConfigurationError, match="did you mean 'grpc-timeout'"):
        outgoing("grpc-timeuot")
    with pytest.raises(ConfigurationError, match="known: "):
        incoming({}, accepted=("x",))
    with pytest.raises(ConfigurationError, match=r"margin=…"):
        outgoing(margin=-1)
