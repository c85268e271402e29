"""Keyed policies: a state for each key, bounded in number and memory (rules KY1 to KY10 in `backstay.keyed`)."""

from __future__ import annotations

import asyncio
import gc
import sysconfig
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    Cache,
    CircuitBreaker,
    CircuitOpen,
    ConcurrencyLimit,
    ConfigurationError,
    Fallback,
    Hedge,
    Idempotency,
    Inject,
    Policy,
    RateLimit,
    RateLimited,
    Retry,
    SnapshotError,
    Throttle,
    TimedOut,
    Timeout,
    UnifiedError,
    shared,
)
from backstay import keyed as keyed_module
from backstay.callers import Caller
from backstay.drivers import interpreted
from backstay.keyed import Keyed
from backstay.testing import VirtualTime
from backstay_core.clock import SECOND
from backstay_core.events import Event
from tests.support.bytecode import dangers
from tests.support.worlds import LoopWorld, Script, SyncWorld, World


def host_of(url: str, *rest: object) -> str:
    return url.partition("/")[0]


def breaker(failures: int = 2, **options: Any) -> CircuitBreaker:
    return CircuitBreaker.consecutive(failures, open_for=30, **options)


def fail(world: World, keyed: Keyed, url: str, times: int = 1) -> None:
    """Calls that fail; refusals are not raised."""
    for _ in range(times):
        with pytest.raises((ConnectionRefusedError, CircuitOpen)):
            call(world, keyed, url, ConnectionRefusedError())


def call(world: World, keyed: Keyed, url: str, outcome: Any = "answer") -> Any:
    return world.call(keyed, Script((0, outcome)), url)  # type: ignore[arg-type]


# KY1: states


def test_each_key_has_a_breaker_of_its_own(world: World):
    keyed = world.policy(breaker()).keyed(host_of)
    fail(world, keyed, "a/x", 3)
    with pytest.raises(CircuitOpen):
        call(world, keyed, "a/y")
    assert call(world, keyed, "b/x") == "answer"
    assert keyed.of("a")[CircuitBreaker].state == "open"  # type: ignore[attr-defined]
    assert keyed.of("b")[CircuitBreaker].state == "closed"  # type: ignore[attr-defined]
    assert keyed.policy[CircuitBreaker].state == "closed", "the policy itself has a state, too"


def test_each_key_has_its_places_and_its_budget(world: World):
    policy = world.policy(
        Retry(9, base=0, on=ConnectionError, budget=Budget(ratio=0, per_second=0, burst=2)), Bulkhead(3)
    )
    keyed = policy.keyed(host_of)
    fail(world, keyed, "a")
    a, b = keyed.of("a"), keyed.of("b")
    assert (a[Retry].tokens, b[Retry].tokens) == (0, 2)  # type: ignore[attr-defined]
    assert (a[Bulkhead].inside, policy[Bulkhead].inside) == (0, 0)  # type: ignore[attr-defined]
    assert a.layers[1] is not b.layers[1] is not policy.layers[1]


def test_what_is_shared_and_what_has_no_state_is_one_for_all(world: World):
    one, budget = shared("one", breaker()), shared("budget", Budget())
    keyed = world.policy(Fallback(0, on=KeyError), Timeout(5), Retry(2, budget=budget), one, Timeout(1)).keyed(host_of)
    fail(world, keyed, "a", 3)
    with pytest.raises(CircuitOpen):
        call(world, keyed, "b")
    assert all(
        x is y is z for x, y, z in zip(keyed.of("a").layers, keyed.of("b").layers, keyed.policy.layers, strict=True)
    )


EXAMPLES = {
    "bulkhead": Bulkhead(1),
    "cache": Cache(60),
    "circuit_breaker": CircuitBreaker(),
    "concurrency_limit": ConcurrencyLimit(),
    "fallback": Fallback(0),
    "hedge": Hedge(0.5, idempotent=True, quantile=0.9),
    "idempotency": Idempotency(key=host_of),
    "inject": Inject("latency", seconds=0.5, enabled=True),
    "rate_limit": RateLimit(1, shed=0.5),
    "retry": Retry(budget=Budget()),
    "throttle": Throttle(),
    "timeout": Timeout(1),
}


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_strategy_works_keyed(kind: str, world: World):
    """A strategy with something to remember has it for each key; frames read the key's, not the policy's."""
    keyed = world.policy(EXAMPLES[kind]).keyed(host_of)
    for url in ("a", "b"):
        assert call(world, keyed, url) == "answer"
    common = kind in ("fallback", "inject", "timeout")
    assert (keyed.of("a").layers[0] is keyed.of("b").layers[0]) is common


def test_every_strategy_is_among_them():
    assert set(EXAMPLES) >= set(Policy.STRATEGIES)


def test_values_of_one_key_are_not_for_another(sync_world: SyncWorld):
    """The calls look the same; only the key tells them apart."""
    keyed = sync_world.policy(Cache(60)).keyed()
    owners = iter(["mine", "yours"])

    def load() -> str:
        return next(owners)

    for _ in range(2):
        assert keyed.of("me").call(load) == "mine"
        assert keyed.of("you").call(load) == "yours"


def test_each_key_has_a_rate_of_its_own(world: World):
    keyed = world.policy(RateLimit(1, per=10)).keyed(host_of)
    assert call(world, keyed, "a") == call(world, keyed, "b") == "answer"
    with pytest.raises(RateLimited):
        call(world, keyed, "a")


def test_a_bulkhead_of_one_key_does_not_hold_up_another(loop_world: LoopWorld):
    keyed = loop_world.policy(Bulkhead(1)).keyed(host_of)

    async def slow(url: str) -> float:
        await asyncio.sleep(1)
        return asyncio.get_running_loop().time()

    async def all_at_once() -> Any:
        return await asyncio.gather(*(keyed.acall(slow, url) for url in ("a", "b", "a")), return_exceptions=True)

    a, b, refused = loop_world.runner.run(all_at_once())
    assert a == b
    assert type(refused).__name__ == "BulkheadFull"


# KY2, KY3, KY4: how many, how long


def test_the_key_used_least_recently_makes_room(world: World):
    keyed = world.policy(breaker()).keyed(host_of, most=3)
    for url in ("a", "b", "c", "a", "d"):
        call(world, keyed, url)
    assert keyed.keys() == ["c", "a", "d"]
    assert len(keyed) == 3
    assert "a" in keyed
    assert "b" not in keyed


def test_a_forgotten_key_begins_anew(world: World):
    keyed = world.policy(breaker()).keyed(host_of, most=1)
    fail(world, keyed, "a", 3)
    call(world, keyed, "b")
    gc.collect()  # whoever keeps the error of a call keeps the call
    assert call(world, keyed, "a") == "answer"


def test_an_idle_key_is_forgotten(world: World):
    keyed = world.policy(breaker()).keyed(host_of, idle=16.0)
    for url in ("a", "b"):
        call(world, keyed, url)
    world.pass_time(10)
    call(world, keyed, "b")
    world.pass_time(6)
    call(world, keyed, "c")
    assert keyed.keys() == ["a", "b", "c"], "not before its time"
    world.pass_time(2)
    call(world, keyed, "c")
    assert keyed.keys() == ["b", "c"]
    world.pass_time(1000)
    call(world, keyed, "d")
    assert keyed.keys() == ["d"]


def test_without_idle_no_key_is_too_old(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed(host_of, idle=None)
    call(sync_world, keyed, "a")
    sync_world.pass_time(1e6)
    call(sync_world, keyed, "b")
    assert keyed.keys() == ["a", "b"]


def test_many_idle_keys_go_bit_by_bit(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed(host_of, idle=16.0)
    for number in range(2500):
        keyed.of(number)
    sync_world.pass_time(100)
    assert [len(keyed) for _ in range(4) if keyed.of("new") is not None] == [1501, 501, 1, 1]


def test_a_clock_that_goes_back_forgets_nobody(sync_world: SyncWorld):
    sync_world.pass_time(1000)
    keyed = sync_world.policy(breaker()).keyed(host_of, idle=16.0)
    keyed.of("a")
    sync_world.ports.manual.now = 0
    keyed.of("b")
    sync_world.pass_time(15)
    keyed.of("b")
    assert keyed.keys() == ["a", "b"]


def test_a_key_with_a_call_in_flight_or_waiting_keeps_its_state(loop_world: LoopWorld):
    world = loop_world
    keyed = world.policy(Bulkhead(1, queue=1), breaker(1)).keyed(host_of, most=2)
    entered: list[str] = []

    async def fails_late(url: str) -> None:
        entered.append(url)
        await asyncio.sleep(1)
        raise ConnectionRefusedError

    async def quick(url: str) -> str:
        return url

    async def scene() -> None:
        first = asyncio.ensure_future(keyed.acall(fails_late, "a"))
        second = asyncio.ensure_future(keyed.acall(fails_late, "a"))
        await asyncio.sleep(0.5)
        for url in "bcdefg":
            await keyed.acall(quick, url)
        assert "a" not in keyed
        third = asyncio.ensure_future(keyed.acall(quick, "a"))
        outcomes = await asyncio.gather(first, second, third, return_exceptions=True)
        assert [type(outcome).__name__ for outcome in outcomes] == [
            "ConnectionRefusedError",
            "CircuitOpen",
            "BulkheadFull",
        ]
        assert "a" in keyed, "its use has brought it back"

    world.runner.run(scene())
    assert entered == ["a"]
    gc.collect()
    assert keyed._gone == {}, "who is not in use is not even known weakly"


def test_whoever_holds_a_key_policy_keeps_its_state(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed(host_of, most=1)
    mine = keyed.of("a")
    fail(sync_world, keyed, "a", 3)
    keyed.of("b")
    assert keyed.of("a") is mine
    with pytest.raises(CircuitOpen):
        mine.call(len, "abc")


def test_a_key_can_be_dropped(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed(host_of)
    fail(sync_world, keyed, "a", 3)
    assert keyed.drop("a")
    assert not keyed.drop("a")
    assert call(sync_world, keyed, "a") == "answer"


def test_hundred_thousand_keys_fit_into_40_megabytes():
    """Of a policy with breaker, retry and two timeouts. The keys themselves are the caller's and were there before."""
    policy = Policy("many", Timeout(5.0), Retry(3), CircuitBreaker(), Timeout(1.0))
    keyed = policy.keyed(lambda host: host, most=100_000)
    hosts = [f"host-{number:06}.example.com" for number in range(100_000)]
    gc.collect()
    gc.disable()  # time only: what there is to find is collected below
    tracemalloc.start()
    try:
        for host in hosts:
            keyed.of(host)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert len(keyed) == 100_000
    assert held < 40_000_000, f"{held / 100_000:.0f} bytes a key"


def test_many_keys_stay_within_most():
    keyed = Policy("p", breaker()).keyed(most=50)
    for number in range(20_000):
        keyed.of(number)
    assert keyed.keys() == list(range(19_950, 20_000))
    assert keyed._gone == {}


@pytest.mark.skipif(bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="without a GIL a lock is held")
def test_nothing_comes_between_the_links_of_the_ring():
    regions, found = dangers(Path(keyed_module.__file__).read_text("utf-8"), "keyed.py")
    assert regions == 2
    assert not found, "\n".join(found)


# KY5: bad keys


def test_an_unhashable_key_is_refused(world: World):
    keyed = world.policy(breaker()).keyed(lambda url: [url])  # type: ignore[arg-type, return-value]
    script = Script((0, "answer"))
    with pytest.raises(ConfigurationError, match="'p': a key must be hashable; got"):
        world.call(keyed, script, "a")  # type: ignore[arg-type]
    assert script.calls == 0
    assert len(keyed) == 0


def test_a_key_whose_hash_raises_is_refused_too(sync_world: SyncWorld):
    class Odd:
        def __hash__(self) -> int:
            raise ValueError("odd")

    keyed = sync_world.policy(breaker()).keyed(lambda url: Odd())
    with pytest.raises(ConfigurationError, match="'p': a key must be hashable; got"):
        call(sync_world, keyed, "a")


def test_a_key_function_that_raises(world: World):
    keyed = world.policy(breaker(), Fallback("hidden")).keyed(lambda url: url["host"])
    with pytest.raises(ConfigurationError, match="its key function raised TypeError: string indices") as caught:
        call(world, keyed, "a")
    assert isinstance(caught.value.__cause__, TypeError)
    assert len(keyed) == 0


def test_a_key_function_that_does_not_fit_the_arguments(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed(host_of)
    with pytest.raises(ConfigurationError, match="its key function raised TypeError"):
        keyed.call(lambda: 1)


def test_an_async_key_function_is_refused(sync_world: SyncWorld):
    async def key(url: str) -> str:
        return url

    keyed = sync_world.policy(breaker()).keyed(key)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="is not async"):
        call(sync_world, keyed, "a")


def test_without_a_key_function_the_key_is_named(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed()
    assert keyed.of("a").call(len, "abc") == 3
    with pytest.raises(ConfigurationError, match=r"keyed\.of\(key\)"):
        keyed.call(len, "abc")


@pytest.mark.parametrize("options", [{"most": 0}, {"most": 1.5}, {"most": True}, {"idle": 0}, {"idle": -1}, {"key": 7}])
def test_options_are_checked(options: dict[str, Any]):
    with pytest.raises(ConfigurationError, match="policy 'p': keyed"):
        Policy("p", breaker()).keyed(**options)


def test_a_derived_policy_has_no_state_to_keep_by_key():
    policy = Policy("p", Timeout(1), breaker())
    with pytest.raises(ConfigurationError, match="the policy itself"):
        policy.using(timeout=2).keyed(host_of)


def test_a_key_that_is_equal_is_the_same_and_none_is_a_key(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed()
    assert keyed.of(("a", 1)) is keyed.of(("a", 1.0))
    assert keyed.of(None) is keyed.of(None)
    assert keyed.keys() == [("a", 1), None]


def test_a_coroutine_function_is_not_called_without_await(sync_world: SyncWorld):
    async def answer(url: str) -> str:
        return url

    keyed = sync_world.policy(breaker()).keyed(host_of)
    with pytest.raises(ConfigurationError, match="acall"):
        keyed.call(answer, "a")  # type: ignore[unused-coroutine]


# Ways to call


def test_decorated_functions_keep_their_names(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker(1)).keyed(host_of)

    @keyed
    def fetch(url: str, answer: Any = 42) -> Any:
        """Fetch it."""
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Fetch it.")
    assert fetch("a") == 42
    with pytest.raises(ConnectionRefusedError):
        fetch("a", ConnectionRefusedError())
    with pytest.raises(CircuitOpen):
        fetch("a")
    assert fetch("b", 7) == 7


def test_decorated_coroutine_functions():
    keyed = Policy("p", breaker(1)).keyed(host_of)

    @keyed
    async def fetch(url: str) -> str:
        if url == "bad":
            raise ConnectionRefusedError
        return url

    async def both() -> Any:
        return [await fetch("good"), *await asyncio.gather(fetch("bad"), return_exceptions=True), await fetch("good")]

    good, bad, again = asyncio.run(both())
    assert (good, type(bad), again) == ("good", ConnectionRefusedError, "good")
    assert keyed.of("bad")[CircuitBreaker].state == "open"  # type: ignore[attr-defined]


def test_decorated_generators():
    keyed = Policy("p", Bulkhead(1)).keyed(host_of)

    @keyed
    def lines(url: str) -> Iterator[str]:
        yield url
        yield url

    @keyed
    async def alines(url: str) -> AsyncIterator[str]:
        yield url

    first, other = lines("a"), lines("b")
    assert (next(first), next(other)) == ("a", "b")
    assert keyed.of("a")[Bulkhead].inside == 1  # type: ignore[attr-defined]
    assert list(first) == ["a"]
    assert keyed.of("a")[Bulkhead].inside == 0  # type: ignore[attr-defined]
    other.close()  # type: ignore[attr-defined]

    async def read() -> list[str]:
        return [line async for line in alines("c")]

    assert asyncio.run(read()) == ["c"]


def test_attempt_blocks_of_a_key():
    keyed = Policy("p", Retry(3, on=ConnectionError, base=0), breaker(3)).keyed()
    for attempt in keyed.of("a").attempts():
        with attempt:
            if attempt.number < 3:
                raise ConnectionResetError
    assert attempt.number == 3
    assert keyed.of("a").calls == 0, "no pauses are drawn"


def test_random_pauses_differ_from_key_to_key(sync_world: SyncWorld):
    keyed = sync_world.policy(Retry(2, on=ConnectionError, base=1.0)).keyed(host_of)
    pauses = []
    for url in "abc":
        before = sync_world.now
        fail(sync_world, keyed, url)
        pauses.append(sync_world.now - before)
    assert len(set(pauses)) == 3
    assert [keyed.of(url).calls for url in "abc"] == [1, 1, 1]


def test_timeouts_of_a_keyed_policy(loop_world: LoopWorld):
    keyed = loop_world.policy(Retry(2, idempotent=True, base=0), breaker(), Timeout(1)).keyed(host_of)
    with pytest.raises(TimedOut):
        loop_world.runner.run(keyed.acall(loop_world.function(Script((5, "late"))), "a"))
    assert keyed.of("a")[CircuitBreaker].state == "open"  # type: ignore[attr-defined]
    assert loop_world.now == 2 * SECOND


# KY6: frames


def test_one_frame_serves_all_keys_and_functions(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed(host_of)
    call(sync_world, keyed, "a")
    code = keyed.frame.__code__
    for url in "bcd":
        call(sync_world, keyed, url)
    assert keyed.frame.__code__ is code


# KY7: events


@pytest.mark.parametrize("early", [True, False])
def test_events_carry_the_key(world: World, early: bool):
    policy = world.policy(Retry(2, on=ConnectionError, base=0), breaker())
    keyed = policy.keyed(host_of)
    heard: list[Event] = []
    if not early:
        keyed.of("a"), keyed.of("b")
    remove = policy.on("*", heard.append)
    fail(world, keyed, "a")
    fail(world, keyed, "b")
    assert [(event.name, event.key) for event in heard] == [
        ("retry", "a"),
        ("opened", "a"),
        ("retry", "b"),
        ("opened", "b"),
    ]
    assert heard[1].source == "p: circuit_breaker"
    assert "key='a'" in repr(heard[0])
    remove()
    fail(world, keyed, "a")
    assert len(heard) == 4
    assert call(world, policy.keyed(host_of), "a") == "answer"


def test_events_of_the_policy_itself_have_no_key(sync_world: SyncWorld):
    policy = sync_world.policy(breaker(1))
    heard: list[Event] = []
    policy.on("opened", heard.append)
    with pytest.raises(ZeroDivisionError):
        policy.call(divmod, 1, 0)
    assert [event.key for event in heard] == [None]
    assert "key" not in repr(heard[0])


# KY8: snapshots


def test_a_snapshot_holds_the_keys_used_last(sync_world: SyncWorld):
    keyed = sync_world.policy(Retry(2, base=1.0, on=ConnectionError), breaker()).keyed(host_of)
    for url in ("old", "a", "b"):
        fail(sync_world, keyed, url, 2)
    keyed.of(("tenant", 7))
    data = keyed.snapshot(sync_world.now, most=3)
    assert [row["key"] for row in data["state"]["keys"]] == ["a", "b", ["tenant", 7]]
    other = sync_world.policy(Retry(2, base=1.0, on=ConnectionError), breaker()).keyed(host_of)
    other.restore(data, sync_world.now, "revive")
    assert other.keys() == ["a", "b", ("tenant", 7)]
    assert [other.of(key)[CircuitBreaker].state for key in ("a", ("tenant", 7))] == ["open", "closed"]  # type: ignore[attr-defined]
    assert other.of("a").calls == keyed.of("a").calls > 0
    with pytest.raises(CircuitOpen):
        call(sync_world, other, "b")


def test_a_key_that_plain_data_cannot_hold(sync_world: SyncWorld):
    keyed = sync_world.policy(breaker()).keyed()
    keyed.of(frozenset())
    with pytest.raises(ConfigurationError, match="texts, whole numbers and tuples"):
        keyed.snapshot(0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.update(kind="policy"),
        lambda data: data["state"].update(keys="a"),
        lambda data: data["state"]["keys"].append(7),
        lambda data: data["state"]["keys"].append({"key": {}, "calls": 0, "strategies": []}),
        lambda data: data["state"]["keys"].append({"key": "c", "calls": 0, "strategies": []}),
        lambda data: data["state"]["keys"][1].update(calls=-1),
        lambda data: data["state"]["keys"][1]["strategies"][0]["state"].update(mode="?"),
    ],
)
def test_a_bad_snapshot_changes_nothing(sync_world: SyncWorld, spoil: Any):
    keyed = sync_world.policy(breaker()).keyed(host_of)
    fail(sync_world, keyed, "a", 3)
    fail(sync_world, keyed, "b")
    data = keyed.snapshot(sync_world.now)
    spoil(data)
    other = sync_world.policy(breaker()).keyed(host_of)
    with pytest.raises(SnapshotError):
        other.restore(data, sync_world.now, "revive")
    assert other.keys() == []


# KY9: changes, and the surroundings


def test_keys_follow_a_policy_that_changes(world: World):
    policy = world.policy(breaker(), Bulkhead(3))
    keyed = policy.keyed(host_of)
    fail(world, keyed, "a", 3)
    mine = keyed.of("a")
    new = type(policy)("p", Timeout(9), breaker(), Bulkhead(5))
    policy._become(new.strategies, new.layers)
    with pytest.raises(CircuitOpen):
        call(world, keyed, "a")
    assert call(world, keyed, "b") == "answer"
    assert [type(layer).__name__ for layer in keyed.of("a").layers] == ["Deadline", "Breaker", "Places"]
    assert keyed.of("a").layers[2].options.limit == 5
    assert mine.layers == keyed.of("a").layers
    if not world.asynchronous:
        with pytest.raises(CircuitOpen):
            mine.call(len, "abc")
    assert keyed.keys() == ["b", "a"]


def test_virtual_time_begins_without_a_history():
    policy = Policy("p", breaker())
    keyed = policy.keyed(host_of)
    mine = keyed.of("a")
    with VirtualTime() as time:
        time.advance(7)
        assert keyed.keys() == []
        assert keyed.of("a") is not mine
    assert keyed.keys() == ["a"]
    assert keyed.of("a") is mine


def test_threads_share_a_keyed_policy():
    keyed = Policy("p", Bulkhead(64), CircuitBreaker()).keyed(lambda key: key, most=8)
    problems: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for number in range(4000):
                assert keyed.call(abs, (start + number) % 16) >= 0
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(keyed) <= 8
    forwards = keyed.keys()
    entry: Any = keyed._root.next
    backwards = []
    while entry is not keyed._root:
        backwards.append(entry.key)
        entry = entry.next
    assert forwards == backwards
    assert set(forwards) == set(keyed._entries)
    assert all(entry[Bulkhead].inside == 0 for entry in keyed.held())  # type: ignore[attr-defined]


def test_faults_are_switched_on_for_all_keys(world: World):
    policy = world.policy(breaker(), Inject("error"), Bulkhead(1))
    keyed = policy.keyed(host_of)
    assert call(world, keyed, "a") == "answer"
    policy[Inject].enable()
    with pytest.raises(UnifiedError, match="injected"):
        call(world, keyed, "a")
    keyed.of("a")[Inject].disable()  # type: ignore[attr-defined]
    assert call(world, keyed, "a") == call(world, keyed, "b") == "answer"


# Policies derived from those of keys


def test_a_key_with_another_caller(sync_world: SyncWorld):
    keyed = sync_world.policy(Bulkhead(5, shed=0.8)).keyed(host_of)
    low = keyed.of("a").using(priority="low", tenant="acme")
    assert low.caller() == Caller("low", "acme")
    assert keyed.of("a").using(priority="low", tenant="acme") is low
    with pytest.raises(ConfigurationError, match="priority"):
        keyed.of("a").using(priority="urgent")


def test_values_that_look_alike_are_not_the_same(sync_world: SyncWorld):
    class Value:
        def __repr__(self) -> str:
            return "a value"

    one, two = Value(), Value()
    entry = sync_world.policy(Fallback(Value())).keyed(host_of).of("a")

    def failing() -> Any:
        raise OSError

    assert entry.using(value=one).call(failing) is one
    assert entry.using(value=two).call(failing) is two
    assert entry.using(value=[1]).call(failing) == [1]


def test_events_of_changed_options_are_heard_too(sync_world: SyncWorld):
    policy = sync_world.policy(Retry(2, base=0, budget=Budget(burst=1, ratio=0, per_second=0)))
    entry = policy.keyed(host_of).of("a")
    heard: list[Event] = []
    policy.on("budget_exhausted", heard.append)

    def failing() -> Any:
        raise ConnectionRefusedError

    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            entry.using(attempts=3).call(failing)
    assert [event.key for event in heard] == ["a", "a"]


def test_under_a_tracer_the_ring_has_a_lock(monkeypatch: pytest.MonkeyPatch):
    """It runs between any two lines, and so may another thread."""
    monkeypatch.setattr(interpreted, "traced", lambda: True)
    assert Policy("p", breaker()).keyed(host_of)._locked
