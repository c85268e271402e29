"""Days of 60 million calls, some ten minutes each, and days of too much to do (`tests.overload.stacks`)."""

import pytest

from tests.overload.stacks import ALONE, DAY, EVERY_TEN_MINUTES, simulate
from tests.overload.test_overload import HOUR, check
from tests.overload.world import Trigger
from tools.overload import SEEDS

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("name", ALONE)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day(name: str, seed: int) -> None:
    check(simulate(name, seed, seconds=DAY, trigger=EVERY_TEN_MINUTES))


def test_a_day_of_too_much(name: str) -> None:
    check(simulate(name, 1, seconds=DAY, trigger=Trigger(30, 60, HOUR // 2), share=1.5, unit=50))
