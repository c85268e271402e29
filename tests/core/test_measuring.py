"""What the algorithms of a concurrency limit want, at the borders of their rules (CL7 to CL9)."""

from math import isqrt

import pytest

from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.measuring import ALGORITHMS, Window, root

MILLION = 1_000_000
OPTIONS = ConcurrencyLimit(tolerance=1.5)


def wanted(algorithm: str, estimate: int, baseline: int, mean: int) -> int:
    return ALGORITHMS[algorithm](estimate, baseline, mean, OPTIONS) - estimate


@pytest.mark.parametrize(
    ("limit", "queue", "more"),
    [
        *((10, 0, 6), (10, 1, 6), (10, 2, 1), (10, 3, 0), (10, 6, 0), (10, 7, -1), (10, 9, -1)),
        *((100, 2, 12), (100, 3, 2), (100, 5, 2), (100, 6, 0), (100, 12, 0), (100, 13, -2)),
        *((1000, 3, 18), (1000, 4, 3), (1000, 8, 3), (1000, 9, 0), (1000, 18, 0), (1000, 19, -3)),
        *((99, 1, 6), (99, 2, 1), (1, 0, 6), (9, 2, 1)),
    ],
)
def test_vegas_by_the_length_of_the_queue(limit: int, queue: int, more: int) -> None:
    assert wanted("vegas", limit * MILLION, limit - queue, limit) == more * MILLION


def test_vegas_takes_a_mean_below_the_baseline_for_no_queue() -> None:
    assert wanted("vegas", 10 * MILLION, 20, 10) == 6 * MILLION


@pytest.mark.parametrize(
    ("baseline", "mean", "more"),
    [
        (10, 10, 2_000_000),  # as fast: half-way to 16 + 4
        (10, 15, 2_000_000),  # as slow as is tolerated
        (100_000, 150_001, 1_999_944),  # hardly slower: the gradient is 0.999993
        (10, 20, 0),  # three quarters: 12 + 4
        (10, 30, -2_000_000),  # a half: 8 + 4
        (10, 1000, -2_000_000),  # no less than a half
    ],
)
def test_gradient2_by_how_much_slower(baseline: int, mean: int, more: int) -> None:
    assert wanted("gradient2", 16 * MILLION, baseline, mean) == more


def test_gradient2_has_the_root_of_whole_places() -> None:
    assert wanted("gradient2", 15_999_999, 10, 10) == 1_500_000


def test_aimd_adds_one_whatever_the_times() -> None:
    assert wanted("aimd", 7_300_000, 10, 10_000) == MILLION


def test_the_root_is_that_of_whole_numbers() -> None:
    numbers = [
        *range(2000),
        *(10**k + d for k in range(4, 19) for d in (-1, 0, 1)),
        *(k * k - 1 for k in range(1, 300)),
    ]
    assert [root(number) for number in numbers] == [isqrt(number) for number in numbers]


def test_a_new_window_is_empty_and_says_its_age() -> None:
    assert Window(None).body(7) == {"age": None, "calls": 0, "signs": 0, "time": 0, "peak": 0}
    assert Window(5).body(7)["age"] == 2
    assert Window(5).body(5)["age"] == 0
    assert Window(5).body(3)["age"] == 0, "a clock that goes back"
