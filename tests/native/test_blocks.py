"""Attempt blocks (rules AB1 to AB8 in `backstay.blocks`) in a thread, under asyncio and under trio."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import trio

from backstay import (
    Budget,
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    DeadlineExceeded,
    Fallback,
    Policy,
    Retry,
    TimedOut,
    Timeout,
    remaining,
)
from tests.support.trio_world import TrioWorld
from tests.support.worlds import FLAVOURS, LoopWorld, SyncWorld

SECOND = 1_000_000_000
WORLDS: dict[str, Callable[[type[Policy]], Any]] = {"sync": SyncWorld, "asyncio": LoopWorld, "trio": TrioWorld}


class Slotted(Exception):
    """Has no room for notes of its own."""

    __slots__ = ()

    def add_note(self, note: str) -> None:
        raise TypeError("no notes")


@pytest.fixture(params=[f"{name}-{flavour}" for name in WORLDS for flavour in FLAVOURS])
def world(request: pytest.FixtureRequest) -> Iterator[Any]:
    name, flavour = request.param.split("-")
    world = WORLDS[name](FLAVOURS[flavour])
    yield world
    world.close()


@pytest.fixture(params=[f"{name}-{flavour}" for name in ("asyncio", "trio") for flavour in FLAVOURS])
def async_world(request: pytest.FixtureRequest) -> Iterator[Any]:
    name, flavour = request.param.split("-")
    world = WORLDS[name](FLAVOURS[flavour])
    yield world
    world.close()


def idle(policy: Policy) -> bool:
    layers: tuple[Any, ...] = policy.layers
    return remaining() is None and all(
        (layer.free, layer.waiting) == (layer.options.limit, 0)
        if layer.options.KIND == "bulkhead"
        else layer.options.KIND != "circuit_breaker" or (layer.state == "closed" and counts(policy) == (0, 0, 0))
        for layer in layers
    )


def counts(policy: Policy) -> Any:
    """(calls, failed, slow) in the window of the policy's breaker."""
    [breaker] = [layer for layer in policy.layers if layer.options.KIND == "circuit_breaker"]
    state: Any = breaker
    return state.closed.counts(0)


def blocks(world: Any, policy: Policy, body: Callable[[Any], Any], *, after: Callable[[Any], Any] | None = None) -> Any:
    """``for attempt in policy.attempts(): with attempt: body(attempt)``, in the world's way."""

    def sync() -> int:
        turns = 0
        for attempt in policy.attempts():
            turns += 1
            with attempt:
                body(attempt)
            if after is not None:
                after(attempt)
        return turns

    async def asynchronous() -> int:
        turns = 0
        async for attempt in policy.attempts():
            turns += 1
            with attempt:
                body(attempt)
            if after is not None:
                after(attempt)
        return turns

    return world.run(asynchronous if world.asynchronous else sync)


def failing(world: Any, *outcomes: Any) -> tuple[Callable[[Any], None], list[tuple[int, int]]]:
    """A body that raises what `outcomes` have for each attempt; and what it saw: (number, now)."""
    seen: list[tuple[int, int]] = []

    def body(attempt: Any) -> None:
        seen.append((attempt.number, world.now))
        outcome = outcomes[min(len(seen), len(outcomes)) - 1]
        if isinstance(outcome, BaseException):
            raise outcome

    return body, seen


class TestTurns:
    def test_one_attempt_that_succeeds(self, world: Any):
        policy = world.policy(Retry(), CircuitBreaker(), Bulkhead(1))
        body, seen = failing(world, None)
        assert blocks(world, policy, body) == 1
        assert seen == [(1, 0)]
        assert counts(policy) == (1, 0, 0)

    def test_errors_are_swallowed_as_long_as_an_attempt_follows(self, world: Any):
        policy = world.policy(Retry(attempts=3, backoff="constant", base=2, idempotent=True), CircuitBreaker())
        body, seen = failing(world, ConnectionRefusedError(), ConnectionRefusedError(), None)
        assert blocks(world, policy, body) == 3
        assert seen == [(1, 0), (2, 2 * SECOND), (3, 4 * SECOND)]
        assert counts(policy) == (3, 2, 0)

    @pytest.mark.parametrize("error", [KeyError("own"), Slotted("own"), ConnectionRefusedError("own")], ids=repr)
    def test_the_last_error_comes_out_unchanged(self, world: Any, error: Exception):
        policy = world.policy(Retry(on=ConnectionRefusedError, attempts=2, base=0), Bulkhead(1))
        body, seen = failing(world, ConnectionRefusedError("first"), error)
        with pytest.raises(type(error), match="own") as caught:
            blocks(world, policy, body)
        assert caught.value is error
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None
        assert len(seen) == 2
        assert idle(policy)

    def test_what_was_tried_is_noted(self, world: Any):
        body, _ = failing(world, ConnectionRefusedError())
        with pytest.raises(ConnectionRefusedError) as caught:
            blocks(world, world.policy(Retry(attempts=2, base=0, idempotent=True)), body)
        assert "made 2 attempts" in caught.value.__notes__[0]

    def test_each_loop_is_a_call_of_its_own(self, sync_world: SyncWorld):
        policy = sync_world.policy(Bulkhead(1))
        attempts = policy.attempts()
        for number in range(3):
            turns = 0
            for attempt in attempts:
                with attempt:
                    turns += 1
                    assert attempt.number == 1
            assert turns == 1, number
        assert idle(policy)

    def test_a_loop_that_is_over_stays_over(self, sync_world: SyncWorld):
        loop = iter(sync_world.policy().attempts())
        with next(loop):
            pass
        for _ in range(2):
            with pytest.raises(StopIteration):
                next(loop)

    def test_gates_are_held_in_the_block_only(self, world: Any):
        policy = world.policy(Retry(attempts=2, base=1, idempotent=True), Bulkhead(1))
        gate: Any = policy.layers[1]
        inside: list[int] = []

        def body(attempt: Any) -> None:
            inside.append(gate.free)
            if attempt.number == 1:
                raise ConnectionRefusedError

        assert blocks(world, policy, body, after=lambda attempt: inside.append(gate.free)) == 2
        assert inside == [0, 1, 0, 1]

    def test_a_refusal_comes_out_of_the_loop(self, world: Any):
        policy = world.policy(Retry(attempts=3, base=0, idempotent=True), CircuitBreaker.consecutive(1))
        policy.layers[1].force_open(0)
        body, seen = failing(world, None)
        with pytest.raises(CircuitOpen) as caught:
            blocks(world, policy, body)
        assert seen == []
        assert caught.value.__context__ is None

    def test_a_refusal_after_a_swallowed_error_has_it_as_context(self, world: Any):
        """The breaker opens on the first failure; the Retry outside it is refused, as in a call."""
        policy = world.policy(
            Retry(attempts=3, backoff="constant", base=1, idempotent=True), CircuitBreaker.consecutive(1)
        )
        error = ConnectionRefusedError("first")
        body, seen = failing(world, error)
        with pytest.raises(CircuitOpen) as caught:
            blocks(world, policy, body)
        assert seen == [(1, 0)]
        assert caught.value.__context__ is error

    def test_a_budget_bounds_it(self, world: Any):
        policy = world.policy(Retry(attempts=9, base=0, idempotent=True, budget=Budget(0, burst=1)))
        body, seen = failing(world, ConnectionRefusedError())
        with pytest.raises(ConnectionRefusedError):
            blocks(world, policy, body)
        assert len(seen) == 2

    def test_the_callers_deadline_refuses_it(self, sync_world: SyncWorld):
        inner = sync_world.policy(Timeout(9), name="inner")

        def outer() -> None:
            sync_world.pass_time(2)
            with pytest.raises(DeadlineExceeded):
                next(iter(inner.attempts()))

        sync_world.policy(Timeout(1)).call(outer)


class TestResults:
    def test_are_submitted(self, world: Any):
        policy = world.policy(
            Retry(attempts=2, base=0, results=lambda value: value == "bad"),
            CircuitBreaker(results=lambda value: value == "bad"),
        )
        given = iter(["bad", "good"])
        assert blocks(world, policy, lambda attempt: attempt.result(next(given))) == 2
        assert counts(policy) == (2, 1, 0)

    def test_a_block_that_submits_none_has_the_result_none(self, world: Any):
        policy = world.policy(Retry(attempts=3, base=0, results=lambda value: value is None))
        assert blocks(world, policy, lambda attempt: None) == 3

    def test_of_an_earlier_attempt_is_forgotten(self, world: Any):
        seen: list[Any] = []

        def first_only(value: object) -> bool:
            seen.append(value)
            return len(seen) < 2

        policy = world.policy(Retry(attempts=3, base=0, results=first_only))
        assert blocks(world, policy, lambda attempt: attempt.number == 1 and attempt.result("first")) == 2
        assert seen == ["first", None]

    def test_a_predicate_that_raises_ends_the_call(self, world: Any):
        def broken(value: object) -> bool:
            raise ZeroDivisionError

        policy = world.policy(Bulkhead(1), Retry(results=broken), CircuitBreaker.consecutive(1))
        with pytest.raises(ZeroDivisionError):
            blocks(world, policy, lambda attempt: None)
        assert counts(policy) == (1, 0, 0)

    def test_only_inside_the_block(self, sync_world: SyncWorld):
        for attempt in sync_world.policy().attempts():
            with pytest.raises(ConfigurationError, match="inside"):
                attempt.result(1)
            with attempt:
                pass
            with pytest.raises(ConfigurationError, match="inside"):
                attempt.result(1)


class TestLeaving:
    """Who leaves the loop in another way goes without a verdict (AB4)."""

    EVERYTHING = (Bulkhead(1), Retry(attempts=3, base=1, idempotent=True), CircuitBreaker.consecutive(1), Bulkhead(1))

    def test_before_the_block(self, sync_world: SyncWorld):
        policy = sync_world.policy(*self.EVERYTHING)
        for attempt in policy.attempts():  # noqa: B007
            assert policy.layers[3].free == 0  # type: ignore[attr-defined]
            break
        assert attempt.number == 1  # it is still at hand, and holds nothing
        assert idle(policy)
        with pytest.raises(ConfigurationError, match="AB5"):
            attempt.__enter__()

    def test_before_the_block_in_a_task(self, async_world: Any):
        policy = async_world.policy(*self.EVERYTHING)

        async def main() -> None:
            async for attempt in policy.attempts():
                assert attempt.number == 1
                break
            assert idle(policy)

        async_world.run(main)

    def test_by_return_in_the_block_is_success(self, world: Any):
        policy = world.policy(*self.EVERYTHING)

        def sync() -> str:
            for attempt in policy.attempts():
                with attempt:
                    return "value"
            raise AssertionError

        async def asynchronous() -> str:
            async for attempt in policy.attempts():
                async with attempt:
                    return "value"
            raise AssertionError

        assert world.run(asynchronous if world.asynchronous else sync) == "value"
        assert counts(policy) == (1, 0, 0)

    def test_between_attempts(self, world: Any):
        policy = world.policy(Bulkhead(1), Retry(attempts=3, base=1, idempotent=True), Bulkhead(1))
        body, seen = failing(world, ConnectionRefusedError())

        class Enough(Exception):
            pass

        def leave(attempt: Any) -> None:
            raise Enough

        with pytest.raises(Enough) as caught:
            blocks(world, policy, body, after=leave)
        assert len(seen) == 1
        assert caught.value.__context__ is None
        caught.value.__traceback__ = None
        assert idle(policy)

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_by_an_interrupt_in_the_block(self, sync_world: SyncWorld, error: type[BaseException]):
        policy = sync_world.policy(*self.EVERYTHING)
        body, seen = failing(sync_world, error())
        with pytest.raises(error):
            blocks(sync_world, policy, body)
        assert len(seen) == 1
        assert idle(policy)

    def test_by_an_interrupt_in_a_pause(self, sync_world: SyncWorld):
        policy = sync_world.policy(Bulkhead(1), Retry(attempts=3, base=1, idempotent=True))
        body, _ = failing(sync_world, ConnectionRefusedError())

        def interrupted(ns: int) -> None:
            raise KeyboardInterrupt

        sync_world.ports.pause = interrupted
        with pytest.raises(KeyboardInterrupt):
            blocks(sync_world, policy, body)
        assert idle(policy)

    def test_a_loop_that_is_thrown_away(self, sync_world: SyncWorld):
        policy = sync_world.policy(*self.EVERYTHING)
        loop: Any = iter(policy.attempts())
        attempt = next(loop)
        assert not idle(policy)
        del loop
        assert idle(policy)
        assert repr(attempt) == "<attempt 1 of policy 'p'>"

    def test_a_loop_in_a_cycle_is_collected(self, sync_world: SyncWorld):
        policy = sync_world.policy(*self.EVERYTHING)
        cycle: list[Any] = [iter(policy.attempts())]
        cycle.append(cycle)
        next(cycle[0])
        gc.collect()
        assert not idle(policy)
        del cycle
        gc.collect()
        assert idle(policy)

    def test_a_loop_that_is_thrown_away_around_an_open_block(self, sync_world: SyncWorld):
        """The block comes to its end, and counts; but no attempt follows, so nothing is swallowed."""
        policy = sync_world.policy(*self.EVERYTHING)
        loop: Any = iter(policy.attempts())
        attempt = next(loop)

        def block() -> None:
            nonlocal loop
            with attempt:
                del loop
                assert not idle(policy)
                raise ConnectionRefusedError

        with pytest.raises(ConnectionRefusedError):
            block()
        assert policy.layers[2].state == "open"  # type: ignore[attr-defined]
        assert [policy.layers[x].free for x in (0, 3)] == [1, 1]  # type: ignore[attr-defined]

    def test_an_iterator_of_which_nobody_keeps_hold(self, sync_world: SyncWorld):
        policy = sync_world.policy(*self.EVERYTHING)
        attempt = next(iter(policy.attempts()))
        with pytest.raises(ConfigurationError, match="AB5"), attempt:
            pass
        assert idle(policy)

    def test_errors_are_not_kept_alive(self, world: Any):
        policy = world.policy(Retry(attempts=2, base=0, idempotent=True), CircuitBreaker(), Bulkhead(1))
        seen: list[weakref.ref[BaseException]] = []

        class Mine(ConnectionRefusedError):
            pass

        def body(attempt: Any) -> None:
            error = Mine()
            seen.append(weakref.ref(error))
            try:
                raise error
            finally:
                del error

        def sync() -> None:
            try:
                for attempt in policy.attempts():
                    with attempt:
                        body(attempt)
            except Mine:
                pass

        async def asynchronous() -> None:
            try:
                async for attempt in policy.attempts():
                    with attempt:
                        body(attempt)
            except Mine:
                pass

        gc.collect()
        gc.disable()
        try:
            world.run(asynchronous if world.asynchronous else sync)
            assert [reference() for reference in seen] == [None, None]
        finally:
            gc.enable()


class TestMisuse:
    @pytest.mark.parametrize("strategies", [(Fallback(1),), (Retry(), Fallback(1), Bulkhead(1))])
    def test_a_policy_with_a_substitute_is_refused(self, strategies: Any):
        with pytest.raises(ConfigurationError, match="fallback"):
            Policy("p", *strategies).attempts()

    def test_a_policy_that_has_got_a_substitute_meanwhile_is_refused(self, sync_world: SyncWorld):
        policy = sync_world.policy(Retry())
        attempts = policy.attempts()
        other = Policy("p", Fallback(1))
        policy._become(other.strategies, other.layers)
        with pytest.raises(ConfigurationError, match="AB8"):
            next(iter(attempts))

    def test_a_turn_that_does_not_enter_its_attempt(self, world: Any):
        policy = world.policy(Retry(), CircuitBreaker.consecutive(1), Bulkhead(1))

        def sync() -> None:
            for _ in policy.attempts():
                pass

        async def asynchronous() -> None:
            async for _ in policy.attempts():
                pass

        with pytest.raises(ConfigurationError, match="with attempt"):
            world.run(asynchronous if world.asynchronous else sync)
        assert idle(policy)

    def test_a_turn_that_does_not_leave_its_attempt(self, sync_world: SyncWorld):
        policy = sync_world.policy(Bulkhead(1), Timeout(5))

        def loop() -> None:
            for attempt in policy.attempts():
                attempt.__enter__()

        with pytest.raises(ConfigurationError, match="with attempt"):
            loop()
        assert policy.layers[0].free == 1  # type: ignore[attr-defined]

    def test_an_attempt_is_entered_once(self, sync_world: SyncWorld):
        policy = sync_world.policy(Bulkhead(1))
        for attempt in policy.attempts():
            with attempt, pytest.raises(ConfigurationError, match="once"):
                attempt.__enter__()
            with pytest.raises(ConfigurationError, match="once"):
                attempt.__enter__()
        assert idle(policy)

    def test_an_attempt_of_an_earlier_turn(self, sync_world: SyncWorld):
        policy = sync_world.policy(Retry(attempts=2, base=0, idempotent=True))
        before: Any = None
        for attempt in policy.attempts():
            if before is not None:
                with pytest.raises(ConfigurationError, match="once"):
                    before.__enter__()
            before = attempt
            with attempt:
                if attempt.number == 1:
                    raise ConnectionRefusedError


class TestInAThread:
    def test_nothing_is_interrupted(self, sync_world: SyncWorld):
        """A late success is one, and slow for a breaker outside (TO4)."""
        policy = sync_world.policy(CircuitBreaker(), Timeout(1))
        assert blocks(sync_world, policy, lambda attempt: sync_world.pass_time(5)) == 1
        assert counts(policy) == (1, 0, 1)

    def test_no_attempt_begins_late(self, sync_world: SyncWorld):
        policy = sync_world.policy(Timeout(3), Retry(attempts=9, base=0, idempotent=True))

        def body(attempt: Any) -> None:
            sync_world.pass_time(2)
            raise ConnectionRefusedError

        with pytest.raises(ConnectionRefusedError) as caught:
            blocks(sync_world, policy, body)
        assert "made 2 attempts" in caught.value.__notes__[0]

    def test_the_deadline_applies_inside(self, sync_world: SyncWorld, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("backstay.ambient.clock", lambda: sync_world.now)
        seen: list[Any] = []
        policy = sync_world.policy(Timeout(5), Retry(attempts=2, backoff="constant", base=1, idempotent=True))

        def body(attempt: Any) -> None:
            seen.append(remaining())
            if attempt.number == 1:
                raise ConnectionRefusedError

        blocks(sync_world, policy, body, after=lambda attempt: seen.append(remaining()))
        assert seen == [5, None, 4, None]

    def test_on_a_running_loop_it_never_queues(self, loop_world: LoopWorld):
        policy = loop_world.policy(Bulkhead(1, queue=5))

        async def main() -> None:
            async def holding() -> None:
                with pytest.raises(BulkheadFull):
                    next(iter(policy.attempts()))

            await policy.acall(holding)

        loop_world.run(main)
        assert idle(policy)


class TestInATask:
    def test_a_timeout_cancels_the_block(self, async_world: Any):
        world = async_world
        policy = world.policy(Retry(attempts=2, backoff="constant", base=1, idempotent=True), Bulkhead(1), Timeout(2))
        began: list[int] = []

        async def main() -> None:
            async for attempt in policy.attempts():
                with attempt:
                    began.append(world.now)
                    await world.sleep(10)

        with pytest.raises(TimedOut) as caught:
            world.run(main)
        assert began == [0, 3 * SECOND]
        assert world.now == 5 * SECOND
        assert isinstance(caught.value.__context__, (asyncio.CancelledError, trio.Cancelled))
        assert idle(policy)

    def test_an_outer_block_bounds_an_inner_one(self, async_world: Any):
        """The inner one waits for the place that the outer one has, until the outer one's time is over."""
        policy = async_world.policy(Timeout(3), Bulkhead(1, queue=1))

        async def main() -> None:
            async for attempt in policy.attempts():
                async with attempt:
                    async for _ in policy.attempts():
                        raise AssertionError

        with pytest.raises(TimedOut):
            async_world.run(main)
        assert async_world.now == 3 * SECOND
        assert idle(policy)

    def test_a_timeout_in_the_queue_comes_out_of_the_loop(self, async_world: Any):
        world = async_world
        policy = world.policy(Timeout(3), Bulkhead(1, queue=1))
        gate: Any = policy.layers[1]
        permit = gate.admit(0)

        async def main() -> None:
            async for _ in policy.attempts():
                raise AssertionError

        with pytest.raises(TimedOut):
            world.run(main)
        gate.settle(permit, 0, 0)
        assert world.now == 3 * SECOND
        assert idle(policy)

    def test_a_block_that_is_over_in_time_is_left_alone(self, async_world: Any):
        world = async_world

        async def main() -> None:
            async for attempt in world.policy(Timeout(2)).attempts():
                with attempt:
                    await world.sleep(1)
            await world.sleep(9)

        world.run(main)

    def test_a_block_that_swallows_the_cancellation_has_succeeded(self, async_world: Any):
        world = async_world

        async def main() -> int:
            turns = 0
            async for attempt in world.policy(Retry(idempotent=True), Timeout(2)).attempts():
                turns += 1
                with attempt:
                    try:
                        await world.sleep(10)
                    except BaseException:
                        pass
            await world.sleep(1)
            return turns

        assert world.run(main) == 1

    def test_cancelled_at_every_await_under_asyncio(self, policies: type[Policy]):
        points, over = 0, False
        while not over:
            points += 1
            assert points < 50
            world = LoopWorld(policies)
            policy = contended(world)

            async def main(world: LoopWorld = world, policy: Policy = policy, points: int = points) -> bool:
                async with asyncio.TaskGroup() as group:
                    group.create_task(policy.acall(world.function(lambda: None)))
                    group.create_task(hold(world, policy))
                    await asyncio.sleep(0)
                    task = group.create_task(use(world, policy))
                    for _ in range(points):
                        await asyncio.sleep(0.25)
                    return not task.cancel()

            over = world.run(main)
            world.close()
            assert idle_gates(policy)
        assert points > 6

    def test_cancelled_at_every_moment_under_trio(self, policies: type[Policy]):
        points, over = 0, False
        while not over:
            points += 1
            assert points < 50
            world = TrioWorld(policies)
            policy = contended(world)

            async def main(world: TrioWorld = world, policy: Policy = policy, points: int = points) -> bool:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(hold, world, policy)
                    await trio.testing.wait_all_tasks_blocked()
                    with trio.move_on_after(points * 0.25) as scope:
                        await use(world, policy)
                    return not scope.cancelled_caught

            over = world.run(main)
            assert idle_gates(policy)
        assert points > 6


def contended(world: Any) -> Policy:
    policy: Policy = world.policy(
        Timeout(60),
        Retry(attempts=2, backoff="constant", base=1, idempotent=True),
        Bulkhead(1, queue=1),
        Timeout(5),
    )
    return policy


def idle_gates(policy: Policy) -> bool:
    gate: Any = policy.layers[2]
    return (gate.free, gate.waiting) == (1, 0)


async def hold(world: Any, policy: Policy) -> None:
    """Has the only place for a second."""
    async for attempt in policy.attempts():
        with attempt:
            await world.sleep(1)


async def use(world: Any, policy: Policy) -> None:
    """Waits for the place, fails, pauses, succeeds."""
    async for attempt in policy.attempts():
        async with attempt as same:
            assert same is attempt
            await world.sleep(0.5)
            if attempt.number == 1:
                raise ConnectionRefusedError


def test_asyncio_outer_cancellation_is_no_timeout(loop_world: LoopWorld):
    """The count of cancellations is what it was (see test_cancellation)."""
    policy = loop_world.policy(Timeout(5), Bulkhead(1))

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(2):
                async for attempt in policy.attempts():
                    with attempt:
                        await asyncio.sleep(10)
        finally:
            assert task.cancelling() == 0

    with pytest.raises(TimeoutError) as caught:
        loop_world.run(main)
    assert not isinstance(caught.value, TimedOut)
    assert idle(policy)


def test_errors_of_a_group_that_remain_after_the_cancellation():
    """trio takes its cancellations out of a group; what is left is the block's error."""
    world = TrioWorld()
    policy = world.policy(Bulkhead(1), Timeout(2))

    async def late() -> None:
        try:
            await trio.sleep(10)
        finally:
            raise KeyError("own")

    async def main() -> None:
        async for attempt in policy.attempts():
            with attempt:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(late)
                    nursery.start_soon(trio.sleep, 10)

    with pytest.raises(ExceptionGroup) as caught:
        world.run(main)
    assert [type(error) for error in caught.value.exceptions] == [KeyError]
    assert idle(policy)


def test_a_loop_closes_under_a_waiting_block(loop_world: LoopWorld):
    """Its place in the queue is given up with the task."""
    policy = loop_world.policy(Bulkhead(1, queue=1))
    gate: Any = policy.layers[0]
    permit = gate.admit(0)

    async def main() -> AbstractContextManager[Any]:
        loop = aiter(policy.attempts())
        return await anext(loop)

    coroutine = main()

    async def starting() -> None:
        task = asyncio.ensure_future(coroutine)
        await asyncio.sleep(0)
        task.cancel()

    loop_world.run(starting)
    gate.settle(permit, 0, 0)
    assert idle(policy)
