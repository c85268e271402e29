"""Under trio: its own cancellation, other libraries and threads at the same gates, and frames that asyncio used before.

What holds in every world (decisions, deadlines, what comes out) is tested in the other modules, whose `world` is also
trio's.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from backstay import (
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    ConfigurationError,
    Fallback,
    Policy,
    Retry,
    TimedOut,
    Timeout,
    remaining,
)
from backstay.drivers.libraries import in_trio
from backstay.frames.emit import timeout as emit_timeout
from tests.support.trio_world import EarlyCompiledPolicy, TrioWorld
from tests.support.worlds import Script

SECOND = 1_000_000_000


@pytest.fixture
def world(trio_world: TrioWorld) -> TrioWorld:
    return trio_world


def idle(policy: Policy) -> bool:
    """Every Bulkhead has all its places, and no breaker has counted anything."""
    layers: tuple[Any, ...] = policy.layers
    return remaining() is None and all(
        (layer.free, layer.waiting) == (layer.options.limit, 0)
        if layer.options.KIND == "bulkhead"
        else layer.options.KIND != "circuit_breaker" or (layer.state == "closed" and layer.closed.counts(0)[0] == 0)
        for layer in layers
    )


async def sleeper(seconds: float = 10, value: str = "late") -> str:
    await trio.sleep(seconds)
    return value


class CancelAt(trio.abc.Instrument):
    """Cancels a scope in the slice of a task with the given number, so that its next checkpoint is interrupted."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.task: trio.lowlevel.Task | None = None
        self.scope = trio.CancelScope()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if not self.left:
                self.scope.cancel()


class TestTimeout:
    def test_cancels_the_function_at_its_checkpoint(self, world: TrioWorld):
        seen: list[Any] = []

        async def watching() -> None:
            try:
                await trio.sleep(10)
            except trio.Cancelled:
                seen.append(world.now)
                raise

        policy = world.policy(Timeout(2))
        with pytest.raises(TimedOut) as caught:
            world.run(policy(watching))
        assert (seen, caught.value.seconds) == ([2 * SECOND], 2)

    def test_each_attempt_has_its_own(self, world: TrioWorld):
        began: list[int] = []

        async def attempt() -> None:
            began.append(world.now)
            await trio.sleep(5)

        policy = world.policy(Retry(attempts=3, base=1, backoff="constant", idempotent=True), Timeout(2))
        with pytest.raises(TimedOut) as caught:
            world.run(policy(attempt))
        assert began == [0, 3 * SECOND, 6 * SECOND]
        assert caught.value.__context__ is None

    def test_is_there_at_every_checkpoint_until_the_function_ends(self, world: TrioWorld):
        """As trio has it, cleaning up cannot wait either, unless it is shielded."""
        seen: list[str] = []

        async def tidy() -> None:
            try:
                await trio.sleep(10)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(3)
                seen.append("shielded")
                await trio.sleep(3)
                seen.append("not shielded")

        policy = world.policy(Bulkhead(1), Timeout(2))
        with pytest.raises(TimedOut):
            world.run(policy(tidy))
        assert (seen, world.now, idle(policy)) == (["shielded"], 5 * SECOND, True)

    def test_an_outcome_that_is_delivered_counts(self, world: TrioWorld):
        async def stubborn() -> str:
            try:
                await trio.sleep(10)
            except trio.Cancelled:
                return "kept"
            return "late"

        assert world.run(world.policy(Timeout(2))(stubborn)) == "kept"

    def test_a_function_that_converts_the_cancellation_has_failed(self, world: TrioWorld):
        async def converting() -> None:
            try:
                await trio.sleep(10)
            except trio.Cancelled:
                raise KeyError("own") from None

        with pytest.raises(KeyError, match="own"):
            world.run(world.policy(Timeout(2))(converting))

    @pytest.mark.parametrize(("outer", "inner", "wins"), [(3, 2, "inner"), (2, 3, "outer"), (2, 2, "outer")])
    def test_nested_in_two_policies(self, world: TrioWorld, outer: float, inner: float, wins: str):
        policies = [world.policy(Timeout(outer), name="outer"), world.policy(Timeout(inner), name="inner")]
        with pytest.raises(TimedOut, match=wins):
            world.run(policies[0](policies[1](sleeper)))
        assert world.now == 2 * SECOND

    def test_cancels_a_nursery_and_keeps_its_own_errors(self, world: TrioWorld):
        """What the cancellation leaves of a group of errors is the failure of the call."""

        async def failing_late() -> None:
            try:
                await trio.sleep(10)
            finally:
                raise KeyError("own")

        async def group() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(failing_late)
                nursery.start_soon(trio.sleep, 10)

        policy = world.policy(Timeout(2))
        with pytest.raises(ExceptionGroup) as caught:
            world.run(policy(group))
        assert [type(error) for error in caught.value.exceptions] == [KeyError]

    def test_a_nursery_that_is_only_cancelled_has_timed_out(self, world: TrioWorld):
        async def group() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 10)
                nursery.start_soon(trio.sleep, 10)

        with pytest.raises(TimedOut):
            world.run(world.policy(Timeout(2))(group))


class TestFromOutside:
    EVERYTHING = (Fallback("hidden"), Retry(attempts=3, idempotent=True), CircuitBreaker.consecutive(1), Bulkhead(1))

    @pytest.mark.parametrize("timeouts", [(), (Timeout(30),)])
    def test_is_no_verdict_and_comes_out(self, world: TrioWorld, timeouts: Any):
        policy = world.policy(*timeouts, *self.EVERYTHING)

        async def main() -> bool:
            with trio.move_on_after(1) as scope:
                await policy.acall(sleeper)
            return scope.cancelled_caught

        assert world.trio_run(main)
        assert idle(policy)

    def test_wins_over_a_timeout_of_the_same_instant(self, world: TrioWorld):
        policy = world.policy(*self.EVERYTHING, Timeout(2))

        async def main() -> bool:
            with trio.move_on_after(2) as scope:
                await policy.acall(sleeper)
            return scope.cancelled_caught

        assert world.trio_run(main)
        assert idle(policy)

    def test_at_every_checkpoint(self, policies: type[Policy]):
        """Wherever a call that waits, pauses, runs out of time and answers is cancelled, it leaves nothing behind."""
        points = 0
        outcome = None
        while outcome is None:
            points += 1
            assert points < 100
            world = TrioWorld(policies)
            policy = world.policy(
                Bulkhead(1, queue=1),
                Fallback(lambda failure: sleeper(1, "substitute"), on=TimedOut),
                Timeout(60),
                Retry(attempts=2, base=1, backoff="constant", idempotent=True),
                Bulkhead(1, queue=1),
                Timeout(5),
            )
            instrument = CancelAt(points)

            async def holder(policy: Policy = policy) -> None:
                await policy.acall(sleeper, 3)

            async def caller(policy: Policy = policy, instrument: CancelAt = instrument) -> Any:
                instrument.task = trio.lowlevel.current_task()
                trio.lowlevel.add_instrument(instrument)
                with instrument.scope:
                    await trio.lowlevel.checkpoint()
                    return await policy.acall(sleeper, 10)

            async def main(holder: Any = holder, caller: Any = caller) -> Any:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(holder)
                    await trio.testing.wait_all_tasks_blocked()
                    return await caller()

            outcome = world.trio_run(main)
            assert idle(policy)
        assert outcome == "substitute"
        assert points > 6


class TestQueue:
    def test_places_are_handed_over_in_order(self, world: TrioWorld):
        policy = world.policy(Bulkhead(1, queue=3))
        order: list[int] = []

        async def use(number: int) -> None:
            async def inside() -> None:
                order.append(number)
                await trio.sleep(1)

            await policy.acall(inside)

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                for number in range(4):
                    nursery.start_soon(use, number)
                    await trio.testing.wait_all_tasks_blocked()

        world.trio_run(main)
        assert order == [0, 1, 2, 3]
        assert idle(policy)

    def test_waits_no_longer_than_it_may(self, world: TrioWorld):
        policy = world.policy(Bulkhead(1, queue=1, wait=2))

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(policy.acall, sleeper, 5)
                await trio.testing.wait_all_tasks_blocked()
                with pytest.raises(BulkheadFull):
                    await policy.acall(sleeper, 0)
                assert world.now == 2 * SECOND

        world.trio_run(main)
        assert idle(policy)

    def test_of_a_task_that_is_cancelled_as_its_place_comes_passes_it_on(self, world: TrioWorld):
        policy = world.policy(Bulkhead(1, queue=2))
        done: list[str] = []

        async def use(name: str) -> None:
            done.append(await policy.acall(sleeper, 1, name))

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(use, "first")
                await trio.testing.wait_all_tasks_blocked()
                with trio.move_on_after(1):
                    nursery.start_soon(use, "third")
                    await use("second")

        world.trio_run(main)
        assert done in (["first", "third"], ["first", "second", "third"])
        assert idle(policy)

    def test_a_sync_call_in_a_trio_task_never_queues(self, policies: type[Policy]):
        policy = policies("p", Bulkhead(1, queue=5))

        async def main() -> None:
            async def holding() -> None:
                with pytest.raises(BulkheadFull):
                    policy.call(print)

            await policy.acall(holding)

        trio.run(main)
        assert idle(policy)

    def test_threads_and_both_libraries_wait_at_one_gate(self, policies: type[Policy]):
        """A thread, an asyncio loop and a trio run hand one place around; nobody gets lost and nobody is inside with
        another."""
        rounds = 50
        policy = policies("shared", Bulkhead(1, queue=9))
        inside: list[int] = []
        most: list[int] = []

        def enter() -> None:
            inside.append(1)
            most.append(len(inside))

        def body() -> None:
            enter()
            inside.pop()

        async def in_asyncio() -> None:
            enter()
            await asyncio.sleep(0)
            inside.pop()

        async def in_trio_task() -> None:
            enter()
            await trio.lowlevel.checkpoint()
            inside.pop()

        async def asyncio_main() -> None:
            async def several() -> None:
                for _ in range(rounds):
                    await policy.acall(in_asyncio)

            await asyncio.gather(several(), several())

        async def trio_main() -> None:
            async def several() -> None:
                for _ in range(rounds):
                    await policy.acall(in_trio_task)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(several)
                nursery.start_soon(several)

        def thread_main() -> None:
            for _ in range(rounds):
                policy.call(body)

        threads = [
            threading.Thread(target=thread_main),
            threading.Thread(target=lambda: asyncio.run(asyncio_main())),
            threading.Thread(target=lambda: trio.run(trio_main)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(most) == 5 * rounds
        assert set(most) == {1}
        assert idle(policy)

    def test_a_thread_wakes_a_trio_task(self, policies: type[Policy]):
        policy = policies("p", Bulkhead(1, queue=1))
        entered, go = threading.Event(), threading.Event()

        def holding() -> None:
            entered.set()
            go.wait()

        async def quick() -> str:
            return "in"

        async def main() -> str:
            async def release() -> None:
                await trio.testing.wait_all_tasks_blocked()
                go.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(release)
                return await policy.acall(quick)

        thread = threading.Thread(target=policy.call, args=(holding,))
        thread.start()
        entered.wait()
        assert trio.run(main) == "in"
        thread.join()
        assert idle(policy)

    def test_a_place_for_a_run_that_is_over_goes_to_the_next(self, policies: type[Policy]):
        """A ticket of a run that has gone rings in vain; the place is not lost (see `Places.hand_over`)."""
        policy = policies("p", Bulkhead(1, queue=2))
        gate: Any = policy.layers[0]

        async def main() -> Any:
            from backstay.drivers.trio_ import Bell

            return Bell()

        bell = trio.run(main)
        permit = gate.admit(0)
        gate.admit(0, bell.ring)
        gate.settle(permit, 0, 0)
        assert idle(policy)


class TestRouting:
    """One function, called from asyncio and from trio in turn."""

    EVERYTHING = (
        Bulkhead(2, queue=1),
        CircuitBreaker(),
        Timeout(60),
        Retry(attempts=2, base=1, backoff="constant", idempotent=True),
        Timeout(5),
    )

    def guarded(self, policies: type[Policy], *strategies: Any) -> tuple[Any, list[str]]:
        log: list[str] = []
        policy = policies("p", *strategies, seed=1)

        @policy
        async def where(first: int, /, second: int = 2, *, third: int = 3) -> tuple[int, int, int]:
            log.append("trio" if in_trio() else "asyncio")
            await (trio.lowlevel.checkpoint() if in_trio() else asyncio.sleep(0))
            return first, second, third

        return where, log

    @pytest.mark.parametrize("order", ["at", "ta", "aatt", "tata"])
    def test_by_the_library_that_runs(self, policies: type[Policy], order: str):
        where, log = self.guarded(policies, *self.EVERYTHING)

        async def main() -> Any:
            return await where(1, third=5)

        for library in order:
            assert (asyncio.run(main()) if library == "a" else trio.run(main)) == (1, 2, 5)
        assert log == [{"a": "asyncio", "t": "trio"}[library] for library in order]
        assert idle(where.policy) or where.policy.layers[1].closed.counts(0) == (len(order), 0, 0)

    @pytest.mark.parametrize(
        "strategies",
        [EVERYTHING, (Timeout(5),), (Retry(), Timeout(5)), (Fallback("hidden", on=KeyError), Timeout(5)), ()],
        ids=lambda strategies: "-".join(type(strategy).__name__ for strategy in strategies),
    )
    @pytest.mark.parametrize("version", [(3, 11), (3, 12)])
    def test_of_a_frame_that_was_compiled_for_asyncio(
        self, monkeypatch: pytest.MonkeyPatch, strategies: Any, version: tuple[int, int]
    ):
        """Nothing of the attempt to find a loop is left: neither in the gates nor in a traceback."""
        monkeypatch.setattr(emit_timeout, "sys", SimpleNamespace(version_info=version))
        where, log = self.guarded(EarlyCompiledPolicy, *strategies)

        async def main() -> Any:
            return await where(1)

        assert trio.run(main) == asyncio.run(main()) == trio.run(main) == (1, 2, 3)
        assert log == ["trio", "asyncio", "trio"]

        @where.policy
        async def failing() -> None:
            assert in_trio()
            raise KeyError

        if not any(isinstance(strategy, Fallback) for strategy in strategies):
            with pytest.raises(KeyError) as caught:
                trio.run(failing)
            assert caught.value.__context__ is None

    def test_wrong_arguments_are_nobodys_failure(self):
        where, log = self.guarded(Policy, CircuitBreaker.consecutive(1))

        async def main() -> None:
            with pytest.raises(TypeError, match="where"):
                await where(first=1)

        trio.run(main)
        assert (log, idle(where.policy)) == ([], True)

    def test_acall_of_a_function_that_is_not_async_is_refused(self, world: TrioWorld):
        policy = world.policy(Fallback("hidden"), CircuitBreaker.consecutive(1), Retry(), Timeout(3))

        async def main() -> None:
            with pytest.raises(ConfigurationError, match="not async"):
                await policy.acall(str)  # type: ignore[arg-type]

        world.trio_run(main)
        assert idle(policy)

    def test_a_substitute_may_be_awaited(self, world: TrioWorld):
        async def substitute(failure: object) -> str:
            await trio.sleep(1)
            return "else"

        policy = world.policy(Fallback(substitute))
        assert world.call(policy, Script((0, KeyError()))) == "else"

    def test_asyncio_is_not_imported_for_trio_nor_trio_for_asyncio(self):
        code = (
            "import sys, {library}, backstay\n"
            "policy = backstay.Policy('p', backstay.Retry(), backstay.Bulkhead(1, queue=1), backstay.Timeout(5))\n"
            "@policy\n"
            "async def f(): return 1\n"
            "async def main(): return await f() + await policy.acall(f.__wrapped__)\n"
            "assert {library}.run({main}) == 2\n"
            "assert {other!r} not in sys.modules\n"
        )
        path = [str(Path(place).resolve()) for place in sys.path]
        for library, main, other in (("trio", "main", "backstay.drivers.aio"), ("asyncio", "main()", "trio")):
            program = f"import sys; sys.path[:] = {path!r}\n" + code.format(library=library, main=main, other=other)
            subprocess.run([sys.executable, "-c", program], check=True)


class TestGuestMode:
    def test_tasks_of_both_libraries_in_one_thread(self, policies: type[Policy]):
        """trio as a guest of asyncio: each task is served by the library that runs it."""
        policy = policies("p", Bulkhead(1, queue=2), Timeout(30))
        seen: list[str] = []

        async def body() -> None:
            seen.append("trio" if in_trio() else "asyncio")
            await (trio.lowlevel.checkpoint() if in_trio() else asyncio.sleep(0))

        async def trio_main() -> None:
            for _ in range(3):
                await policy.acall(body)

        async def main() -> None:
            loop = asyncio.get_running_loop()
            over: asyncio.Future[Any] = loop.create_future()
            trio.lowlevel.start_guest_run(
                trio_main, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=over.set_result
            )
            for _ in range(3):
                await policy.acall(body)
            (await over).unwrap()

        with asyncio.Runner() as runner:
            runner.run(main())
        assert sorted(seen) == ["asyncio"] * 3 + ["trio"] * 3
        assert idle(policy)


def test_what_a_policy_tried_is_noted(world: TrioWorld):
    policy = world.policy(Retry(attempts=3, base=0, idempotent=True))
    with pytest.raises(ConnectionRefusedError) as caught:
        world.call(policy, Script((0, ConnectionRefusedError())))
    [note] = caught.value.__notes__
    assert "made 3 attempts" in note


def test_asyncio_pays_nothing(monkeypatch: pytest.MonkeyPatch):
    """A frame for asyncio asks which library runs only when it finds no task."""
    asked: list[bool] = []

    def asking() -> bool:
        asked.append(True)
        return False

    monkeypatch.setattr("backstay.frames.elsewhere.in_trio", asking)
    policy = EarlyCompiledPolicy("p", Timeout(5), Retry(), Bulkhead(1, queue=1))

    async def body() -> None: ...

    async def main() -> None:
        for _ in range(5):
            await policy.acall(body)

    asyncio.run(main())
    assert len(asked) == 1  # the first time in this loop
