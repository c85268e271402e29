"""A substitute: a value, a function of the failure, an async function, and one that fails itself."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from backstay import (
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    Failure,
    Fallback,
    Inject,
    Retry,
    TimedOut,
    Timeout,
)
from tests.support.worlds import LoopWorld, Script, SyncWorld, World

DOWN = (0, ConnectionRefusedError("down"))


class Failed(Exception):
    pass


@pytest.mark.parametrize("value", [None, 0, "else", (), {"a": 1}], ids=repr)
def test_value(world: World, value: Any):
    assert world.call(world.policy(Fallback(value)), Script(DOWN)) is value
    assert world.call(world.policy(Fallback(value)), Script((0, "fine"))) == "fine"


class Later:
    """A value that could be awaited, and is meant to be handed on as it is."""

    def __await__(self) -> Any:
        raise AssertionError("nobody awaits a value")


def test_a_value_that_could_be_awaited_is_what_it_is(world: World):
    value = Later()
    assert world.call(world.policy(Fallback(value)), Script(DOWN)) is value
    assert world.call(world.policy(Inject("outcome", enabled=True, value=value)), Script(DOWN)) is value


def test_function_of_the_failure(world: World):
    policy = world.policy(Fallback(lambda failure: failure))
    failure = world.call(policy, Script(DOWN))
    assert (failure.kind, failure.cause) == ("connect", DOWN[1])


def test_function_for_a_result(world: World):
    policy = world.policy(Fallback(lambda failure: failure.kind, results=lambda value: value is None))
    assert world.call(policy, Script((0, None))) == "result"


def test_function_that_fails(world: World):
    """Its error is judged by what is outside the Fallback (FB4)."""

    def failing(failure: Failure) -> None:
        raise Failed

    script = Script(DOWN)
    policy = world.policy(
        Fallback("outer"), CircuitBreaker.consecutive(1), Retry(attempts=2, base=0, on=Failed), Fallback(failing)
    )
    assert world.call(policy, script) == "outer"
    assert script.calls == 2
    assert policy.layers[1].state == "open"  # type: ignore[attr-defined]
    with pytest.raises(Failed):
        world.call(world.policy(Fallback(failing)), Script(DOWN))


def test_async_function(loop_world: LoopWorld):
    world = loop_world
    seen: list[tuple[str, int]] = []

    async def last_known(failure: Failure) -> str:
        await asyncio.sleep(2)
        seen.append((failure.kind, world.now))
        return "stale"

    assert world.call(world.policy(Fallback(last_known)), Script((1, DOWN[1]))) == "stale"
    assert seen == [("connect", 3_000_000_000)]


def test_deadlines_outside_apply_to_it(loop_world: LoopWorld):
    """Making the substitute is an operation like an attempt (FB5)."""
    world = loop_world

    async def slow(failure: Failure) -> str:
        await asyncio.sleep(9)
        return "late"

    policy = world.policy(Bulkhead(1), Timeout(2), Fallback(slow))
    with pytest.raises(TimedOut):
        world.call(policy, Script((1, DOWN[1])))
    assert world.now == 2_000_000_000
    assert policy.layers[0].free == 1  # type: ignore[attr-defined]


def test_is_cancelled_again_where_the_function_outlived_its_cancellation(loop_world: LoopWorld):
    """The failure of a function that answers its cancellation with an error of its own came late: the substitute
    begins, and its first pause is over at once (FB5)."""
    world = loop_world
    seen: list[str] = []

    async def converting() -> None:
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            raise ConnectionResetError from None

    async def slow(failure: Failure) -> str:
        seen.append(failure.kind)
        await asyncio.sleep(9)
        return "late"

    async def at_once(failure: Failure) -> str:
        return "stale"

    async def call(substitute: Any) -> tuple[Any, int]:
        policy = world.policy(Timeout(2), Fallback(substitute))
        try:
            return await policy.acall(converting), 0
        except TimedOut as error:
            task = asyncio.current_task()
            assert task is not None
            return type(error), task.cancelling()

    assert world.runner.run(call(slow)) == (TimedOut, 0)
    assert (seen, world.now) == (["disconnect"], 2_000_000_000)
    assert world.runner.run(call(at_once)) == ("stale", 0)


def test_coroutine_in_a_sync_call_is_refused(sync_world: SyncWorld):
    world = sync_world
    made: list[Any] = []

    async def last_known() -> str:
        return "stale"

    def disguised(failure: Failure) -> Any:
        made.append(last_known())
        return made[-1]

    policy = world.policy(Fallback("hidden"), Bulkhead(1), Fallback(disguised))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="coroutine"):
            world.call(policy, Script(DOWN))
    assert [inspect.getcoroutinestate(coroutine) for coroutine in made] == ["CORO_CLOSED"] * 2
    assert policy.layers[1].free == 1  # type: ignore[attr-defined]


def test_it_answers_refusals_and_timeouts_of_its_own_policy(world: World):
    policy = world.policy(Fallback(lambda failure: failure.kind), CircuitBreaker.consecutive(1))
    assert world.call(policy, Script(DOWN)) == "connect"
    assert world.call(policy, Script((0, "fine"))) == "rejected"
    if world.asynchronous:
        policy = world.policy(Fallback(lambda failure: failure.reason), Timeout(1))
        assert world.call(policy, Script((9, "late"))) == "TIMED_OUT"


def test_it_sees_the_class_of_what_it_answers(world: World):
    policy = world.policy(Fallback("else", on=CircuitOpen), CircuitBreaker.consecutive(1))
    with pytest.raises(ConnectionRefusedError):
        world.call(policy, Script(DOWN))
    assert world.call(policy, Script((0, "fine"))) == "else"
