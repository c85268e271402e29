"""The ambient deadline: what runs inside a Timeout knows how much time is left, and policies inside it respect it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest

from backstay import Bulkhead, DeadlineExceeded, Fallback, Rejected, Retry, TimedOut, Timeout, remaining
from tests.support.worlds import LoopWorld, Script, SyncWorld, World


@pytest.fixture(autouse=True)
def virtual_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`remaining()` reads the clock of the world, as the policies of the test do."""
    for name in ("world", "sync_world", "loop_world"):
        if name in request.fixturenames:
            world = request.getfixturevalue(name)
            monkeypatch.setattr("backstay.ambient.clock", lambda world=world: world.now)


def observe(world: World, seen: list[float | None], *pauses: float) -> Any:
    """A function that notes `remaining()`, and again after each pause."""

    async def watching() -> None:
        seen.append(remaining())
        for pause in pauses:
            await world.sleep(pause)
            seen.append(remaining())

    def watching_sync() -> None:
        seen.append(remaining())
        for pause in pauses:
            world.pass_time(pause)
            seen.append(remaining())

    return watching if world.asynchronous else watching_sync


def test_there_is_none_outside():
    assert remaining() is None


def test_there_is_none_without_a_timeout(world: World):
    seen: list[float | None] = []
    world.run(world.policy(Retry(), Bulkhead(1))(observe(world, seen)))
    assert seen == [None]


def test_is_that_of_the_tightest_timeout(world: World):
    seen: list[float | None] = []
    world.run(world.policy(Timeout(5), Retry(attempts=1), Timeout(2))(observe(world, seen, 1.5)))
    world.run(world.policy(Timeout(2), Retry(attempts=1), Timeout(5))(observe(world, seen, 1.5)))
    assert seen == [2, 0.5, 2, 0.5]
    assert remaining() is None


def test_is_never_negative(sync_world: SyncWorld):
    seen: list[float | None] = []
    sync_world.run(sync_world.policy(Timeout(2))(observe(sync_world, seen, 3)))
    assert seen == [2, 0]


def test_of_each_attempt(world: World):
    seen: list[float | None] = []
    watch = observe(world, seen)

    async def failing() -> None:
        await watch()
        await world.sleep(1)
        raise ConnectionRefusedError

    def failing_sync() -> None:
        watch()
        world.pass_time(1)
        raise ConnectionRefusedError

    policy = world.policy(Timeout(9), Retry(attempts=3, backoff="constant", base=1), Timeout(6))
    with pytest.raises(ConnectionRefusedError):
        world.run(policy(failing if world.asynchronous else failing_sync))
    assert seen == [6, 6, 5]


def test_the_substitute_sees_the_deadline_outside_the_fallback(world: World):
    seen: list[float | None] = []

    def substitute(failure: object) -> None:
        seen.append(remaining())

    world.call(world.policy(Timeout(5), Fallback(substitute), Timeout(2)), Script((1, ConnectionRefusedError())))
    assert seen == [4]


def test_nested_policies_are_bound_by_it(world: World):
    """The inner Timeout is longer than what the outer one leaves (TO6)."""
    seen: list[float | None] = []
    inner = world.policy(Timeout(10), name="inner")(observe(world, seen))
    world.run(world.policy(Timeout(3), name="outer")(inner))
    assert seen == [3]


def test_a_retry_does_not_pause_into_it(world: World):
    """The nested Retry gives up with the caller's own error instead of pausing until the time is over (RT8)."""
    script = Script((1, ConnectionRefusedError()))
    inner = world.policy(Retry(attempts=9, backoff="constant", base=2), name="inner")(world.function(script))
    with pytest.raises(ConnectionRefusedError):
        world.run(world.policy(Timeout(6), name="outer")(inner))
    assert script.began == [0, 3]
    assert world.now == 4_000_000_000


def test_a_call_that_begins_when_it_has_passed_is_refused(sync_world: SyncWorld):
    """… before anything else is asked, by a policy with a Timeout (TO6). Only what cannot be interrupted gets there."""
    world = sync_world
    script = Script((0, "fine"))
    bounded = world.policy(Fallback("hidden"), Bulkhead(1), Timeout(10), name="inner")
    seen: list[BaseException] = []

    def late() -> None:
        world.pass_time(2)
        assert world.call(world.policy(Bulkhead(1)), script) == "fine"
        try:
            world.call(bounded, script)
        except Rejected as error:
            seen.append(error)
        raise seen[-1]

    outer = world.policy(Retry(attempts=3, base=0, idempotent=True), Timeout(2), name="outer")
    with pytest.raises(DeadlineExceeded, match="inner"):
        world.call(outer, late)
    assert script.calls == 1
    assert len(seen) == 1
    assert isinstance(seen[0], DeadlineExceeded)
    assert seen[0].failure.code == "DEADLINE_EXCEEDED"


def test_the_outer_timeout_ends_an_inner_call(loop_world: LoopWorld):
    world = loop_world
    inner = world.policy(Bulkhead(1), Timeout(10), name="inner")
    outer = world.policy(Timeout(3), name="outer")
    with pytest.raises(TimedOut, match="outer"):
        world.run(outer(inner(world.function(Script((20, "late"))))))
    assert world.now == 3_000_000_000
    assert inner.layers[0].free == 1  # type: ignore[attr-defined]


def test_the_inner_timeout_comes_out_of_the_inner_policy(loop_world: LoopWorld):
    world = loop_world
    inner = world.policy(Timeout(2), name="inner")
    outer = world.policy(Timeout(3), Retry(attempts=2, base=0.25, backoff="constant", idempotent=True), name="outer")
    script = Script((20, "late"), (0.5, "fine"))
    assert world.run(outer(inner(world.function(script)))) == "fine"
    assert script.began == [0, 2.25]


def test_tasks_inherit_it_and_do_not_disturb_each_other(loop_world: LoopWorld):
    world = loop_world
    seen: dict[str, float | None] = {}

    async def child(name: str, seconds: float) -> None:
        async def inside() -> None:
            await asyncio.sleep(1)
            seen[name] = remaining()

        await world.policy(Timeout(seconds), name=name).acall(inside)
        seen[name + " after"] = remaining()

    async def parent() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(child("a", 3))
            group.create_task(child("b", 30))
        seen["parent"] = remaining()

    world.run(world.policy(Timeout(10), name="outer")(parent))
    assert seen == {"a": 2, "a after": 9, "b": 9, "b after": 9, "parent": 9}


@pytest.mark.parametrize("copied", [False, True])
def test_in_another_thread(sync_world: SyncWorld, copied: bool):
    """A thread with a copied context (as `asyncio.to_thread` gives it) never sees the deadline of a later call of the
    thread that made the copy. It sees that of its own time, or none."""
    world = sync_world
    seen: list[float | None] = []
    made = []

    def copying() -> None:
        made.append(contextvars.copy_context() if copied else contextvars.Context())

    def meanwhile() -> None:
        thread = threading.Thread(target=lambda: made[0].run(lambda: seen.append(remaining())))
        thread.start()
        thread.join()

    world.call(world.policy(Timeout(5)), copying)
    world.call(world.policy(Timeout(2)), meanwhile)
    assert seen in ([5], [None]) if copied else seen == [None]


def test_an_exception_leaves_it_as_it_was(world: World):
    for _ in range(2):
        with pytest.raises(KeyError):
            world.call(world.policy(Timeout(5), Timeout(3)), Script((0, KeyError())))
        assert remaining() is None
