"""An Idempotency in Python: a call with a key is executed once (rules KE7 to KE9)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backstay import (
    ConfigurationError,
    Hedge,
    Idempotency,
    KeyConflict,
    KeyInUse,
    Policy,
    Retry,
    idempotency_key,
)
from backstay.ambient import AMBIENT
from tests.support.worlds import InterpretedPolicy, LoopWorld, Script, SyncWorld

DOWN = (0, TimeoutError("no answer"))


KEYED = Idempotency(60, key=lambda order, *_: order)


def test_a_key_that_was_used_replays_the_result(world: Any):
    guarded = world.policy(KEYED)(world.function(Script((0, "paid"), (0, "other"), (0, "again"))))
    assert [world.run(guarded, "A"), world.run(guarded, "A"), world.run(guarded, "B")] == ["paid", "paid", "other"]
    world.pass_time(60)
    assert world.run(guarded, "A") == "again"


def test_also_when_the_result_is_none(world: Any):
    guarded = world.policy(KEYED)(world.function(Script((0, None), (0, "again"))))
    assert [world.run(guarded, "A"), world.run(guarded, "A")] == [None, None]


def test_a_call_that_failed_may_be_tried_again(world: Any):
    guarded = world.policy(KEYED)(world.function(Script(DOWN, (0, "paid"))))
    with pytest.raises(TimeoutError):
        world.run(guarded, "A")
    assert [world.run(guarded, "A"), world.run(guarded, "A")] == ["paid", "paid"]


def test_other_arguments_are_refused(world: Any):
    guarded = world.policy(KEYED)(world.function(Script((0, "paid"), (0, "twice"))))
    assert world.run(guarded, "A", 5) == "paid"
    with pytest.raises(KeyConflict, match="the key was used with other arguments"):
        world.run(guarded, "A", 6)
    world.pass_time(60)
    assert world.run(guarded, "A", 6) == "twice", "the key is not known any more"


class Plain:
    """Shows nothing but its address."""


class Hashless:
    def __hash__(self) -> int:
        raise ValueError("broken")


class Unshowable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


def test_objects_that_show_only_their_address_are_compared_by_class(world: Any):
    guarded = world.policy(KEYED)(world.function(Script((0, "paid"), (0, "twice"))))
    one, other = Plain(), Plain()
    assert [world.run(guarded, "A", one), world.run(guarded, "A", other)] == ["paid", "paid"]
    with pytest.raises(KeyConflict):
        world.run(guarded, "A", "something else")


def test_arguments_that_cannot_be_shown_fail_the_call(world: Any):
    script = Script((0, "paid"))
    guarded = world.policy(Retry(3, on=ArithmeticError), KEYED)(world.function(script))
    with pytest.raises(ZeroDivisionError):
        world.run(guarded, "A", Unshowable())
    assert not script.calls


def test_of_long_arguments_little_is_kept(sync_world: SyncWorld):
    policy = sync_world.policy(KEYED)
    guarded = policy(sync_world.function(Script((0, "paid"), (0, "twice"))))
    long = "\udcff" + "x" * 100_000
    assert [guarded("A", long), guarded("A", long)] == ["paid", "paid"]
    with pytest.raises(KeyConflict):
        guarded("A", long + "y")
    entry = policy.layers[0].kept.entries.find("A")  # type: ignore[attr-defined]
    assert len(entry.mark[1]) < 300


def test_a_call_without_a_key_is_not_touched(world: Any):
    guarded = world.policy(Idempotency(60))(world.function(Script((0, 1), (0, 2))))
    assert [world.run(guarded, Unshowable()) for _ in range(2)] == [1, 2]


def test_a_refusal_names_the_strategy_and_no_argument(world: Any):
    guarded = world.policy(KEYED)(world.function(Script((0, "paid"))))
    world.run(guarded, "A", "secret")
    with pytest.raises(KeyConflict) as caught:
        world.run(guarded, "A", "other secret")
    assert str(caught.value) == "p: idempotency: the key was used with other arguments"
    assert (caught.value.where, caught.value.reason) == ("p: idempotency", "KEY_CONFLICT")


def test_it_declares_what_is_inside(world: Any):
    policy = world.policy(KEYED, Retry(2, base=0), Hedge(5))
    assert policy[Retry].options.idempotent
    assert policy[Hedge].options.idempotent
    assert world.run(policy(world.function(Script(DOWN, (0, "paid")))), "A") == "paid"


def test_the_key_of_a_block():
    world = SyncWorld()
    guarded = world.policy(Idempotency(60))(world.function(Script((0, 1), (0, 2), (0, 3))))
    with idempotency_key("order 7"):
        assert [guarded(), guarded()] == [1, 1]
    assert [guarded(), guarded()] == [2, 3]  # no key: nothing is known of them


def test_the_key_of_a_block_in_a_task():
    world = LoopWorld()
    guarded = world.policy(Idempotency(60))(world.function(Script((0, 1), (0, 2))))

    async def main() -> list[int]:
        with idempotency_key("order 7"):
            return [await guarded(), await guarded()]

    assert world.runner.run(main()) == [1, 1]
    world.close()


def test_a_key_function_that_fails_fails_the_call(world: Any):
    script = Script((0, "paid"))
    with pytest.raises(ZeroDivisionError):
        world.run(
            world.policy(Retry(3, on=ArithmeticError), Idempotency(key=lambda _: 1 // 0))(world.function(script)), "A"
        )
    with pytest.raises(ConfigurationError, match="the key has no hash"):
        world.run(world.policy(Idempotency(key=lambda _: []))(world.function(script)), "A")
    with pytest.raises(ConfigurationError, match="the key has no hash: broken"):
        world.run(
            world.policy(Retry(3, on=ValueError), Idempotency(key=lambda _: Hashless()))(world.function(script)), "A"
        )
    assert not script.calls


def test_a_key_function_that_is_async_is_refused(world: Any):
    """Each of its coroutines would be a key of its own, and each call would be executed."""

    async def key() -> str:
        return "A"

    script = Script((0, "paid"))
    with pytest.raises(ConfigurationError, match="a key function is not async"):
        world.run(world.policy(Idempotency(key=key))(world.function(script)))
    assert not script.calls


def test_who_comes_meanwhile_waits_for_the_result():
    world = LoopWorld()
    guarded = world.policy(KEYED)(world.function(Script((0.1, "paid"), (0, "twice"))))

    async def main() -> Any:
        return await asyncio.gather(guarded("A"), guarded("A"), guarded("B"))

    assert world.runner.run(main()) == ["paid", "paid", "twice"]
    world.close()


@pytest.mark.parametrize("policies", [Policy, InterpretedPolicy])
def test_who_waits_does_so_until_his_deadline_and_leaves_no_trace(policies: type[Policy]):
    world = LoopWorld(policies)
    policy = world.policy(KEYED)
    guarded = policy(world.function(Script((1, "paid"))))

    async def late() -> None:
        AMBIENT.set(100_000_000)
        with pytest.raises(KeyInUse):
            await guarded("A")
        assert world.now == 100_000_000

    async def main() -> None:
        first = asyncio.ensure_future(guarded("A"))
        await asyncio.sleep(0.01)
        cancelled = asyncio.ensure_future(guarded("A"))
        await asyncio.sleep(0.01)
        cancelled.cancel()
        await asyncio.create_task(late())
        flight = policy.layers[0].kept.entries.flight("A")  # type: ignore[attr-defined]
        assert not flight.waiters
        assert await first == "paid"

    world.runner.run(main())
    world.close()


def test_and_is_the_next_to_try_if_it_fails():
    world = LoopWorld()
    guarded = world.policy(KEYED)(world.function(Script((0.1, TimeoutError()), (0.1, "paid"), (0, "twice"))))

    async def main() -> Any:
        return await asyncio.gather(guarded("A"), guarded("A"), guarded("A"), return_exceptions=True)

    first, *others = world.runner.run(main())
    assert isinstance(first, TimeoutError)
    assert others == ["paid", "paid"]
    assert world.now == 200_000_000
    world.close()


def test_a_call_inside_one_with_its_key_is_refused():
    policy = Policy("p", Idempotency(key=lambda *_: "A"))

    def outer() -> str:
        return policy.call(outer)

    with pytest.raises(KeyInUse):
        policy.call(outer)
