"""Eight threads, switched every microsecond: no limit is exceeded, and every count is exact."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    ConcurrencyLimit,
    RateLimit,
    RateLimited,
    Retry,
    Throttle,
    Timeout,
)
from backstay_core.failure import FAILED
from tests.stress.settings import Setting, one_line, several_lines
from tests.support.stress import THREADS, Gauge, hammer


class Failed(Exception):
    pass


def give_way() -> None:
    time.sleep(0)


def test_the_stress_has_teeth():
    """A counter with a call between reading and writing loses updates under it."""
    for each in range(2000, 42_000, 2000):  # without a GIL threads that have little to do may come one after the other
        count = 0

        def nothing() -> None:
            for _ in range(3):
                pass

        def work(number: int, each: int = each) -> None:
            nonlocal count
            for _ in range(each):
                before = count
                nothing()
                count = before + 1

        hammer(work)
        if count < THREADS * each:
            return
    raise AssertionError("no update was lost")


@one_line
def test_a_bulkhead_that_refuses(setting: Setting):
    policy = setting.policies("p", Bulkhead(3))
    gauge = Gauge()
    each = setting.rounds(6000)
    refused = [0] * THREADS

    @policy
    def inside() -> None:
        gauge.enter()
        gauge.leave()

    def work(number: int) -> None:
        for _ in range(each):
            try:
                inside()
            except BulkheadFull:
                refused[number] += 1

    hammer(work, traced=setting.traced)
    places: Any = policy.layers[0]
    assert gauge.most <= 3
    assert gauge.total + sum(refused) == THREADS * each
    assert (places.free, places.waiting) == (3, 0)


@several_lines
def test_a_bulkhead_with_a_queue(setting: Setting):
    policy = setting.policies("p", Timeout(3600), Bulkhead(3, queue=THREADS))
    gauge = Gauge()
    each = setting.rounds(800)

    @policy
    def inside() -> None:
        gauge.enter()
        give_way()
        gauge.leave()

    hammer(lambda number: [inside() for _ in range(each)], traced=setting.traced)
    places: Any = policy.layers[1]
    assert gauge.most <= 3
    assert gauge.total == THREADS * each
    assert (places.free, places.waiting, places.head, places.tail) == (3, 0, None, None)


@several_lines
@pytest.mark.parametrize("order", [{}, {"shed": 0.4, "fair": True}], ids=["in order", "by rank"])
def test_a_concurrency_limit_whose_limit_changes(setting: Setting, order: dict[str, Any]):
    """Windows end all the time and in several threads; never are more inside than the greatest limit."""
    limit = ConcurrencyLimit(
        2, algorithm="aimd", most=4, queue=THREADS, window=1e-6, window_calls=3, slow_call=0.001, **order
    )
    policy = setting.policies("p", Timeout(3600), limit)
    gauge = Gauge()
    each = setting.rounds(600)

    @policy
    def inside() -> None:
        gauge.enter()
        give_way()
        gauge.leave()

    hammer(lambda number: [inside() for _ in range(each)], traced=setting.traced)
    slots: Any = policy.layers[1]
    assert gauge.most <= 4
    assert gauge.total == THREADS * each
    assert (slots.free, slots.waiting, slots.head, slots.tail) == (slots.limit, 0, None, None)


@several_lines
@pytest.mark.parametrize("algorithm", ["token_bucket", "fixed_window", "sliding_window", "sliding_log"])
def test_a_rate_limit_that_refuses(setting: Setting, algorithm: str):
    """Exactly as many enter as the period allows."""
    each = setting.rounds(1000)
    most = THREADS * each // 2
    policy = setting.policies("p", RateLimit(most, 31_622_400, algorithm=algorithm))
    entered: list[None] = []
    guarded = policy(lambda: entered.append(None))

    def work(number: int) -> None:
        for _ in range(each):
            try:
                guarded()
            except RateLimited:
                pass

    hammer(work, traced=setting.traced)
    assert len(entered) == most


@several_lines
def test_a_rate_limit_that_lets_wait(setting: Setting):
    policy = setting.policies("p", Timeout(3600), RateLimit(50_000, queue=THREADS, burst=1))
    each = setting.rounds(300)
    entered: list[None] = []
    guarded = policy(lambda: entered.append(None))
    hammer(lambda number: [guarded() for _ in range(each)], traced=setting.traced)
    pace: Any = policy.layers[1]
    assert len(entered) == THREADS * each
    assert (pace.free, pace.waiting, pace.head, pace.tail) == (0, 0, None, None)


@several_lines
def test_a_throttle_counts_every_request(setting: Setting):
    policy = setting.policies("p", Throttle(1000, window=36_000))
    each = setting.rounds(1500)

    @policy
    def call(number: int) -> None:
        if number % 3 == 0:
            raise ConnectionRefusedError

    def work(number: int) -> None:
        for i in range(each):
            try:
                call(i)
            except ConnectionRefusedError:
                pass

    hammer(work, traced=setting.traced)
    tally: Any = policy.layers[0]
    tenth, requests, accepted = tally.epoch, 0, 0
    while tenth is not None:
        assert tenth.running == 0
        requests += tenth.requests
        accepted += tenth.accepted
        tenth = tenth.older
    assert (requests, accepted) == (THREADS * each, THREADS * each)


@several_lines
@pytest.mark.parametrize("window", [{"window_calls": 100_000}, {"window_seconds": 1000}], ids=["calls", "time"])
def test_the_window_of_a_breaker(setting: Setting, window: dict[str, Any]):
    policy = setting.policies("p", CircuitBreaker(1.0, **window))
    each = setting.rounds(3000)

    @policy
    def call(number: int) -> None:
        if number % 3 == 0:
            raise Failed

    def work(number: int) -> None:
        for i in range(each):
            try:
                call(i)
            except Failed:
                pass

    hammer(work, traced=setting.traced)
    breaker: Any = policy.layers[0]
    assert breaker.epoch.counts(time.monotonic_ns()) == (THREADS * each, THREADS * each // 3, 0)


@one_line
def test_the_successes_in_a_window(setting: Setting):
    policy = setting.policies("p", CircuitBreaker(window_calls=100_000))
    each = setting.rounds(5000)
    guarded = policy(lambda: None)
    hammer(lambda number: [guarded() for _ in range(each)], traced=setting.traced)
    breaker: Any = policy.layers[0]
    assert breaker.epoch.counts(0) == (THREADS * each, 0, 0)


@several_lines
def test_a_breaker_opens_once(setting: Setting):
    """Whoever evaluates the window, it is opened by one of them."""
    for _ in range(setting.rounds(40)):
        policy = setting.policies("p", CircuitBreaker(0.5, 16, minimum_calls=16, open_for=60))
        opened: list[str] = []
        breaker: Any = policy.layers[0]
        breaker.emit = lambda now, event, detail, opened=opened: opened.append(event)
        breaker.tell(0, "listening")

        @policy
        def call() -> None:
            raise Failed

        def work(number: int, call: Any = call) -> None:
            for _ in range(10):
                try:
                    call()
                except (Failed, CircuitOpen):
                    pass

        hammer(work, traced=setting.traced)
        assert opened.count("opened") == 1
        assert (breaker.state, breaker.opened) == ("open", 1)


@several_lines
@pytest.mark.parametrize("limit", [1, 3])
def test_half_open(setting: Setting, limit: int):
    """Within one half-open period no more probes than allowed are in flight, and each that passes is counted."""
    policy = setting.policies("p", CircuitBreaker(open_for=0, half_open_for=1000, probes=limit, close_after=1_000_000))
    breaker: Any = policy.layers[0]
    breaker.evaluate(_failed_window(breaker), 0)
    gauge = Gauge()
    each = setting.rounds(2000)

    @policy
    def probe() -> None:
        gauge.enter()
        gauge.leave()

    def work(number: int) -> None:
        for _ in range(each):
            try:
                probe()
            except CircuitOpen:
                pass

    hammer(work, traced=setting.traced)
    assert breaker.state == "half_open"
    assert gauge.most <= limit
    assert (breaker.epoch.passed, breaker.epoch.in_flight) == (gauge.total, 0)
    assert gauge.total > 0


def _failed_window(breaker: Any) -> Any:
    window = breaker.closed
    for _ in range(breaker.options.minimum):
        window.add(0, FAILED)
    return window


@several_lines
def test_a_budget_spends_every_token_once(setting: Setting):
    burst = 100_000
    policy = setting.policies(
        "p", Retry(attempts=2, base=0, on=Failed, budget=Budget(0, per_second=0, burst=burst)), Bulkhead(THREADS)
    )
    each = setting.rounds(2500)

    @policy
    def second_time_lucky(tries: list[None]) -> None:
        tries.append(None)
        if len(tries) == 1:
            raise Failed

    hammer(lambda number: [second_time_lucky([]) for _ in range(each)], traced=setting.traced)
    budget: Any = policy.layers[0].budget  # type: ignore[attr-defined]
    assert budget.tokens == (burst - THREADS * each) * 1_000_000


@one_line
def test_a_budget_counts_every_deposit(setting: Setting):
    policy = setting.policies("p", Retry(attempts=2, base=0, budget=Budget(0.001, per_second=0, burst=100_000)))
    budget: Any = policy.layers[0].budget  # type: ignore[attr-defined]
    budget.tokens = 0
    each = setting.rounds(5000)
    guarded = policy(lambda: None)
    hammer(lambda number: [guarded() for _ in range(each)], traced=setting.traced)
    assert budget.tokens == THREADS * each * 1000


@one_line
def test_every_call_has_a_number(setting: Setting):
    policy = setting.policies("p", Retry(attempts=2), Bulkhead(THREADS))
    each = setting.rounds(5000)
    guarded = policy(lambda: None)
    hammer(lambda number: [guarded() for _ in range(each)], traced=setting.traced)
    assert policy.calls == THREADS * each


@several_lines
def test_three_loops_and_three_threads(setting: Setting):
    """One limit for all of them, while a third of the tasks is cancelled wherever they happen to be."""
    policy = setting.policies("p", Timeout(3600), Bulkhead(3, queue=10_000), Retry(attempts=2, base=0, on=Failed))
    gauge = Gauge()
    each = setting.rounds(300)
    places: Any = policy.layers[1]

    async def task(number: int) -> None:
        gauge.enter()
        try:
            await asyncio.sleep(0)
        finally:
            gauge.leave()
        if number % 5 == 0:
            raise Failed

    def call() -> None:
        gauge.enter()
        give_way()
        gauge.leave()

    async def many(number: int) -> None:
        dice = random.Random(number)
        tasks = [asyncio.ensure_future(policy.acall(task, i)) for i in range(each)]
        for one in tasks:
            if dice.random() < 0.3:
                await asyncio.sleep(0)
                one.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None and not isinstance(outcome, (Failed, asyncio.CancelledError)):
                raise outcome

    def work(number: int) -> None:
        if number < 3:
            asyncio.run(many(number))
        else:
            for _ in range(each):
                policy.call(call)

    hammer(work, threads=6, traced=setting.traced)
    assert 0 < gauge.most <= 3
    assert (places.free, places.waiting, places.head, places.tail) == (3, 0, None, None)
