"""When a rate limit says that a call's turn is, against trying every nanosecond: with part of the places withheld, a
lowered rate, and calls that wait in front of it."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest

from backstay_core.strategies.pacing import LEAKY_BUCKET, TOKEN_BUCKET, WAYS
from backstay_core.strategies.rate_limit import RateLimit

PER = 24  # ns: few enough to try them all


def tried(way: Any, now: int, limit: int, kept: int, ahead: int) -> int:
    """When it is that call's turn, if each that waits comes in as soon as it may."""
    way = deepcopy(way)
    while True:
        while way.take(now, limit, kept):
            if not ahead:
                return now
            ahead -= 1
        now += 1


def after_some_calls(name: str, draw: Random) -> tuple[Any, int, int, int]:
    """A way of counting in some state; now, what `limit` may be, and how many places there are."""
    limit = draw.randint(1, 6)
    places = 1 if name == LEAKY_BUCKET else draw.randint(1, 6) if name == TOKEN_BUCKET else limit
    way = WAYS[name](limit, PER, places)
    now = draw.randint(0, 3 * PER)
    for _ in range(draw.randint(0, 12)):
        now += draw.choice((0, 0, 1, 5, PER, 2 * PER))
        way.take(now, limit, 0)
    return way, now + draw.choice((0, 1, PER // 2, PER)), limit, places


@pytest.mark.parametrize("name", WAYS)
def test_the_turn_is_when_trying_finds_it(name: str) -> None:
    draw = Random(name)
    for _ in range(400):
        way, now, limit, places = after_some_calls(name, draw)
        lowered = draw.choice([rate for rate in range(1, limit + 1) if limit % rate == 0])
        most = places if name in (LEAKY_BUCKET, TOKEN_BUCKET) else lowered
        kept = draw.randint(0, most - 1)
        ahead = draw.randint(0, 9)
        said = way.when(now, lowered, kept, ahead)
        assert said == tried(way, now, lowered, kept, ahead), (limit, lowered, kept, ahead)


@pytest.mark.parametrize("name", WAYS)
def test_what_is_withheld_is_left_for_the_others(name: str) -> None:
    way = WAYS[name](5, PER, 5)
    taken = [way.take(5 * PER, 5, 2) for _ in range(5)]
    assert taken == [True] * 3 + [False] * 2
    assert [way.take(5 * PER, 5, 0) for _ in range(3)] == [True] * 2 + [False]


@pytest.mark.parametrize("name", WAYS)
def test_a_clock_that_goes_back_lets_no_more_in(name: str) -> None:
    way = WAYS[name](4, PER, 4)
    assert all(way.take(10 * PER, 4, 0) for _ in range(4))
    assert not any(way.take(back, 4, 0) for back in (10 * PER - 1, 9 * PER, 8 * PER - 1, 0))


@pytest.mark.parametrize("name", WAYS)
def test_a_rate_limit_that_was_saved_goes_on_as_the_one_that_was_not(name: str) -> None:
    draw = Random(name)
    for _ in range(100):
        options = RateLimit(draw.randint(1, 5), PER / 1e9 * 1000, algorithm=name)
        one, now = options.state(), 0
        for _ in range(draw.randint(0, 12)):
            now += draw.choice((0, 1, 1000, 7000, 24_000, 30_000))
            one.admit(now)
        other = options.state()
        other.restore(one.snapshot(now), now, "revive")
        assert other.snapshot(now) == one.snapshot(now)
        for _ in range(20):
            now += draw.choice((0, 1, 1000, 7000, 24_000))
            assert other.admit(now).decision == one.admit(now).decision
