"""A Cache in Python: what is kept, for how long, and who fetches it (rules KE1 to KE6)."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest

from backstay import Bulkhead, Cache, ConfigurationError, Fallback, Hedge, Idempotency, Policy, Retry
from backstay.drivers import interpreted
from backstay.keeping import REFRESHING, Keeping
from backstay.kept import NOTHING, kept_by
from backstay_core.entries import Entries
from backstay_core.execution import ABORT, Execution
from tests.support.holding import holds
from tests.support.trio_world import TrioWorld
from tests.support.virtual import ManualPorts, Stuck
from tests.support.worlds import InterpretedPolicy, LoopWorld, Script, SyncWorld

PATIENCE = 60.0  # real seconds after which a test that hangs fails
DOWN = (0, ConnectionRefusedError("down"))


class Counter:
    """Answers with the number of the call, and what it was called with."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return (self.calls, *args)


def test_a_value_is_fetched_once(world: Any):
    guarded = world.policy(Cache(60))(world.function(Counter()))
    assert [world.run(guarded, 7) for _ in range(3)] == [(1, 7)] * 3
    assert world.run(guarded, 8) == (2, 8)
    assert world.run(guarded, 7, 8) == (3, 7, 8)


def test_and_again_when_it_is_no_longer_fresh(world: Any):
    guarded = world.policy(Cache(60))(world.function(Counter()))
    assert world.run(guarded) == (1,)
    world.pass_time(59.999)
    assert world.run(guarded) == (1,)
    world.pass_time(0.001)
    assert world.run(guarded) == (2,)


def test_what_is_found_is_what_was_kept_and_equal_arguments_are_one_key(world: Any):
    guarded = world.policy(Cache(60))(world.function(Counter()))
    assert world.run(guarded, 1) is world.run(guarded, True)


def test_functions_have_entries_of_their_own(world: Any):
    policy = world.policy(Cache(60))
    first, second = policy(world.function(Counter())), policy(world.function(lambda: "other"))
    assert (world.run(first), world.run(second), world.run(first)) == ((1,), "other", (1,))


def test_the_least_recently_used_makes_room(world: Any):
    guarded = world.policy(Cache(60, entries=2))(world.function(Counter()))
    assert [world.run(guarded, key)[0] for key in "abacab"] == [1, 2, 1, 3, 1, 4]


def test_a_stale_value_stands_in_for_a_failure(world: Any):
    policy = world.policy(Cache(1, stale_for=5))
    heard: list[str] = []
    policy.on("*", lambda event: heard.append(event.name))
    guarded = policy(world.function(Script((0, "old"), DOWN, DOWN)))
    assert world.run(guarded) == "old"
    world.pass_time(1)
    assert world.run(guarded) == "old"
    world.pass_time(5)
    with pytest.raises(ConnectionRefusedError):
        world.run(guarded)
    assert heard == ["miss", "miss", "stale", "miss"]


def test_only_for_failures_that_are_named(world: Any):
    guarded = world.policy(Cache(1, stale_for=5, on=TimeoutError))(world.function(Script((0, "old"), DOWN)))
    assert world.run(guarded) == "old"
    world.pass_time(1)
    with pytest.raises(ConnectionRefusedError):
        world.run(guarded)


def test_what_is_not_kept(world: Any):
    guarded = world.policy(Cache(60, results=lambda value: value == 0))(
        world.function(Script((0, None), (0, 0), DOWN, (0, "kept"), (0, "later")))
    )
    assert [world.run(guarded), world.run(guarded)] == [None, 0]
    with pytest.raises(ConnectionRefusedError):
        world.run(guarded)
    assert [world.run(guarded), world.run(guarded)] == ["kept", "kept"]
    guarded = world.policy(Cache(60, negative=True))(world.function(Script((0, None), (0, "later"))))
    assert [world.run(guarded), world.run(guarded)] == [None, None]


class Ticket:
    """A result that could be awaited, and is meant to be handed on as it is."""

    def __await__(self) -> Iterator[Any]:
        raise AssertionError("nobody awaits a result")
        yield


@pytest.mark.parametrize(
    "strategies",
    [
        (Cache(60),),
        (Retry(2), Cache(60)),
        (Idempotency(60, key=lambda: "A"),),
        (Cache(60), Hedge(5, idempotent=True)),
        (Hedge(5), Cache(60)),
    ],
)
@pytest.mark.parametrize("policies", [Policy, InterpretedPolicy])
def test_a_result_that_could_be_awaited_is_kept_as_it_is(strategies: tuple[Any, ...], policies: type[Policy]):
    for world in (LoopWorld(policies), TrioWorld(policies)):
        script = Script((0, ticket := Ticket()), (0, "fetched again"))
        guarded = world.policy(*strategies)(world.function(script))
        assert [world.run(guarded) for _ in range(2)] == [ticket] * 2
        world.close()


@pytest.mark.parametrize("policies", [Policy, InterpretedPolicy])
def test_and_stands_in_for_a_failure_as_it_is(policies: type[Policy]):
    for world in (LoopWorld(policies), TrioWorld(policies)):
        guarded = world.policy(Cache(1, stale_for=5))(world.function(Script((0, ticket := Ticket()), DOWN)))
        assert world.run(guarded) is ticket
        world.pass_time(1)
        assert world.run(guarded) is ticket
        world.close()


def test_a_substitute_is_not_kept(world: Any):
    guarded = world.policy(Cache(60), Fallback("substitute"))(world.function(Script(DOWN, (0, "fine"))))
    assert [world.run(guarded), world.run(guarded), world.run(guarded)] == ["substitute", "fine", "fine"]


def test_a_retry_outside_and_a_hedge_inside(world: Any):
    policy = world.policy(Retry(3, base=0), Cache(60), Hedge(5, idempotent=True))
    guarded = policy(world.function(Script(DOWN, (0, "fine"), DOWN)))
    assert [world.run(guarded), world.run(guarded)] == ["fine", "fine"]


def test_a_key_function(world: Any):
    guarded = world.policy(Cache(60, key=lambda name, **_: name.lower()))(world.function(Counter()))
    assert [world.run(guarded, name)[0] for name in ("A", "a", "B")] == [1, 1, 2]


class Hashless:
    def __hash__(self) -> int:
        raise ValueError("broken")


async def slow_key(*_: Any) -> str:
    return "key"


@pytest.mark.parametrize("key", [lambda *args: 1 / 0, lambda *args: [], lambda *args: Hashless(), slow_key, None])
def test_without_a_key_there_is_no_cache(world: Any, key: Any):
    policy = world.policy(Cache(60, stale_for=5, key=key))
    heard: list[Any] = []
    policy.on("uncached", lambda event: heard.append(type(event.detail)))
    guarded = policy(world.function(Counter()))
    assert [world.run(guarded, [])[0] for _ in range(2)] == [1, 2]
    assert len(heard) == 2


def test_a_value_past_its_time_is_given_while_a_new_one_is_fetched():
    world = LoopWorld()
    guarded = world.policy(Cache(1, refresh_for=5), Bulkhead(1))(world.function(Script((0, 1), (0.1, 2), (0.1, 3))))

    async def main() -> None:
        assert await guarded() == 1
        await asyncio.sleep(1)
        assert [await guarded() for _ in range(5)] == [1] * 5
        await asyncio.sleep(0.2)
        assert await guarded() == 2
        await asyncio.sleep(6)
        assert await guarded() == 3

    world.runner.run(main())
    world.close()


def test_in_the_background_also_in_threads():
    policy = Policy("p", Cache(1e-9, refresh_for=60))
    called: list[int] = []
    done = threading.Event()

    def fetch() -> int:
        called.append(threading.get_ident())
        if len(called) == 2:
            done.set()
        return len(called)

    guarded = policy(fetch)
    assert guarded() == 1
    end = time.monotonic() + PATIENCE
    while not done.is_set():  # at the next tick of the clock the value is stale
        assert guarded() in (1, 2)
        assert time.monotonic() < end, "it is never fetched again"
    assert called[1] != called[0]


def test_one_task_fetches_for_all():
    world = LoopWorld()
    guarded = world.policy(Cache(60))(world.function(Script((0.1, "fetched"), (0.1, "again"))))

    async def main() -> list[str]:
        return await asyncio.gather(*(guarded() for _ in range(10)))

    assert world.runner.run(main()) == ["fetched"] * 10
    assert world.now == 100_000_000
    world.close()


def test_who_waited_for_a_fetch_that_failed_goes_on_for_himself():
    world = LoopWorld()
    guarded = world.policy(Cache(60))(world.function(Script((0.1, ConnectionError()), *[(0.1, "fine")] * 3)))

    async def main() -> list[Any]:
        return await asyncio.gather(*(guarded() for _ in range(4)), return_exceptions=True)

    first, *others = world.runner.run(main())
    assert isinstance(first, ConnectionError)
    assert others == ["fine"] * 3
    assert world.now == 200_000_000
    world.close()


def test_whether_a_fetch_failed_has_nothing_to_do_with_what_its_caller_handles():
    world = LoopWorld()
    script = Script(*[(0.1, None)] * 5)
    guarded = world.policy(Cache(60))(world.function(script))

    async def first() -> None:
        try:
            raise asyncio.CancelledError
        except asyncio.CancelledError:
            await guarded()

    async def main() -> None:
        await asyncio.gather(first(), *(guarded() for _ in range(4)))

    world.runner.run(main())
    assert world.now == 200_000_000  # each of the others has gone on for himself, all at once
    world.close()


def test_one_thread_fetches_for_all():
    policy = Policy("p", Cache(60))
    began, release = threading.Event(), threading.Event()
    calls: list[int] = []

    def fetch() -> str:
        calls.append(1)
        began.set()
        release.wait(PATIENCE)
        return "fetched"

    guarded, found = policy(fetch), []
    threads = [threading.Thread(target=lambda: found.append(guarded())) for _ in range(4)]
    threads[0].start()
    began.wait(PATIENCE)
    for thread in threads[1:]:
        thread.start()
    release.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == ["fetched"] * 4
    assert len(calls) == 1


def test_a_call_inside_the_one_that_fetches_does_not_wait(world: Any):
    policy = world.policy(Cache(60))
    calls: list[int] = []

    def sync(depth: int = 0) -> str:
        calls.append(1)
        return str(policy.call(sync)) if len(calls) == 1 else "inner"

    async def asynchronous() -> str:
        calls.append(1)
        return await policy.acall(asynchronous) if len(calls) == 1 else "inner"

    if isinstance(world, SyncWorld):
        assert policy.call(sync) == "inner"
    elif isinstance(world, LoopWorld):
        assert world.runner.run(policy.acall(asynchronous)) == "inner"


def test_who_fetches_does_not_look_again(world: Any):
    """What others have kept meanwhile is for those that come after."""
    policy = world.policy(Retry(3, base=0, on=ConnectionError), Cache(60))
    calls: list[int] = []

    def first() -> bool:
        calls.append(1)
        return len(calls) == 1

    def sync() -> str:
        if first():
            assert policy.call(sync) == "fetched"
            raise ConnectionError
        return "fetched"

    async def asynchronous() -> str:
        if first():
            assert await policy.acall(asynchronous) == "fetched"
            raise ConnectionError
        return "fetched"

    if world.asynchronous:
        assert world.run(policy.acall, asynchronous) == "fetched"
    else:
        assert policy.call(sync) == "fetched"
    assert len(calls) == 3


def test_two_calls_do_not_wait_for_each_other(loop_world: LoopWorld):
    """One that fetches the inner value and is tried again comes to the outer one anew, which another call fetches that
    waits for the inner one."""
    policy = loop_world.policy(Retry(2, base=0, on=ConnectionError), Cache(60), Idempotency(60, key=lambda: "key"))
    script = Script((1, ValueError("wrong")), (1, ConnectionError("down")), (1, "fine"), (1, "again"))
    guarded = policy(loop_world.function(script))

    async def at(seconds: float) -> Any:
        await asyncio.sleep(seconds)
        return await guarded()

    async def main() -> list[Any]:
        return list(await asyncio.gather(at(0), at(0.5), at(1.5), return_exceptions=True))

    first, *others = loop_world.runner.run(main())
    assert isinstance(first, ValueError)
    assert others == ["fine", "fine"]
    assert loop_world.now == 3_000_000_000


def test_a_call_in_the_background_waits_for_no_fetch_further_out(policies: type[Policy]):
    """Whoever fetches there may wait for this one."""
    policy = policies("p", Cache(60), Cache(60, refresh_for=60))
    outer, inner = policy.layers
    key = (len, ((), ()))
    kept_by(outer).entries.take_off(key, None)
    flight = kept_by(inner).entries.take_off(key, None)

    def in_the_background() -> object:
        REFRESHING.set((inner, flight))
        return Keeping(policy, len, (), {}).look(outer)

    assert copy_context().run(in_the_background) is NOTHING


class Interrupted(Execution):
    """An interrupt comes as the call gives back what it holds."""

    __slots__ = ()

    def step(self, event: tuple[Any, ...], now: int) -> list[tuple[Any, ...]]:
        actions = super().step(event, now)
        if event[0] == ABORT:
            raise KeyboardInterrupt
        return actions


@pytest.mark.parametrize("strategies", [(Cache(60),), (Cache(60), Hedge(5, idempotent=True))], ids=len)
@pytest.mark.parametrize("kind", [SyncWorld, LoopWorld, TrioWorld])
def test_a_call_that_is_interrupted_as_it_ends_fetches_no_more(kind: Any, strategies: tuple[Any, ...]):
    world = kind(InterpretedPolicy)
    policy = world.policy(*strategies)
    policy.EXECUTION = Interrupted
    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):  # a nursery's group
        world.run(policy(world.function(Script(DOWN))))
    assert holds(policy.layers[0]) == 0
    if kind is LoopWorld:
        world.runner.run(asyncio.sleep(0))
    world.close()


def test_a_lookup_in_a_loop_of_another_time_is_refused(policies: type[Policy]):
    policy = policies("p", Retry(), Cache(60))
    policy.ports = ManualPorts()

    async def fetch() -> str:
        return "fine"

    with pytest.raises(Stuck, match="an event loop that is not"):
        asyncio.run(policy(fetch)())


def test_more_entries_than_fit_are_bounded():
    guarded = Policy("p", Cache(60, entries=100))(lambda key: key)
    for key in range(1000):
        assert guarded(key) == key
    kept = guarded.policy.layers[0].kept.entries  # type: ignore[attr-defined]
    assert len(kept) == 100
    assert [kept.find((guarded.__wrapped__, ((key,), ()))) is not None for key in (899, 900)] == [False, True]


def test_a_million_keys_are_bounded():
    entries = Entries(100)
    for key in range(1_000_000):
        entries.keep(key, key, None, key)
    assert len(entries) == 100
    assert [entries.find(key) is not None for key in (999_899, 999_900)] == [False, True]


class Hostile:
    """A key of one hash for all; what its comparison does can be set."""

    def __init__(self) -> None:
        self.compare: Any = None

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return bool(self.compare and self.compare())


def test_keys_that_cannot_be_compared_leave_the_call_without_a_cache(world: Any):
    def fail() -> None:
        raise ValueError("not to be compared")

    policy = world.policy(Cache(60, entries=1))
    heard: list[str] = []
    policy.on("uncached", lambda event: heard.append(type(event.detail).__name__))
    guarded = policy(world.function(Counter()))
    keys = [Hostile(), Hostile(), Hostile()]
    assert world.run(guarded, keys[0])[0] == 1
    for key in keys:
        key.compare = fail
    assert [world.run(guarded, key)[0] for key in keys[1:]] == [2, 3]
    assert heard == ["ValueError"] * 2
    assert len(policy.layers[0].kept.entries) <= 1


def test_comparing_keys_may_call_the_same_policy_and_nothing_grows():
    policy = Policy("p", Cache(60, entries=2))
    guarded = policy(lambda key: key)
    busy: list[int] = []

    def again() -> bool:
        if not busy:
            busy.append(1)
            guarded(Hostile())
            busy.pop()
        return False

    for _ in range(50):
        key = Hostile()
        key.compare = again
        assert guarded(key) is key
    kept = policy.layers[0].kept.entries  # type: ignore[attr-defined]
    assert 1 <= len(kept) <= 2
    ring, count = kept._ring.next, 0
    while ring is not kept._ring:
        ring, count = ring.next, count + 1
    assert count <= 3


def test_when_the_one_that_fetches_is_cancelled_one_other_fetches_for_the_rest():
    world = LoopWorld()
    script = Script((0.1, "lost"), (0.1, "fetched"), (0.1, "again"), (0.1, "again"))
    guarded = world.policy(Cache(60))(world.function(script))

    async def main() -> list[str]:
        first = asyncio.ensure_future(guarded())
        await asyncio.sleep(0.01)
        others = [asyncio.ensure_future(guarded()) for _ in range(3)]
        await asyncio.sleep(0.01)
        first.cancel()
        return await asyncio.gather(*others)

    assert world.runner.run(main()) == ["fetched"] * 3
    assert script.calls == 2
    world.close()


def test_when_the_one_that_fetches_is_interrupted_others_go_on():
    policy = Policy("p", Cache(60))
    began, release = threading.Event(), threading.Event()
    calls: list[int] = []

    def fetch() -> str:
        calls.append(1)
        if len(calls) == 1:
            began.set()
            release.wait(PATIENCE)
            raise KeyboardInterrupt
        return "fetched"

    guarded, found, interrupted = policy(fetch), [], []

    def first() -> None:
        try:
            guarded()
        except KeyboardInterrupt:
            interrupted.append(1)

    leader = threading.Thread(target=first)
    leader.start()
    assert began.wait(PATIENCE)
    others = [threading.Thread(target=lambda: found.append(guarded())) for _ in range(3)]
    for thread in others:
        thread.start()
    release.set()
    for thread in [leader, *others]:
        thread.join(PATIENCE)
    assert (found, interrupted, len(calls)) == (["fetched"] * 3, [1], 2)


@pytest.mark.skipif(interpreted.free_threaded(), reason="without a GIL no frames are compiled")
@pytest.mark.parametrize("strategy", [Cache(1e-9, stale_for=60), Idempotency(1e-9, key=lambda key: key)], ids=repr)
def test_no_step_is_taken_for_a_value_that_is_fetched(strategy: Any):
    policy = Policy("p", Retry(3, base=0), strategy, Fallback("else", on=ValueError), seed=1)
    guarded = policy(lambda key: 1 // key)
    assert guarded(1) == 1
    policy.EXECUTION = None  # type: ignore[assignment]
    assert guarded(1) == 1
    with pytest.raises(ZeroDivisionError):
        guarded(0)
    assert hasattr(guarded, "__source__")


@pytest.mark.skipif(interpreted.free_threaded(), reason="without a GIL no frames are compiled")
def test_a_fresh_value_is_given_before_any_step(monkeypatch: pytest.MonkeyPatch):
    """Where there is no frame: attempts beside each other have none."""
    policy = Policy("p", Cache(60), Hedge(5, idempotent=True), Retry(3), Fallback(None), seed=1)
    heard: list[str] = []
    policy.on("*", lambda event: heard.append(event.name))
    guarded, function = policy(lambda key: [key]), lambda key: [key]
    first, called = guarded(7), policy.call(function, 7)
    monkeypatch.setattr(policy, "EXECUTION", None)
    assert guarded(7) is first
    assert policy.call(function, 7) is called
    assert heard == ["miss", "miss", "hit", "hit"]
    assert policy.calls == 4
    with pytest.raises(TypeError):
        guarded(8)


def test_a_changed_cache_is_the_one_that_is_looked_into(world: Any):
    policy = world.policy(Cache(60))
    guarded = policy(world.function(Counter()))
    assert [world.run(guarded, 1)[0], world.run(guarded, 1)[0]] == [1, 1]
    other = policy.using(fresh_for=30)
    with_other = other(world.function(Counter()))
    assert [world.run(with_other, 1)[0], world.run(with_other, 1)[0]] == [1, 1]
    world.pass_time(30)
    assert [world.run(guarded, 1)[0], world.run(with_other, 1)[0]] == [1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_waits_for_nobody_of_the_parent():
    policy = Policy("p", Cache(60))
    began, release = threading.Event(), threading.Event()
    parent = os.getpid()

    def fetch() -> str:
        if os.getpid() == parent:
            began.set()
            release.wait(PATIENCE)
        return "fetched"

    guarded = policy(fetch)
    leader = threading.Thread(target=guarded)
    leader.start()
    assert began.wait(PATIENCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        child = os.fork()
    if not child:
        signal.alarm(int(PATIENCE))
        os._exit(0 if guarded() == "fetched" else 1)
    release.set()
    leader.join(PATIENCE)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [({"fresh_for": 0}, "at least"), ({"entries": 0}, "at least 1"), ({"key": 3}, "must be a function")],
)
def test_bad_input(options: dict[str, Any], message: str):
    with pytest.raises(ConfigurationError, match=message):
        Cache(**{"fresh_for": 1, **options})


def test_no_block_is_cached():
    with pytest.raises(ConfigurationError, match="AB8"):
        Policy("p", Cache(1)).attempts()
