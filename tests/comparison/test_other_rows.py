"""Rows of docs/comparison.md about everything but breakers and retries."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    ConcurrencyLimit,
    Fallback,
    Hedge,
    Inject,
    Policy,
    RateLimit,
    RateLimited,
    Retry,
    Throttle,
    TimedOut,
    Timeout,
    UnifiedError,
    calling,
    remaining,
    shared,
)
from backstay.testing import VirtualTime
from tests.support.worlds import LoopWorld, Script, SyncWorld


@pytest.fixture
def loop() -> Any:
    world = LoopWorld()
    yield world
    world.close()


def test_ambient_deadline():
    outer, inner = Policy("outer", Timeout(5)), Policy("inner", Timeout(60))
    seen = outer.call(inner.call, remaining)
    assert seen is not None
    assert 0 < seen <= 5


def test_timeout_in_tasks_and_threads(loop: LoopWorld):
    with pytest.raises(TimedOut):
        loop.call(loop.policy(Timeout(1)), Script((60, "late")))
    world = SyncWorld()
    policy = world.policy(Retry(3, base=0, idempotent=True), CircuitBreaker.consecutive(1, slow_call=1), Timeout(1))
    assert world.call(policy, Script((2, "late"))) == "late", "what cannot be interrupted is returned, and is slow"
    assert policy[CircuitBreaker].state == "open"


def test_bulkhead_with_a_queue_and_a_longest_wait(loop: LoopWorld):
    policy = loop.policy(Bulkhead(1, queue=1, wait=5))

    async def scene() -> list[Any]:
        function = loop.function(Script((10, "fine")))
        return await asyncio.gather(*(policy.acall(function) for _ in range(3)), return_exceptions=True)

    inside, waiting, refused = loop.runner.run(scene())
    assert inside == "fine"
    assert [type(error) for error in (waiting, refused)] == [BulkheadFull, BulkheadFull]
    assert {error.reason for error in (waiting, refused)} == {"BULKHEAD_WAIT", "BULKHEAD_FULL"}


class Busy(Exception):
    """What a server that wants less answers."""

    status_code = 429


def test_rate_limit():
    world = SyncWorld()
    policy = world.policy(RateLimit(1, per=10, queue=1))
    script = Script((0, "fine"))
    world.call(policy, script)
    world.call(policy, script)
    assert script.began == [0, 10], "the second waits for its turn"
    with pytest.raises(RateLimited) as caught:
        world.call(world.policy(RateLimit(1, per=10, algorithm="sliding_log")), _twice(world, script))
    assert caught.value.retry_after == 10


def _twice(world: SyncWorld, script: Script) -> Any:
    policy = world.policy(RateLimit(1, per=10))

    def call() -> None:
        world.call(policy, script)
        world.call(policy, script)

    return call


def test_a_rate_that_yields_to_pushback():
    world = SyncWorld()
    policy = world.policy(RateLimit(10, per=10, decrease=0.5, recovery=1000))

    with pytest.raises(Busy):
        world.call(policy, Script((0, Busy())))
    refused = 0
    for _ in range(10):
        world.pass_time(1)
        try:
            world.call(policy, Script((0, "fine")))
        except RateLimited:
            refused += 1
    assert 4 <= refused <= 6, "half the rate"


def test_adaptive_concurrency():
    """A dependency that bears ten at once and fails beyond: the limit comes down."""
    policy = Policy("adaptive", ConcurrencyLimit(40, algorithm="aimd", window=0.001, window_calls=5))
    inside = 0
    with VirtualTime(policy) as time:

        async def served(number: int) -> None:
            nonlocal inside
            inside += 1
            try:
                await asyncio.sleep(0.01)
                if inside > 10:
                    raise TimeoutError
            finally:
                inside -= 1

        async def flood() -> None:
            for number in range(30):
                await asyncio.gather(*(policy.acall(served, number) for _ in range(40)), return_exceptions=True)

        time.run(flood())
        limit = policy.layers[0].limit  # type: ignore[attr-defined]
    assert 1 <= limit < 30


def test_client_throttling():
    """Of a server that refuses everything, ever fewer calls are made."""
    world = SyncWorld()
    policy = world.policy(Throttle(2.0))
    script = Script((0, Busy()))
    refused = 0
    for _ in range(300):
        try:
            world.call(policy, script)
        except UnifiedError:
            refused += 1
        except Busy:
            pass
    assert script.calls + refused == 300
    assert refused > 0


def test_priorities():
    world = SyncWorld()
    policy = world.policy(RateLimit(10, per=1000, shed=0.5))
    outcomes = []
    for priority in ["normal"] * 10 + ["background"] * 5 + ["critical"] * 5:
        try:
            with calling(priority=priority):
                world.call(policy, Script((0, "fine")))
        except RateLimited:
            outcomes.append((priority, "refused"))
        else:
            outcomes.append((priority, "fine"))
    assert outcomes.count(("normal", "fine")) == 8
    assert outcomes.count(("background", "fine")) == 0
    assert outcomes.count(("critical", "fine")) == 2, "what is withheld is kept for them"


def slow_then_quick(loop: LoopWorld, policy: Policy) -> list[float]:
    """When attempts of one call began, the first of which takes ten seconds."""
    script = Script((10, "slow"), (0.1, "quick"))
    assert loop.call(policy, script) == "quick"
    return script.began


def test_hedging_after_a_delay(loop: LoopWorld):
    assert slow_then_quick(loop, loop.policy(Hedge(1.0, idempotent=True))) == [0, 1]
    once = Script((10, "slow"))
    loop.call(loop.policy(Hedge(1.0)), once)
    assert once.calls == 1, "what is not idempotent is not done twice"


def test_hedging_after_a_quantile(loop: LoopWorld):
    policy = loop.policy(Hedge(5.0, idempotent=True, quantile=0.9, minimum=10))
    for _ in range(10):
        loop.call(policy, Script((0.2, "usual")))
    began = slow_then_quick(loop, policy)
    assert round(began[1] - began[0], 3) == 0.2, "nine in ten are over by then"


def test_hedging_of_sync_code():
    policy = Policy("sync", Hedge(0.01, idempotent=True))
    release = threading.Event()
    begun = []

    def call() -> str:
        begun.append(threading.get_ident())
        if len(begun) == 1:
            release.wait(60)
            return "slow"
        return "quick"

    assert policy.call(call) == "quick"
    release.set()
    assert len(set(begun)) == 2


def test_one_budget_for_retries_and_hedges(loop: LoopWorld):
    budget = shared("budget", Budget(ratio=0, per_second=0, burst=2))
    policy = loop.policy(
        Retry(9, base=0, on=ConnectionError, budget=budget), Hedge(1.0, idempotent=True, budget=budget)
    )
    with pytest.raises(ConnectionError):
        loop.call(policy, Script((2, ConnectionResetError()), (2, ConnectionResetError()), (2, ConnectionResetError())))
    spent = Script((2, "slow"))
    assert loop.call(policy, spent) == "slow"
    assert spent.calls == 1, "nothing is left of it"


def test_one_limit_across_threads_and_loops():
    policy = Policy("one", Bulkhead(2))
    inside, leave = threading.Barrier(3), threading.Event()

    def work() -> None:
        inside.wait(60)
        leave.wait(60)

    async def awork() -> None:
        await asyncio.to_thread(work)

    threads = [
        threading.Thread(target=policy.call, args=(work,)),
        threading.Thread(target=lambda: asyncio.run(policy.acall(awork))),
    ]
    for thread in threads:
        thread.start()
    inside.wait(60)
    with pytest.raises(BulkheadFull):
        policy.call(list)
    leave.set()
    for thread in threads:
        thread.join()
    assert policy.call(list) == []


def test_fallback(loop: LoopWorld):
    world = SyncWorld()
    assert world.call(world.policy(Fallback("cached")), Script((0, KeyError()))) == "cached"
    assert loop.call(loop.policy(Fallback(lambda failure: failure.kind)), Script((0, TimeoutError()))) == "timeout"


def test_faults_in_the_pipeline():
    policy = Policy("trial", CircuitBreaker.consecutive(1), Inject("error"))
    assert policy.call(len, "abc") == 3
    policy[Inject].enable()
    with pytest.raises(UnifiedError):
        policy.call(len, "abc")
    with pytest.raises(CircuitOpen):
        policy.call(len, "abc")


def test_one_definition_for_functions_and_coroutine_functions():
    policy = Policy("both", CircuitBreaker.consecutive(2), Bulkhead(3))

    @policy
    def plain() -> None:
        raise ConnectionResetError

    @policy
    async def later() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        plain()
    with pytest.raises(ConnectionResetError):
        asyncio.run(later())
    with pytest.raises(CircuitOpen):
        plain()


def test_decorator_block_and_call():
    policy = Policy("ways", Retry(3, on=ConnectionError, base=0))
    tries: list[str] = []

    def flaky(way: str) -> str:
        tries.append(way)
        if len(tries) % 2:
            raise ConnectionResetError
        return way

    assert policy(flaky)("decorator") == policy.call(flaky, "decorator") == "decorator"
    for attempt in policy.attempts():
        with attempt:
            flaky("block")
    assert tries.count("block") == 2


def test_streams():
    policy = Policy("streams", Retry(3, on=ConnectionError, base=0))
    begun = 0

    @policy
    def lines() -> Any:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ConnectionResetError
        yield "first"
        raise ConnectionResetError

    stream = lines()
    assert next(stream) == "first"
    with pytest.raises(ConnectionResetError):
        next(stream)
    assert begun == 2, "before the first item again, after it not"


def test_the_order_is_the_one_written():
    def attempts(*strategies: Any) -> int:
        world = SyncWorld()
        script = Script((0, ConnectionRefusedError()))
        with pytest.raises((ConnectionRefusedError, CircuitOpen)):
            world.call(world.policy(*strategies), script)
        return script.calls

    assert attempts(Retry(5, base=0), CircuitBreaker.consecutive(2)) == 2
    assert attempts(CircuitBreaker.consecutive(2), Retry(5, base=0)) == 5


def test_one_frame_for_the_whole_pipeline():
    policy = Policy("fused", Fallback(0), Timeout(5), Retry(), CircuitBreaker(), Bulkhead(5), Timeout(1))
    depth: list[int] = []

    @policy
    def call() -> None:
        import sys

        frame: Any = sys._getframe(1)
        count = 0
        while frame is not None and frame.f_code.co_name != "test_one_frame_for_the_whole_pipeline":
            count += 1
            frame = frame.f_back
        depth.append(count)

    call()
    call()
    assert depth[-1] == 1


def test_state_as_plain_data():
    policy = Policy("db", CircuitBreaker.consecutive(1, open_for=30, open_jitter=0), seed=1)
    with VirtualTime(policy) as time:
        with pytest.raises(ZeroDivisionError):
            policy.call(divmod, 1, 0)
        data = json.loads(json.dumps(policy.snapshot(int(time.now * 1e9))))
    other = Policy("db", CircuitBreaker.consecutive(1, open_for=30, open_jitter=0), seed=1)
    other.restore(data, other.ports.clock(), "revive")
    with pytest.raises(CircuitOpen):
        other.call(list)


def test_events():
    policy = Policy("watched", Retry(2, on=ConnectionError, base=0), CircuitBreaker.consecutive(2))
    heard: list[str] = []
    policy.on("*", lambda event: heard.append(event.name))
    policy.on("*", lambda event: 1 / 0)  # a listener that fails disturbs nobody
    with pytest.raises(ConnectionResetError):
        policy.call(_reset)
    assert heard == ["retry", "opened"]


def _reset() -> None:
    raise ConnectionResetError


def test_virtual_time():
    policy = Policy("patient", Retry(3, base=3600, cap=3600, backoff="constant", on=ConnectionError))
    with VirtualTime(policy) as time, pytest.raises(ConnectionResetError):
        policy.call(_reset)
    assert time.now == 7200


def test_randomness_is_injected():
    def pauses(seed: int) -> list[int]:
        policy = Policy("seeded", Retry(4, base=1, on=ConnectionError), seed=seed)
        found: list[int] = []
        policy.on("retry", lambda event: found.append(event.detail))
        with VirtualTime(policy), pytest.raises(ConnectionResetError):
            policy.call(_reset)
        return found

    assert pauses(7) == pauses(7) != pauses(8)


def test_the_core_is_usable_without_a_driver():
    from backstay_core.execution import ATTEMPT, COMPLETE, OK, START, Execution
    from backstay_core.policy import Policy as CorePolicy
    from backstay_core.strategies.circuit_breaker import CircuitBreaker as CoreBreaker

    execution = Execution(CorePolicy("core", CoreBreaker()))
    [action] = execution.step((START,), 0)
    assert action[0] == ATTEMPT
    [action] = execution.step((OK, action[1], "value"), 1)
    assert action[0] == COMPLETE
