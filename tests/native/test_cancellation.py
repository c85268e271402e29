"""What a Timeout does to a task, and what it leaves alone: cancellation from outside, nesting, and functions that
swallow or convert what is thrown into them.

After every call `task.cancelling()` is what it was before: whoever counts cancellations around us (`asyncio.timeout`,
`TaskGroup`) would otherwise take ours for his.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from backstay import Bulkhead, CircuitBreaker, Fallback, Policy, Retry, TimedOut, Timeout
from tests.support.virtual import Stuck
from tests.support.worlds import LoopWorld

SECOND = 1_000_000_000


@pytest.fixture
def world(loop_world: LoopWorld) -> LoopWorld:
    return loop_world


def idle(policy: Policy) -> bool:
    """Every Bulkhead has all its places, and no breaker has counted anything."""
    layers: tuple[Any, ...] = policy.layers
    return all(
        layer.free == layer.options.limit
        if layer.options.KIND == "bulkhead"
        else layer.options.KIND != "circuit_breaker" or layer.closed.counts(0)[0] == 0
        for layer in layers
    )


def balanced(main: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """`main`, which must leave the task's count of cancellations as it was."""

    async def counting() -> Any:
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        try:
            return await main()
        finally:
            assert task.cancelling() == before

    return counting


async def sleeper(seconds: float = 10, value: str = "late") -> str:
    await asyncio.sleep(seconds)
    return value


class TestTimeout:
    def test_cancels_the_function_at_its_await(self, world: LoopWorld):
        seen: list[Any] = []

        async def watching() -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                seen.append(world.now)
                raise

        @balanced
        async def main() -> None:
            with pytest.raises(TimedOut):
                await world.policy(Timeout(2)).acall(watching)

        world.run(main)
        assert seen == [2 * SECOND]

    def test_does_not_touch_a_call_that_is_over_in_time(self, world: LoopWorld):
        @balanced
        async def main() -> None:
            assert await world.policy(Timeout(2)).acall(sleeper, 1.9) == "late"
            await asyncio.sleep(9)

        world.run(main)

    def test_each_attempt_has_its_own(self, world: LoopWorld):
        began: list[int] = []

        async def attempt() -> None:
            began.append(world.now)
            await asyncio.sleep(5)

        @balanced
        async def main() -> None:
            policy = world.policy(Retry(attempts=3, base=1, backoff="constant", idempotent=True), Timeout(2))
            with pytest.raises(TimedOut):
                await policy.acall(attempt)

        world.run(main)
        assert began == [0, 3 * SECOND, 6 * SECOND]

    def test_cleaning_up_may_take_time(self, world: LoopWorld):
        async def tidy() -> None:
            try:
                await asyncio.sleep(10)
            finally:
                await asyncio.sleep(3)

        @balanced
        async def main() -> None:
            with pytest.raises(TimedOut):
                await world.policy(Bulkhead(1), Timeout(2)).acall(tidy)
            assert world.now == 5 * SECOND

        world.run(main)

    def test_a_function_that_swallows_the_cancellation_has_returned(self, world: LoopWorld):
        """An outcome that is delivered counts (TO4)."""

        async def stubborn() -> str:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                return "kept"
            return "late"

        @balanced
        async def main() -> None:
            assert await world.policy(Timeout(2)).acall(stubborn) == "kept"
            await asyncio.sleep(1)  # nothing is left that would cancel this

        world.run(main)

    @pytest.mark.parametrize("error", [KeyError("own"), TimeoutError("own"), asyncio.CancelledError("own")], ids=repr)
    def test_a_function_that_converts_the_cancellation_has_failed(self, world: LoopWorld, error: BaseException):
        async def converting() -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise error from None

        @balanced
        async def main() -> None:
            expected = TimedOut if isinstance(error, asyncio.CancelledError) else type(error)
            with pytest.raises(expected) as caught:
                await world.policy(Timeout(2), Retry(attempts=1)).acall(converting)
            assert (caught.value is error) is (expected is not TimedOut)

        world.run(main)

    def test_nested_in_one_policy_the_inner_one_fires_first(self, world: LoopWorld):
        @balanced
        async def main() -> None:
            with pytest.raises(TimedOut) as caught:
                await world.policy(Timeout(3), Retry(attempts=1), Timeout(2)).acall(sleeper)
            assert caught.value.seconds == 2

        world.run(main)

    @pytest.mark.parametrize(("outer", "inner", "wins"), [(3, 2, "inner"), (2, 3, "outer"), (2, 2, "outer")])
    def test_nested_in_two_policies(self, world: LoopWorld, outer: float, inner: float, wins: str):
        policies = [world.policy(Timeout(outer), name="outer"), world.policy(Timeout(inner), name="inner")]

        @balanced
        async def main() -> None:
            with pytest.raises(TimedOut, match=wins):
                await policies[0](policies[1](sleeper))()
            assert world.now == 2 * SECOND

        world.run(main)

    def test_both_late_in_one_tick(self, world: LoopWorld):
        """The loop was busy while both ran out: the caller hears of the outer one (TO3), and neither is left."""
        inner = world.policy(Fallback("hidden", on=TimedOut), Timeout(2), name="inner")
        outer = world.policy(Timeout(3), name="outer")

        async def hog() -> None:
            await asyncio.sleep(1)
            world.loop.now += 9 * SECOND

        @balanced
        async def main() -> None:
            other = asyncio.ensure_future(hog())
            with pytest.raises(TimedOut, match="outer"):
                await outer(inner(sleeper))(20)
            await other

        world.run(main)


class TestFromOutside:
    EVERYTHING = (Fallback("hidden"), Retry(attempts=3, idempotent=True), CircuitBreaker.consecutive(1), Bulkhead(1))

    def cancelled(self, world: LoopWorld, policy: Policy, function: Any, *, at: float) -> asyncio.Task[Any]:
        """The task that awaits the call, after it was cancelled at that time."""

        async def main() -> asyncio.Task[Any]:
            task = asyncio.ensure_future(policy.acall(function))
            await asyncio.sleep(at)
            task.cancel("from outside")
            await asyncio.wait([task])
            return task

        task: asyncio.Task[Any] = world.run(main)
        return task

    @pytest.mark.parametrize("strategies", [EVERYTHING, (*EVERYTHING, Timeout(5)), (Timeout(5), *EVERYTHING)], ids=len)
    def test_passes_through(self, world: LoopWorld, strategies: tuple[Any, ...]):
        policy = world.policy(*strategies)
        task = self.cancelled(world, policy, sleeper, at=1)
        assert task.cancelled()
        assert task.cancelling() == 1
        assert world.now == SECOND
        assert idle(policy)

    def test_while_it_pauses(self, world: LoopWorld):
        began: list[int] = []

        async def failing() -> None:
            began.append(world.now)
            raise ConnectionRefusedError

        policy = world.policy(Bulkhead(1), Retry(attempts=3, base=4, backoff="constant"))
        assert self.cancelled(world, policy, failing, at=1).cancelled()
        assert began == [0]
        assert idle(policy)

    def test_while_it_makes_the_substitute(self, world: LoopWorld):
        async def slow(failure: object) -> None:
            await asyncio.sleep(5)

        async def failing() -> None:
            raise ConnectionRefusedError

        policy = world.policy(Bulkhead(1), Fallback(slow))
        assert self.cancelled(world, policy, failing, at=1).cancelled()
        assert idle(policy)

    @pytest.mark.parametrize("first", ["timeout", "cancel"])
    def test_in_the_instant_in_which_the_time_runs_out(self, world: LoopWorld, first: str):
        """The cancellation wins: the caller must not be told that his cancellation was a timeout."""
        policy = world.policy(Fallback("hidden"), Bulkhead(1), Timeout(2))

        async def main() -> None:
            tasks: list[asyncio.Task[Any]] = []
            if first == "cancel":
                world.loop.call_at(2, lambda: tasks[0].cancel())
            tasks.append(asyncio.ensure_future(policy.acall(sleeper)))
            await asyncio.sleep(0)
            if first == "timeout":
                world.loop.call_at(2, lambda: tasks[0].cancel())
            await asyncio.wait(tasks)
            task = tasks[0]
            assert task.cancelled()
            assert task.cancelling() == 1

        world.run(main)
        assert world.now == 2 * SECOND
        assert idle(policy)

    def test_that_the_function_swallows_is_over(self, world: LoopWorld):
        async def stubborn() -> str:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                return "kept"
            return "late"

        task = self.cancelled(world, world.policy(Bulkhead(1), Timeout(5)), stubborn, at=1)
        assert task.result() == "kept"
        assert task.cancelling() == 1

    def test_that_was_counted_before_the_call_began(self, world: LoopWorld):
        """A task that goes on after it was cancelled has one on its count for ever: a Timeout must not take it off."""
        policy = world.policy(Timeout(2))

        async def survivor() -> int:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                pass
            task = asyncio.current_task()
            assert task is not None
            with pytest.raises(TimedOut):
                await policy.acall(sleeper)
            assert await policy.acall(sleeper, 1) == "late"
            return task.cancelling()

        async def main() -> None:
            task = asyncio.ensure_future(survivor())
            await asyncio.sleep(0)
            task.cancel()
            assert await task == 1

        world.run(main)

    def test_by_the_function_itself(self, world: LoopWorld):
        """A future that somebody else has cancelled is no cancellation of ours; it passes as it is."""

        async def awaiting() -> None:
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        @balanced
        async def main() -> None:
            policy = world.policy(*self.EVERYTHING, Timeout(5))
            with pytest.raises(asyncio.CancelledError):
                await policy.acall(awaiting)
            assert idle(policy)

        world.run(main)


class TestAmongOthers:
    """Inside and around what the standard library offers."""

    @pytest.mark.parametrize(("theirs", "ours"), [(1, 2), (2, 1)])
    def test_inside_asyncio_timeout(self, world: LoopWorld, theirs: float, ours: float):
        policy = world.policy(Bulkhead(1), Timeout(ours))

        @balanced
        async def main() -> None:
            if theirs < ours:
                with pytest.raises(TimeoutError) as caught:
                    async with asyncio.timeout(theirs):
                        await policy.acall(sleeper)
                assert type(caught.value) is TimeoutError
            else:
                async with asyncio.timeout(theirs) as block:
                    with pytest.raises(TimedOut):
                        await policy.acall(sleeper)
                assert not block.expired()
            assert world.now == SECOND
            assert idle(policy)

        world.run(main)

    @pytest.mark.parametrize(("theirs", "ours"), [(1, 2), (2, 1)])
    def test_around_asyncio_timeout(self, world: LoopWorld, theirs: float, ours: float):
        async def bounded() -> None:
            async with asyncio.timeout(theirs):
                await sleeper()

        @balanced
        async def main() -> None:
            with pytest.raises(TimeoutError) as caught:
                await world.policy(Timeout(ours)).acall(bounded)
            assert isinstance(caught.value, TimedOut) is (ours < theirs)
            assert world.now == SECOND

        world.run(main)

    def test_both_in_the_same_instant(self, world: LoopWorld):
        @balanced
        async def main() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await world.policy(Timeout(1)).acall(sleeper)
            await asyncio.sleep(1)

        world.run(main)

    def test_a_sibling_that_fails_in_a_task_group_cancels_the_call(self, world: LoopWorld):
        policy = world.policy(*TestFromOutside.EVERYTHING, Timeout(5))

        async def failing() -> None:
            await asyncio.sleep(1)
            raise KeyError

        async def main() -> None:
            with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - a group has no simpler form
                async with asyncio.TaskGroup() as group:
                    group.create_task(policy.acall(sleeper))
                    group.create_task(failing())
            assert [type(error) for error in caught.value.exceptions] == [KeyError]
            assert world.now == SECOND
            assert idle(policy)

        world.run(main)

    def test_a_call_that_times_out_cancels_its_task_group(self, world: LoopWorld):
        ended: list[str] = []

        async def child() -> None:
            try:
                await sleeper()
            finally:
                ended.append("child")

        async def grouped() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
                group.create_task(child())

        @balanced
        async def main() -> None:
            with pytest.raises(TimedOut):
                await world.policy(Timeout(2)).acall(grouped)
            assert ended == ["child", "child"]

        world.run(main)

    def test_wait_for(self, world: LoopWorld):
        policy = world.policy(Bulkhead(1), Timeout(3))

        @balanced
        async def main() -> None:
            with pytest.raises(TimeoutError) as caught:
                await asyncio.wait_for(policy.acall(sleeper), 1)
            assert type(caught.value) is TimeoutError
            assert idle(policy)

        world.run(main)

    def test_shield(self, world: LoopWorld):
        policy = world.policy(Bulkhead(1), Timeout(3))

        @balanced
        async def main() -> None:
            task = asyncio.ensure_future(policy.acall(sleeper, 2))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), 1)
            assert not idle(policy)
            assert await task == "late"
            assert idle(policy)

        world.run(main)


def test_a_coroutine_closed_from_another_context_settles(world: LoopWorld):
    """As the garbage collector does with a task that its loop has lost."""
    policy = world.policy(Bulkhead(1), Timeout(5))
    kept: list[Any] = []

    async def main() -> None:
        coroutine = policy.acall(sleeper)
        contextvars.copy_context().run(coroutine.send, None)
        kept.append(coroutine)

    world.run(main)
    assert not idle(policy)
    kept[0].close()
    assert idle(policy)


def test_a_program_that_would_hang_is_noticed(world: LoopWorld):
    """The virtual loop tells a test that waits for ever from one that waits long."""
    policy = world.policy(Bulkhead(1, queue=1))
    policy.layers[0].admit(0)  # type: ignore[attr-defined]
    with pytest.raises(Stuck):
        world.run(lambda: policy.acall(sleeper))
