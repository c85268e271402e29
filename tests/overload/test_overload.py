"""A server that is slow for ten seconds, or has more to do than it can, in virtual time (`tests.overload.stacks`):
retries alone keep it down for good, an adaptive limit keeps it at work. docs/overload.md says the same, in numbers."""

from functools import cache

import pytest

from tests.overload.stacks import (
    ADAPTIVE,
    ALONE,
    COLLAPSING,
    DAY,
    EVERY_TEN_MINUTES,
    PRIORITIES,
    RUNAWAY,
    SHEDDING,
    after,
    long,
    simulate,
    stacks,
)
from tests.overload.world import Trigger, World
from tools import overload
from tools.overload import SEED

HOUR = 3600  # s
BOUNDED = [name for name in stacks() if name not in COLLAPSING]
SLOW = 25  # × 10 ms: a dependency that takes 250 ms for a call


@cache
def two_minutes(name: str, seed: int) -> World:
    return simulate(name, seed)


@pytest.mark.parametrize("name", COLLAPSING)
def test_with_retries_alone_the_server_stays_down(name: str) -> None:
    found = after(two_minutes(name, SEED))
    assert found.late < 0.2
    assert found.recovery is None
    assert found.amplification > 2.8
    assert found.wasted > 0.7


@pytest.mark.parametrize("name", BOUNDED)
def test_with_a_bound_it_recovers(name: str) -> None:
    found = after(two_minutes(name, SEED))
    assert found.late > 0.95
    assert found.recovery is not None
    assert found.recovery <= 20


@pytest.mark.parametrize("seed", [SEED, 2, 3])
@pytest.mark.parametrize("name", ADAPTIVE)
def test_an_adaptive_limit_keeps_it_at_work(name: str, seed: int) -> None:
    found = after(two_minutes(name, seed))
    assert found.whole >= 0.9
    assert found.during >= 0.6, "also while it is slow"
    assert found.recovery is not None
    assert found.recovery <= 10
    assert found.wasted < 0.02
    assert found.limits[1] < RUNAWAY


def test_the_unimportant_calls_are_those_that_are_refused() -> None:
    shares = [served / came for came, served in two_minutes(SHEDDING, SEED).served_of]
    assert len(shares) == len(PRIORITIES)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.98
    assert shares[-1] < 0.9


def test_the_same_seed_is_the_same_day() -> None:
    first, again, other = (simulate("gradient2", seed, seconds=40) for seed in (1, 1, 2))
    assert first.seconds == again.seconds
    assert first.seconds != other.seconds


@pytest.mark.parametrize("name", stacks())
def test_the_page_has_the_numbers(name: str) -> None:
    row = overload.minutes_row(name, after(two_minutes(name, SEED)))
    assert row in overload.PAGE.read_text("utf-8"), f"docs/overload.md is out of date; {overload.AGAIN}"


def test_the_picture_is_up_to_date() -> None:
    worlds = {name: two_minutes(name, SEED) for name in overload.SHOWN}
    assert overload.PICTURE.read_text("utf-8") == overload.draw(worlds), overload.AGAIN


def check(world: World) -> None:
    found = long(world)
    assert found.whole >= 0.9
    assert found.runaways == 0
    assert found.collapses == 0


@pytest.mark.parametrize("name", ALONE)
def test_half_an_hour_of_too_much(name: str) -> None:
    check(simulate(name, 3, seconds=HOUR // 2, trigger=EVERY_TEN_MINUTES, share=1.5, unit=SLOW))


@pytest.mark.parametrize("name", ["gradient2", "vegas"])
def test_six_hours_of_a_dependency_that_takes_seconds(name: str) -> None:
    """Its probes take long; they must not cost more than they are worth (CL11)."""
    check(simulate(name, 3, seconds=6 * HOUR, trigger=Trigger(30, 100, HOUR), share=1.5, unit=300))


def test_without_a_limit_too_much_leaves_nothing() -> None:
    assert long(simulate("no retry", 1, seconds=HOUR // 2, trigger=EVERY_TEN_MINUTES, share=1.5, unit=SLOW)).whole < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", ALONE)
def test_a_day(name: str) -> None:
    """Calls take half a second, so that it is over in seconds; `test_days` has the fast server."""
    check(simulate(name, SEED, seconds=DAY, trigger=Trigger(30, 60, HOUR // 2), unit=50))
