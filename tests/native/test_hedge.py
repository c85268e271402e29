"""A Hedge in Python: tasks under asyncio and trio, threads for ordinary functions."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    CircuitBreaker,
    ConfigurationError,
    Fallback,
    Hedge,
    Policy,
    Retry,
    TimedOut,
    Timeout,
    remaining,
    shared,
)
from tests.support.trio_world import TrioWorld
from tests.support.worlds import LoopWorld, Script, SyncWorld

SECOND = 1_000_000_000
HEDGE = Hedge(0.05, idempotent=True)
PATIENT = Hedge(3600, idempotent=True)  # in real time its first attempt stays alone
PATIENCE = 60.0  # real seconds after which a test that hangs fails


@pytest.fixture(params=["asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> Any:
    world: Any = LoopWorld() if request.param == "asyncio" else TrioWorld(Policy)
    yield world
    world.close()


# -- tasks -----------------------------------------------------------------------------------------------------------


def test_the_second_attempt_wins(world: Any):
    policy = world.policy(HEDGE)
    heard: list[Any] = []
    policy.on("hedge", lambda event: heard.append(event.detail))
    assert world.call(policy, Script((0.1, "first"), (0.02, "second"))) == "second"
    assert world.now == 70_000_000
    assert heard == [1]


def test_the_first_attempt_is_quick(world: Any):
    assert world.call(world.policy(HEDGE), Script((0.049, "first"))) == "first"
    assert world.now == 49_000_000


def test_an_empty_result_does_not_win(world: Any):
    policy = world.policy(HEDGE.replace(results=lambda value: value is None))
    assert world.call(policy, Script((0.1, "first"), (0.01, None))) == "first"


def test_all_fail(world: Any):
    policy = world.policy(HEDGE.replace(attempts=3))
    last = ConnectionResetError("last")
    with pytest.raises(ConnectionResetError) as caught:
        world.call(policy, Script((0.2, last), (0.01, OSError("second")), (0.02, OSError("third"))))
    assert caught.value is last
    assert "3 attempts" in caught.value.__notes__[0]


def test_what_all_failed_can_be_tried_again(world: Any):
    policy = world.policy(Retry(2, base=0, idempotent=True), HEDGE)
    failed = (0.08, ConnectionError())
    assert world.call(policy, Script(failed, failed, (0, "third"))) == "third"


def test_and_can_have_a_fallback(world: Any):
    policy = world.policy(Fallback(lambda failure: failure.cause), HEDGE)
    error = ConnectionError("down")
    assert world.call(policy, Script((0.06, OSError("other")), (0.05, error))) is error


def test_a_timeout_around_both(world: Any):
    policy = world.policy(Timeout(0.06), HEDGE, Bulkhead(2))
    with pytest.raises(TimedOut):
        world.call(policy, Script((1, "first"), (1, "second")))
    assert world.now == 60_000_000
    assert policy[Bulkhead].inside == 0


def test_a_timeout_for_each(world: Any):
    policy = world.policy(HEDGE, Timeout(0.08))
    assert world.call(policy, Script((1, "first"), (0.06, "second"))) == "second"


def test_nothing_is_hedged_that_is_not_idempotent(world: Any):
    policy = world.policy(Hedge(0.05))
    assert world.call(policy, Script((0.1, "first"))) == "first"
    assert world.call(policy.using(idempotent=True), Script((0.1, "first"), (0, "second"))) == "second"
    assert world.call(world.policy(HEDGE).using(idempotent=False), Script((0.1, "first"))) == "first"


def test_one_budget_with_retries(world: Any):
    budget = shared("budget", Budget(ratio=0, per_second=0, burst=2))
    policy = world.policy(Retry(5, base=0, idempotent=True, budget=budget), HEDGE.replace(budget=budget))
    with pytest.raises(ConnectionError):
        world.call(policy, Script(*[(0.1, ConnectionError())] * 3))
    assert policy[Retry].tokens == 0


def test_with_one_budget_a_call_deposits_once(world: Any):
    budget = shared("budget", Budget(ratio=0.25, per_second=0, burst=10))
    policy = world.policy(Retry(2, budget=budget), HEDGE.replace(budget=budget))
    assert budget.state.take(0, 2_000_000)
    assert world.call(policy, Script((0, "fine"))) == "fine"
    assert policy[Retry].tokens == 8.25


def test_a_second_attempt_that_is_refused(world: Any):
    policy = world.policy(HEDGE, Bulkhead(1))
    assert world.call(policy, Script((0.1, "first"))) == "first"


def test_losers_leave_no_verdict(world: Any):
    policy = world.policy(HEDGE, CircuitBreaker(), Bulkhead(2))
    assert world.call(policy, Script((0.1, "first"), (0.01, "second"))) == "second"
    assert policy[CircuitBreaker].snapshot()["state"]["seen"] == 1
    assert policy[Bulkhead].inside == 0


def test_each_attempt_has_its_deadline_and_context():
    seen: list[Any] = []
    name = contextvars.ContextVar("name", default="nobody")

    async def attempt() -> str:
        seen.append((name.get(), remaining()))
        name.set("somebody")
        await asyncio.sleep(1 if len(seen) == 1 else 0)
        return "done"

    world = LoopWorld()
    policy = world.policy(Timeout(5), HEDGE, Timeout(2))

    async def main() -> None:
        name.set("caller")
        assert await policy.acall(attempt) == "done"
        assert name.get() == "caller"

    with world.time:
        world.runner.run(main())
    assert [who for who, _ in seen] == ["caller", "caller"]
    assert [left is not None and 1.9 < left <= 2 for _, left in seen] == [True, True]
    world.close()


def test_a_caller_who_is_cancelled_waits_for_both():
    ended: list[int] = []
    world = LoopWorld()
    policy = world.policy(HEDGE, Bulkhead(2))

    async def attempt() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.5)
            ended.append(world.now)

    async def main() -> None:
        task = asyncio.create_task(policy.acall(attempt))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    world.runner.run(main())
    assert ended == [600_000_000, 600_000_000]
    assert policy[Bulkhead].inside == 0
    world.close()


def test_a_winner_does_not_wait_for_a_loser_that_takes_its_time():
    world = LoopWorld()
    policy = world.policy(HEDGE)
    begun: list[int] = []

    async def attempt() -> str:
        begun.append(1)
        if len(begun) == 2:
            return "second"
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(5)
        return "first"

    assert world.runner.run(policy.acall(attempt)) == "second"
    assert world.now == 50_000_000
    world.close()


def test_an_attempt_that_cancels_itself(world: Any):
    if not isinstance(world, LoopWorld):
        pytest.skip("trio has no such thing")

    async def attempt() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        world.runner.run(world.policy(HEDGE).acall(attempt))


def test_a_function_that_is_not_async(world: Any):
    if isinstance(world, LoopWorld):
        with pytest.raises(ConfigurationError, match="use call"):
            world.runner.run(world.policy(HEDGE).acall(lambda: 3))  # type: ignore[arg-type, return-value]


# -- threads ---------------------------------------------------------------------------------------------------------


def until_free(policy: Policy, number: int) -> None:
    """Wait until so many threads of the policy have no work."""
    end = time.monotonic() + PATIENCE
    while len(policy.threads._free) != number:
        assert time.monotonic() < end, "a thread goes on working"
        time.sleep(0)


class Attempts:
    """A function whose attempts are scripted: each is a function of its own. `began` and `over` count."""

    def __init__(self, *attempts: Callable[[], Any]) -> None:
        self.attempts = attempts
        self.lock = threading.Lock()
        self.began = 0
        self.threads: list[int] = []

    def __call__(self) -> Any:
        with self.lock:
            number = self.began
            self.began += 1
            self.threads.append(threading.get_ident())
        return self.attempts[number]()


def test_in_threads_the_second_attempt_wins():
    released = threading.Event()
    policy = Policy("p", Hedge(0.001, idempotent=True), Bulkhead(2))
    function = Attempts(released.wait, lambda: "second")
    assert policy.call(function) == "second"
    assert len(set(function.threads)) == 2
    assert threading.get_ident() not in function.threads
    assert policy[Bulkhead].inside == 0
    released.set()


def test_in_threads_the_first_may_win():
    released, second = threading.Event(), threading.Event()

    def first() -> str:
        second.wait()
        return "first"

    def begun() -> str:
        second.set()
        released.wait()
        return "second"

    assert Policy("p", Hedge(0.001, idempotent=True)).call(Attempts(first, begun)) == "first"
    released.set()


def test_in_threads_all_fail():
    second = threading.Event()

    def fails() -> None:
        second.wait()
        raise ConnectionError("first")

    def fails_too() -> None:
        second.set()
        raise ConnectionError("second")

    with pytest.raises(ConnectionError):
        Policy("p", Hedge(0.001, idempotent=True)).call(Attempts(fails, fails_too))


def test_a_timeout_leaves_threads_behind():
    released = threading.Event()
    policy = Policy("p", Timeout(0.02), Hedge(0.001, idempotent=True))
    with pytest.raises(TimedOut):
        policy.call(Attempts(released.wait, released.wait))
    released.set()


def test_threads_have_the_callers_context():
    name = contextvars.ContextVar("name", default="nobody")
    name.set("caller")

    def attempt() -> str:
        found = name.get()
        name.set("thread")
        return found

    assert Policy("p", PATIENT).call(attempt) == "caller"
    assert name.get() == "caller"


def test_threads_are_used_again():
    policy = Policy("p", PATIENT)
    seen = set()
    for _ in range(20):
        seen.add(policy.call(threading.get_ident))
        until_free(policy, 1)
    assert len(seen) == 1
    assert threading.get_ident() not in seen
    assert policy.threads.count == 1
    assert policy.using(idempotent=False).threads is policy.threads


def test_without_a_free_thread_the_caller_does_it_himself():
    policy = Policy("p", Hedge(0.001, idempotent=True))
    policy.threads.most = 0
    assert policy.call(threading.get_ident) == threading.get_ident()


def test_without_a_further_thread_the_first_goes_on():
    policy = Policy("p", Hedge(0.001, idempotent=True))
    policy.threads.most = 1
    hedged = threading.Event()
    policy.on("hedge", lambda _: hedged.set())
    assert policy.call(Attempts(hedged.wait)) is True


def test_hedged_calls_within_hedged_calls_do_not_starve_each_other():
    policy = Policy("p", Hedge(1e-4, idempotent=True))
    policy.threads.most = 2

    def deep(levels: int) -> int:
        return 0 if levels == 0 else 1 + policy.call(deep, levels - 1)

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(policy.call(deep, 4)), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == [4] * 8


def test_threads_without_work_end():
    policy = Policy("p", PATIENT)
    policy.threads.idle = 0.01
    gone: list[threading.Thread] = []
    policy.call(lambda: gone.append(threading.current_thread()))
    gone[0].join(PATIENCE)
    assert policy.threads.count == 0


def test_on_an_event_loop_a_sync_call_stays_in_its_thread():
    policy = Policy("p", Hedge(0, idempotent=True))

    async def main() -> int:
        return policy.call(threading.get_ident)

    assert asyncio.run(main()) == threading.get_ident()


def test_in_virtual_time_nothing_is_hedged_in_threads():
    world = SyncWorld()
    assert world.call(world.policy(HEDGE), Script((0.1, "first"))) == "first"
    assert world.now == 100_000_000


def test_what_a_thread_raises_that_is_no_exception():
    class Stop(BaseException):
        pass

    def attempt() -> None:
        raise Stop

    with pytest.raises(Stop):
        Policy("p", PATIENT).call(attempt)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_of_a_fork_has_threads_of_its_own():
    policy = Policy("p", PATIENT)
    assert policy.call(threading.get_ident) != threading.get_ident()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, b"1" if policy.call(threading.get_ident) != threading.get_ident() else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 1) == b"1"
    os.close(read)


# -- what cannot be ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"after": -1}, "at least 0"),
        ({"attempts": 0}, "at least 1"),
        ({"quantile": 2}, "at most 1"),
        ({"window": 5, "minimum": 6}, "at most window=5"),
        ({"budget": 3}, "must be a Budget"),
        ({"results": 3}, "a function of the result"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str):
    with pytest.raises(ConfigurationError, match=message):
        Hedge(**{"after": 1, **options})


def test_no_block_is_hedged():
    with pytest.raises(ConfigurationError, match="AB8"):
        Policy("p", HEDGE).attempts()


def test_no_generator_is_hedged():
    def numbers() -> Any:
        yield 1

    with pytest.raises(ConfigurationError, match="GN11"):
        Policy("p", HEDGE)(numbers)


def test_keys_share_threads_and_learn_for_themselves():
    keyed = Policy("p", PATIENT.replace(quantile=0.5, minimum=1)).keyed()
    assert keyed.of("a").call(threading.get_ident) != threading.get_ident()
    assert len(keyed.of("a")[Hedge].snapshot()["state"]["durations"]) == 1
    assert keyed.of("b")[Hedge].snapshot()["state"]["durations"] == []
