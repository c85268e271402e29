"""One limit for threads, tasks and event loops together, and who may wait for a place."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from backstay import Bulkhead, BulkheadFull, Fallback, Policy, Retry, TimedOut, Timeout
from backstay.drivers.ports import Doorbell
from tests.support.virtual import VirtualLoop
from tests.support.worlds import LoopWorld, Script, SyncWorld

PATIENCE = 60.0  # real seconds after which a test that hangs fails


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread to get somewhere."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "a thread did not get there"
        time.sleep(0)


def places(policy: Policy, position: int = 0) -> Any:
    return policy.layers[position]


def until_waiting(policy: Policy, number: int) -> None:
    until(lambda: places(policy).waiting == number)


class Thread(threading.Thread):
    """A thread whose outcome is kept: `result` or `error`."""

    def __init__(self, run: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.what = run
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.what()
        except BaseException as error:
            self.error = error

    def finish(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "the thread hangs"
        if self.error is not None:
            raise self.error
        return self.result


class TestThreads:
    def test_wait_in_order_and_get_the_place_that_comes_free(self, policies: type[Policy]):
        policy = policies("p", Bulkhead(1, queue=3))
        gate = threading.Event()
        order: list[str] = []
        threads = [Thread(lambda: policy.call(gate.wait, PATIENCE))]
        until(lambda: places(policy).free == 0)
        for number, name in enumerate("abc"):
            threads.append(Thread(partial(policy.call, order.append, name)))
            until_waiting(policy, number + 1)
        with pytest.raises(BulkheadFull):
            policy.call(order.append, "d")
        gate.set()
        for thread in threads:
            thread.finish()
        assert order == ["a", "b", "c"]
        assert (places(policy).free, places(policy).waiting) == (1, 0)

    def test_a_wait_ends_by_itself(self, sync_world: SyncWorld):
        world = sync_world
        policy = world.policy(Bulkhead(1, queue=1, wait=2.5))
        places(policy).admit(0)
        with pytest.raises(BulkheadFull) as caught:
            policy.call(print)
        assert caught.value.reason == "BULKHEAD_WAIT"
        assert world.now == 2_500_000_000
        assert (places(policy).free, places(policy).waiting) == (0, 0)

    def test_a_timeout_outside_ends_the_wait(self, sync_world: SyncWorld):
        world = sync_world
        policy = world.policy(Fallback("substitute", on=TimedOut), Timeout(2), Bulkhead(1, queue=1))
        places(policy, 2).admit(0)
        assert policy.call(print) == "substitute"
        assert world.now == 2_000_000_000
        assert (places(policy, 2).free, places(policy, 2).waiting) == (0, 0)

    def test_the_deadline_of_the_caller_ends_the_wait(self, sync_world: SyncWorld):
        """Nobody interrupts the thread: the queue itself has to refuse it (BH4)."""
        world = sync_world
        inner = world.policy(Bulkhead(1, queue=1), name="inner")
        outer = world.policy(Timeout(3), name="outer")
        places(inner).admit(0)
        with pytest.raises(BulkheadFull, match="inner"):
            outer.call(inner.call, print)
        assert world.now == 3_000_000_000
        assert (places(inner).free, places(inner).waiting) == (0, 0)

    def test_ringing_twice_does_no_harm(self):
        """A thread that found its place by looking leaves the bell rung; the next ring must not fail, else the queue
        takes the thread for dead and it waits for ever."""
        policy = Policy("p", Retry(attempts=2, base=0, on=BulkheadFull), Bulkhead(1, queue=1))
        bell = Doorbell()
        bell.ring()
        bell.ring()
        bell.wait(10**18)
        queue = places(policy, 1)
        queue.admit(0)
        first = queue.admit(0, bell.ring)
        bell.ring()
        queue.settle(queue.epoch, 0, 0)
        assert queue.poll(first, 0) is queue.epoch


class TestEventLoop:
    def test_tasks_wait_in_order(self, loop_world: LoopWorld):
        world = loop_world
        policy = world.policy(Bulkhead(2, queue=3))
        order: list[tuple[str, float]] = []

        async def work(name: str, seconds: float) -> None:
            order.append((name, world.loop.time()))
            await asyncio.sleep(seconds)

        async def main() -> None:
            results = await asyncio.gather(
                *(policy.acall(work, name, 1 + i) for i, name in enumerate("abcdef")), return_exceptions=True
            )
            assert [type(result) for result in results] == [type(None)] * 5 + [BulkheadFull]

        world.run(main)
        assert order == [("a", 0), ("b", 0), ("c", 1), ("d", 2), ("e", 4)]

    def test_a_sync_call_on_a_running_loop_never_queues(self, loop_world: LoopWorld):
        """It would stop the loop, and with it whoever has the place."""
        world = loop_world
        policy = world.policy(Bulkhead(1, queue=5))
        policy.ports = SyncWorld().ports

        async def inside() -> None:
            with pytest.raises(BulkheadFull, match="bulkhead full"):
                policy.call(print)

        async def main() -> None:
            places(policy).admit(0)
            await inside()
            places(policy).settle(places(policy).epoch, 0, 0)
            policy.call(lambda: None)
            assert places(policy).free == 1

        world.run(main)

    def test_a_waiting_task_that_is_cancelled_leaves_the_queue(self, loop_world: LoopWorld):
        world = loop_world
        policy = world.policy(Bulkhead(1, queue=2))
        script = Script((5, "a"), (5, "c"))

        async def main() -> None:
            call = world.function(script)
            tasks = [asyncio.ensure_future(policy.acall(call)) for _ in "abc"]
            await asyncio.sleep(1)
            assert places(policy).waiting == 2
            tasks[1].cancel()
            await asyncio.sleep(0)
            assert places(policy).waiting == 1
            await asyncio.wait(tasks)
            assert [task.cancelled() for task in tasks] == [False, True, False]

        world.run(main)
        assert script.began == [0, 5]
        assert places(policy).free == 1

    def test_a_task_cancelled_in_the_instant_it_gets_its_place_passes_it_on(self, loop_world: LoopWorld):
        world = loop_world
        policy = world.policy(Bulkhead(1, queue=2))
        script = Script((1, "c"))

        async def main() -> None:
            places(policy).admit(0)
            call = world.function(script)
            b, c = (asyncio.ensure_future(policy.acall(call)) for _ in "bc")
            await asyncio.sleep(1)
            places(policy).settle(places(policy).epoch, 0, 0)
            b.cancel()  # its wake-up is already on its way
            await asyncio.wait([b, c])
            assert b.cancelled()
            assert c.result() == "c"

        world.run(main)
        assert script.calls == 1
        assert places(policy).free == 1

    def test_a_loop_that_is_closed_does_not_keep_a_place(self, policies: type[Policy]):
        policy = policies("p", Bulkhead(1, queue=3))
        lost, alive = VirtualLoop(), VirtualLoop()
        policy.ports = alive.ports
        places(policy).admit(0)

        async def work(name: str) -> str:
            return name

        abandoned = lost.create_task(policy.acall(work, "lost"))
        served = alive.create_task(policy.acall(work, "served"))
        for loop in (lost, alive):
            loop.run_until_complete(asyncio.sleep(1))
        assert places(policy).waiting == 2
        lost.close()
        places(policy).settle(places(policy).epoch, 0, 0)
        assert alive.run_until_complete(served) == "served"
        assert (places(policy).free, places(policy).waiting) == (1, 0)
        alive.close()
        abandoned._log_destroy_pending = False  # type: ignore[attr-defined]
        del abandoned
        gc.collect()  # its coroutine is closed now
        assert (places(policy).free, places(policy).waiting) == (1, 0)

    def test_a_coroutine_that_is_closed_while_it_waits_leaves_the_queue(self, loop_world: LoopWorld):
        policy = loop_world.policy(Bulkhead(1, queue=3))

        async def main() -> None:
            places(policy).admit(0)
            coroutine = policy.acall(asyncio.sleep, 1)
            coroutine.send(None)
            assert places(policy).waiting == 1
            coroutine.close()
            assert (places(policy).free, places(policy).waiting) == (0, 0)

        loop_world.run(main)


class TestTogether:
    @pytest.mark.parametrize("first", ["thread", "loop"])
    def test_a_place_goes_from_a_thread_to_a_loop_and_back(self, policies: type[Policy], first: str):
        policy = policies("p", Bulkhead(1, queue=2))
        order: list[str] = []
        gate = threading.Event()

        async def work(name: str) -> None:
            order.append(name)

        def loop(name: str) -> Callable[[], Any]:
            return lambda: asyncio.run(policy.acall(work, name))

        def thread(name: str) -> Callable[[], Any]:
            return lambda: policy.call(order.append, name)

        holder = Thread(lambda: policy.call(gate.wait, PATIENCE))
        until(lambda: places(policy).free == 0)
        kinds = [thread, loop] if first == "thread" else [loop, thread]
        waiters = []
        for number, kind in enumerate(kinds):
            waiters.append(Thread(kind(kind.__name__)))
            until_waiting(policy, number + 1)
        gate.set()
        for one in (holder, *waiters):
            one.finish()
        assert order == [kind.__name__ for kind in kinds]
        assert places(policy).free == 1

    def test_three_loops_and_threads_never_exceed_the_limit(self, policies: type[Policy]):
        """Everybody meets inside: exactly `limit` can, and one more would be seen."""
        limit, rounds = 3, 20
        policy = policies("p", Bulkhead(limit, queue=1000))
        lock = threading.Lock()
        inside, most, served = 0, 0, 0

        def enter(change: int) -> None:
            nonlocal inside, most, served
            with lock:
                inside += change
                most = max(most, inside)
                served += change > 0

        async def work() -> None:
            enter(1)
            await asyncio.sleep(0)
            enter(-1)

        def work_sync() -> None:
            enter(1)
            time.sleep(0)
            enter(-1)

        async def many() -> None:
            await asyncio.gather(*(policy.acall(work) for _ in range(rounds)))

        everybody = [Thread(lambda: asyncio.run(many())) for _ in range(3)]
        everybody += [Thread(lambda: [policy.call(work_sync) for _ in range(rounds)]) for _ in range(3)]
        for one in everybody:
            one.finish()
        assert served == 6 * rounds
        assert most == limit
        assert (places(policy).free, places(policy).waiting) == (limit, 0)
