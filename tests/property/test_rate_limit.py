"""What each way of counting promises, whatever comes when; and that a refusal tells the truth about the next turn."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backstay_core.strategies.contract import GRANTED, REFUSED
from backstay_core.strategies.pacing import WAYS
from backstay_core.strategies.rate_limit import RateLimit
from tests.property.cases import cases

STEPS = st.lists(st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 2_000)), min_size=1, max_size=60)
NS = 10**9
OPTIONS = st.fixed_dictionaries(
    {
        "limit": st.integers(1, 6),
        "per": st.sampled_from((0.000001, 0.0000037)),
        "algorithm": st.sampled_from(list(WAYS)),
    }
)


def made(options: dict[str, Any], **more: Any) -> Any:
    return RateLimit(**options, **more).state()


def entered(gate: Any, steps: list[int]) -> list[int]:
    now, times = 0, []
    for step in steps:
        now += step
        if gate.admit(now).decision == GRANTED:
            times.append(now)
    return times


@cases(0.5)
@given(OPTIONS, STEPS)
def test_no_more_enter_than_may(options: dict[str, Any], steps: list[int]) -> None:
    limit, per, way = options["limit"], round(options["per"] * NS), options["algorithm"]
    times = entered(made(options), steps)
    for i, first in enumerate(times):
        for j, last in enumerate(times[i:]):
            count, took = j + 1, last - first
            if way == "token_bucket":
                assert count <= limit + Fraction(took * limit, per)
            elif way == "leaky_bucket":
                assert count <= 1 + Fraction(took * limit, per)
            elif way == "sliding_log":
                assert took >= per or count <= limit
            elif way == "fixed_window":
                assert first // per != last // per or count <= limit
            else:  # an estimate: what is counted as spread evenly may have come together
                assert took >= per or count <= 2 * limit


@cases(0.5)
@given(OPTIONS, STEPS)
def test_as_many_enter_as_may(options: dict[str, Any], steps: list[int]) -> None:
    """After a period of silence and one more, `limit` calls get in, or one by one with a leaky bucket."""
    gate = made(options)
    per = round(options["per"] * NS)
    later = (sum(steps) // per + 3) * per
    entered(gate, steps)
    expected = 1 if options["algorithm"] == "leaky_bucket" else options["limit"]
    assert [gate.admit(later).decision for _ in range(expected + 1)] == [GRANTED] * expected + [REFUSED]


@cases(0.5)
@given(OPTIONS, STEPS)
def test_a_refusal_tells_the_next_turn_to_the_nanosecond(options: dict[str, Any], steps: list[int]) -> None:
    gate = made(options)
    entered(gate, steps)
    now = sum(steps)
    answer = gate.admit(now)
    if answer.decision == REFUSED:
        assert answer.retry_after > 0
        early = gate.admit(now + answer.retry_after - 1)
        assert (early.decision, early.retry_after) == (REFUSED, 1)
        assert gate.admit(now + answer.retry_after).decision == GRANTED


@cases(0.5)
@given(OPTIONS, STEPS, st.integers(1, 9))
def test_turns_come_when_they_were_announced(options: dict[str, Any], steps: list[int], waiting: int) -> None:
    """Those who wait are let in at the times that they were told, in their order, if nobody else comes."""
    gate = made(options, queue=9)
    entered(gate, steps)
    now = sum(steps)
    tickets = [ticket for _ in range(waiting) if (ticket := gate.admit(now, lambda: None)).decision != GRANTED]
    told = [ticket.until for ticket in tickets]
    assert told == sorted(told)
    for ticket, at in zip(tickets, told, strict=True):
        if at > now:
            assert gate.poll(ticket, at - 1) is ticket
            now = at
        assert gate.poll(ticket, at).decision == GRANTED


@cases(0.5)
@given(OPTIONS, STEPS, STEPS)
def test_what_is_restored_goes_on_as_before(options: dict[str, Any], before: list[int], after: list[int]) -> None:
    gate, other = made(options), made(options)
    entered(gate, before)
    now = sum(before)
    other.restore(gate.snapshot(now), now, "resume")
    assert entered(gate, [now, *after]) == entered(other, [now, *after])
