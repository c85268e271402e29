"""A server under more load than it can take, in virtual time: what an adaptive limit keeps of it.

The server has ten workers and one queue without an end; service times are exponential, arrivals come at random, and
clients give up after ten times the mean service time (their work is done all the same, and wasted). All times are
multiples of the mean service time, so a server of 10 calls a second stands for one of 1000.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from backstay_core.execution import ATTEMPT, ERROR, OK, START, Execution
from backstay_core.failure import Failure
from backstay_core.policy import Policy
from backstay_core.rng import Rng
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit

SECOND = 10**9
WORKERS = 10
PATIENCE = 10 * SECOND


def exponential(rng: Rng, mean: float) -> int:
    return int(-mean * math.log(((rng.next() >> 11) + 1) / (2**53 + 1)))


class Overload:
    """`load` calls a second for a server that can take ten; `slowness` is the factor on service times at a time."""

    def __init__(self, options: Any, load: float, slowness: Callable[[int], int]) -> None:
        self.policy = Policy("p", *options)
        self.load, self.slowness = load, slowness
        self.arrivals, self.service = Rng(1), Rng(2)
        self.ends: list[Any] = []
        self.queue: deque[Any] = deque()
        self.good = self.late = self.number = self.working = 0
        self.capacity = 0.0
        self.limits: list[int] = []

    def work(self, now: int, call: Any) -> None:
        self.number += 1
        took = exponential(self.service, SECOND * self.slowness(now))
        heapq.heappush(self.ends, (now + took, self.number, call))

    def run(self, seconds: int) -> None:
        coming = exponential(self.arrivals, SECOND / self.load)
        for second in range(seconds):
            self.capacity += WORKERS / self.slowness(second * SECOND)
            self.limits.append(getattr(self.policy.layers[0], "limit", 0) if self.policy.layers else 0)
            until = (second + 1) * SECOND
            while min(coming, self.ends[0][0] if self.ends else coming) < until:
                if self.ends and self.ends[0][0] <= coming:
                    self.end(*heapq.heappop(self.ends))
                else:
                    self.begin(coming)
                    coming += exponential(self.arrivals, SECOND / self.load)

    def begin(self, now: int) -> None:
        execution = Execution(self.policy)
        [action] = execution.step((START,), now)
        if action[0] != ATTEMPT:
            return
        call = (execution, action[1], now)
        if self.working < WORKERS:
            self.working += 1
            self.work(now, call)
        else:
            self.queue.append(call)

    def end(self, now: int, _: int, call: Any) -> None:
        execution, token, began = call
        if now - began > PATIENCE:
            self.late += 1
            execution.step((ERROR, token, Failure("timeout")), now)
        else:
            self.good += 1
            execution.step((OK, token, None), now)
        if self.queue:
            self.work(now, self.queue.popleft())
        else:
            self.working -= 1


def steady(now: int) -> int:
    return 1


def slow_at_times(now: int) -> int:
    """Three times slower for ten minutes in every two hours."""
    return 3 if now % (7200 * SECOND) < 600 * SECOND else 1


def limited(algorithm: str) -> list[Any]:
    slow_call = 5.0 if algorithm == "aimd" else None
    return [ConcurrencyLimit(20, algorithm=algorithm, window=5.0, probe_every=300.0, slow_call=slow_call)]


def check(overload: Overload, seconds: int) -> None:
    overload.run(seconds)
    assert overload.good >= 0.9 * overload.capacity
    assert overload.late < 0.01 * overload.good
    assert max(overload.limits) < 100, "it ran away"


@pytest.mark.parametrize("algorithm", ["gradient2", "vegas"])
@pytest.mark.parametrize("slowness", [steady, slow_at_times])
def test_two_hours_of_overload(algorithm: str, slowness: Callable[[int], int]) -> None:
    check(Overload(limited(algorithm), 15.0, slowness), 7200)


def test_an_hour_of_overload_under_aimd() -> None:
    check(Overload(limited("aimd"), 15.0, steady), 3600)


def test_without_a_limit_nothing_useful_is_left() -> None:
    overload = Overload([], 15.0, steady)
    overload.run(3600)
    assert overload.good < 0.1 * overload.capacity


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["gradient2", "vegas"])
@pytest.mark.parametrize("slowness", [steady, slow_at_times])
def test_a_day_of_overload(algorithm: str, slowness: Callable[[int], int]) -> None:
    check(Overload(limited(algorithm), 15.0, slowness), 86_400)
