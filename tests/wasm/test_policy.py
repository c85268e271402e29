"""A policy moves into the component by changing one import."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

import backstay
import backstay_wasm
from backstay import (
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
    RateLimit,
    Retry,
    TimedOut,
    Timeout,
)
from backstay_wasm import Engine, Policy
from tests.support.virtual import ManualPorts, VirtualLoop


@pytest.fixture
def engine(engine_of: Callable[..., Engine]) -> Engine:
    return engine_of()


def scripted(outcomes: list[Any]) -> Callable[[], Any]:
    def operation() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return operation


PARTS = (
    Fallback("stale", on="unavailable"),
    Retry(3, base=0, idempotent=True, results=["busy"]),
    CircuitBreaker(0.5, 4, open_jitter=0),
    Bulkhead(2),
)
SCRIPT = [1, TimeoutError(), 2, "busy", 3, ValueError("mine"), *[ConnectionError()] * 9, 4]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_same_results_and_errors(engine: Engine, asynchronous: bool):
    def results(policy: Any) -> list[Any]:
        operation = scripted(list(SCRIPT))
        found: list[Any] = []

        async def later() -> Any:
            return operation()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop: Any = runner.get_loop()
            policy.ports = loop.ports if asynchronous else ManualPorts()
            for _ in range(12):
                try:
                    found.append(runner.run(policy.acall(later)) if asynchronous else policy.call(operation))
                except Exception as error:
                    found.append((type(error), str(error)))
        return found

    native, inside = backstay.Policy("p", *PARTS, seed=1), Policy("p", *PARTS, seed=1, engine=engine)
    expected = results(native)
    assert results(inside) == expected
    assert {CircuitOpen, ValueError} <= {found[0] for found in expected if isinstance(found, tuple)}


def test_as_a_decorator(engine: Engine):
    policy = Policy("p", Retry(2, base=0, on="transport_errors"), engine=engine)
    outcomes: list[Any] = [ConnectionRefusedError(), "right"]

    @policy
    def load(name: str) -> str:
        """Loads."""
        return name + scripted(outcomes)()

    assert (load("all "), load.__name__, load.__doc__) == ("all right", "load", "Loads.")


def test_a_timeout_on_an_event_loop(engine: Engine):
    async def hang() -> None:
        await asyncio.sleep(3600)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        policy = Policy("p", Timeout(1.5), Bulkhead(1), engine=engine)
        policy.ports = loop.ports
        with pytest.raises(TimedOut):
            runner.run(policy.acall(hang))
        assert loop.now == 1_500_000_000
    assert policy[Bulkhead].inside == 0


def test_waiting_for_a_place_on_an_event_loop(engine: Engine):
    async def three(policy: Policy) -> list[int]:
        order: list[int] = []

        async def one(number: int) -> None:
            await asyncio.sleep(0.01)
            order.append(number)

        await asyncio.gather(*[policy.acall(one, number) for number in range(3)])
        return order

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        policy = Policy("p", Bulkhead(1, queue=2), engine=engine)
        policy.ports = loop.ports
        assert runner.run(three(policy)) == [0, 1, 2]


def test_many_threads_share_one_bulkhead(engine: Engine):
    policy = Policy("p", Bulkhead(3, queue=100), engine=engine)
    inside = most = 0
    lock = threading.Lock()

    def operation() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with lock:
            inside -= 1

    def work() -> None:
        for _ in range(25):
            policy.call(operation)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 3
    report = engine.report(0)
    assert (report["begun"], report["calls"]) == (200, 0)


@pytest.mark.parametrize(
    "part", [Retry(on=KeyError), Retry(on=lambda error: True), CircuitBreaker(results=lambda value: value is None)]
)
def test_what_decides_may_not_be_python(engine: Engine, part: Any):
    with pytest.raises(ConfigurationError, match="is code and has no data form"):
        Policy("p", part, engine=engine)


def test_what_is_performed_may_be_python(engine: Engine):
    policy = Policy("p", Fallback(lambda failure: failure.kind), Retry(1), engine=engine)
    assert policy.call(scripted([ConnectionRefusedError()])) == "connect"


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    "part",
    [
        Cache(60),
        Cache(60, key=lambda name: name[0]),
        Cache(1e-9, stale_for=60, key=lambda name: name[0]),
        Idempotency(60, key=lambda name: name),
        Hedge(3600, idempotent=True),
        Inject("outcome", enabled=True, every=2, value=lambda: "injected"),
        Inject("error", enabled=True, every=2, failure="connect"),
    ],
    ids=lambda part: part.KIND,
)
def test_what_looks_up_races_or_disturbs(engine: Engine, part: Any, asynchronous: bool):
    """The same values, errors and executions as native."""

    def results(policy: Any) -> list[Any]:
        made: list[str] = []

        def load(name: str) -> str:
            made.append(name)
            if len(made) == 5:
                raise ConnectionRefusedError
            return f"{name} {len(made)}"

        async def load_later(name: str) -> str:
            return load(name)

        guarded = policy(load_later if asynchronous else load)
        found: list[Any] = []
        for name in ("ant", "bee", "ant", "asp", "bee", "cat", "cat", "dog"):
            try:
                found.append(asyncio.run(guarded(name)) if asynchronous else guarded(name))
            except Exception as error:
                found.append((type(error), str(error)))
        return [*found, *made]

    expected = results(backstay.Policy("p", part, seed=1))
    assert results(Policy("p", part, seed=1, engine=engine)) == expected


def test_what_is_not_there_is_refused(engine: Engine):
    with pytest.raises(ConfigurationError, match="cannot be shared"):
        Policy("p", backstay.shared("db", CircuitBreaker()), engine=engine)
    policy = Policy("p", Timeout(1), engine=engine)
    with pytest.raises(ConfigurationError, match="for a call"):
        policy.using(timeout=2)
    with pytest.raises(ConfigurationError, match="no events"):
        policy.on("*", print)
    with pytest.raises(ConfigurationError, match="Fallback"):
        policy(scripted([])).fallback(print)


def test_handles_look_inside(engine: Engine):
    policy = Policy("p", CircuitBreaker(), Bulkhead(2), engine=engine)
    breaker = policy[CircuitBreaker]
    gates = Policy("gates", ConcurrencyLimit(initial=7), RateLimit(100, per=1), engine=engine)
    seen: list[Any] = []

    def look() -> None:
        seen.append((gates[ConcurrencyLimit].inside, gates[ConcurrencyLimit].limit, gates[RateLimit].limit))

    gates.call(look)
    assert seen == [(1, 7, 100)]
    assert (breaker.state, breaker.mode, breaker.remaining, policy[Bulkhead].waiting) == ("closed", "auto", 0.0, 0)
    breaker.force_open()
    with pytest.raises(CircuitOpen):
        policy.call(int)
    breaker.auto()
    assert policy.call(int) == 0


def test_state_moves_between_native_and_component(engine: Engine):
    parts = (CircuitBreaker(0.5, 4, minimum_calls=4, open_for=30, open_jitter=0), Bulkhead(3))
    native, inside = backstay.Policy("p", *parts, seed=1), Policy("p", *parts, seed=1, engine=engine)
    for policy, other in ((native, inside), (inside, native)):
        policy.ports = other.ports = ManualPorts()
        policy.restore(backstay.Policy("p", *parts, seed=1).snapshot(0), 0, "revive")
        for _ in range(4):
            with pytest.raises(ConnectionError):
                policy.call(scripted([ConnectionError()]))
        other.restore(policy.snapshot(0), 0, "revive")
        with pytest.raises(CircuitOpen):
            other.call(int)
        assert other.snapshot(0) == policy.snapshot(0)


def test_policies_that_nobody_holds_are_unloaded(engine: Engine):
    for number in range(20):
        Policy(f"p{number}", Retry(), engine=engine)
    gc.collect()
    Policy("last", Retry(), engine=engine)
    assert len(engine.report(0)["policies"]) < 5


def test_the_policies_of_a_document(engine_of: Callable[..., Engine]):
    engine = engine_of(
        {
            "policies": {"a": {"strategies": [{"shared": "db"}]}, "b": {"strategies": [{"shared": "db"}]}},
            "shared": {"db": {"kind": "circuit_breaker", "window_calls": 1, "minimum_calls": 1}},
        }
    )
    with pytest.raises(ConnectionError):
        engine.policy("a").call(scripted([ConnectionError()]))
    with pytest.raises(CircuitOpen):
        engine.policy("b").call(int)
    with pytest.raises(KeyError):
        engine.policy("c")


def test_the_engine_of_those_that_name_none(component: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKSTAY_ENGINE", str(component))
    monkeypatch.setattr(backstay_wasm.policy, "_DEFAULT", [])
    one, two = Policy("one", Retry()), Policy("two", Retry())
    assert one.engine is two.engine
    assert one.call(int) == 0
    one.engine.shut()
