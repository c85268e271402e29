"""Faults on purpose: what they look like in Python, and that an Inject that is off costs nothing."""

from __future__ import annotations

import gc
import pickle
from typing import Any
from weakref import ref

import pytest

from backstay import (
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    Fallback,
    Inject,
    Injected,
    Policy,
    Retry,
    TimedOut,
    Timeout,
    shared,
)
from backstay.drivers.interpreted import free_threaded
from backstay.errors import classify
from tests.support.worlds import Script, SyncWorld, World

FINE = Script((0, "fine"))


class Broken(Exception):
    pass


def raising() -> Exception:
    raise Broken("raised")


def test_off_is_nothing_at_all(world: World):
    policy = world.policy(Inject(fault="error"))
    assert world.call(policy, Script((0, "fine"))) == "fine"
    assert policy[Inject].injected == 0


@pytest.mark.skipif(free_threaded(), reason="without a GIL no frames are compiled")
@pytest.mark.parametrize("fault", ["error", "latency", "outcome", "hang"])
def test_one_that_is_on_is_compiled(fault: str):
    guarded = Policy("p", Inject(fault, enabled=True, rate=0))(lambda: "fine")
    assert guarded() == "fine"
    assert ".strikes(" in guarded.__source__  # type: ignore[attr-defined]


def test_off_leaves_no_line_in_the_frame():
    def call() -> str:
        return "fine"

    plain = Policy("p", CircuitBreaker(), seed=1)(call)
    with_inject = Policy("p", CircuitBreaker(), Inject(rate=0.5), seed=1)(call)
    assert plain() == with_inject() == "fine"
    assert plain.__source__ == with_inject.__source__  # type: ignore[attr-defined]


def test_the_error_is_one_of_ours(world: World):
    policy = world.policy(Inject(enabled=True, failure="throttle"))
    with pytest.raises(Injected, match="p: inject: injected") as caught:
        world.call(policy, FINE)
    failure = classify(caught.value)
    assert (failure.kind, failure.injected, failure.reason) == ("throttle", True, "INJECTED")
    again = pickle.loads(pickle.dumps(caught.value))
    assert classify(again) == failure


@pytest.mark.parametrize("failure", [Broken, lambda: Broken("made"), raising])
def test_an_exception_of_the_user(world: World, failure: Any):
    policy = world.policy(Inject(enabled=True, failure=failure))
    with pytest.raises(Broken):
        world.call(policy, FINE)


def test_what_is_made_is_an_exception(world: World):
    policy = world.policy(Inject(enabled=True, failure=lambda: "no exception"))
    with pytest.raises(ConfigurationError, match="which is no exception"):
        world.call(policy, FINE)


def test_a_timeout_that_is_injected_is_no_timeout_of_a_policy(world: World):
    policy = world.policy(Inject(enabled=True, failure="timeout"))
    with pytest.raises(Injected):
        world.call(policy, FINE)


@pytest.mark.parametrize("value", ["made up", lambda: "made up"])
def test_outcome(world: World, value: Any):
    assert world.call(world.policy(Inject("outcome", enabled=True, value=value)), FINE) == "made up"


def test_latency(world: World):
    assert world.call(world.policy(Inject("latency", enabled=True, seconds=2)), FINE) == "fine"
    assert world.now == 2_000_000_000


def test_a_timeout_ends_a_hang(world: World):
    with pytest.raises(TimedOut):
        world.call(world.policy(Timeout(0.5), Inject("hang", enabled=True, seconds=2)), FINE)
    assert world.now == 500_000_000


def test_switched_on_and_off_while_it_runs(world: World):
    policy = world.policy(Retry(2, base=0), Inject(rate=0.5, failure="internal"), seed=4)
    heard: list[str] = []
    policy.on("*", lambda event: heard.append(event.name))
    function = world.function(Script(*[(0, "fine")] * 40))
    guarded = policy(function)

    def injected() -> int:
        found = 0
        for _ in range(10):
            try:
                assert world.run(guarded) == "fine"
            except Injected:
                found += 1
        return found

    assert injected() == 0
    policy[Inject].enable()
    assert policy[Inject].enabled
    assert 0 < injected() == policy[Inject].injected < 10
    policy[Inject].disable()
    before = policy[Inject].injected
    assert injected() == 0
    assert heard == ["switched_on", *["injected"] * before, "switched_off"]


def test_switched_on_and_off_by_a_snapshot(world: World):
    """Of all policies that share it; functions guarded before go by it at once."""
    fault = shared("fault", Inject(rate=0.5, failure="internal"))
    one, other = world.policy(fault, name="one", seed=4), world.policy(fault, name="other", seed=4)
    guarded = [policy(world.function(Script(*[(0, "fine")] * 40))) for policy in (one, other)]

    def injected() -> list[int]:
        found = [0, 0]
        for i in [0, 1] * 10:
            try:
                assert world.run(guarded[i]) == "fine"
            except Injected:
                found[i] += 1
        return found

    assert injected() == [0, 0]
    off = one.snapshot(0)
    one[Inject].enable()
    on = one.snapshot(0)
    one.restore(off, 0, "resume")
    assert injected() == [0, 0]
    one.restore(on, 0, "resume")
    assert all(0 < count < 10 for count in injected())
    one.restore(off, 0, "revive")
    assert injected() == [0, 0]


@pytest.mark.parametrize("failure", ["throttle", Broken])
def test_a_fallback_is_told(world: World, failure: Any):
    policy = world.policy(Fallback(lambda failure: failure.injected), Inject(enabled=True, failure=failure))
    assert world.call(policy, FINE) is True
    policy = world.policy(Fallback(lambda failure: failure.injected), Inject(enabled=True, every=2, failure=failure))
    assert world.call(policy, Script((0, Broken()))) is False


def test_an_injected_refusal_is_one_of_this_policy(world: World):
    """It is not tried again (RT4), also if it comes from a class or function of the user's."""
    policy = world.policy(
        Retry(3, base=0, on=CircuitOpen), Inject(enabled=True, failure=lambda: CircuitOpen("db", "CIRCUIT_OPEN", None))
    )
    with pytest.raises(CircuitOpen):
        world.call(policy, FINE)
    assert policy[Inject].injected == 1


def test_a_refusal_of_something_else_is_tried_again(world: World):
    policy = world.policy(Retry(3, base=0, on=CircuitOpen), Inject(enabled=True, every=9, failure=Broken))
    assert world.call(policy, Script((0, CircuitOpen("db", "CIRCUIT_OPEN", None)), (0, "fine"))) == "fine"


def test_what_was_injected_is_freed_at_once(sync_world: SyncWorld):
    policy = sync_world.policy(Inject(enabled=True, failure=Broken))
    guarded = policy(lambda: "fine")

    def failed() -> Any:
        try:
            guarded()
        except Broken as error:
            return ref(error)

    failed()
    gc.disable()
    try:
        assert failed()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fault": "fire"}, "must be one of error, latency, outcome, hang"),
        ({"rate": 1.5}, "at most 1"),
        ({"every": 0}, "at least 1"),
        ({"failure": "rejected"}, "a kind of failure that is no refusal"),
        ({"failure": "on fire"}, "failure kind must be one of"),
        ({"failure": 3}, "an exception class or a function"),
        ({"failure": int}, "an exception class or a function"),
        ({"seconds": 0}, "at least"),
        ({"enabled": 1}, "must be True or False"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str):
    with pytest.raises(ConfigurationError, match=message):
        Inject(**options)


def test_no_block_can_be_answered():
    with pytest.raises(ConfigurationError, match="AB8"):
        Policy("p", Inject("outcome", enabled=True)).attempts()


def test_what_is_made_up_is_not_late(world: World):
    """A Timeout further in has nothing to do with it (TO4)."""
    policy = world.policy(
        CircuitBreaker(),
        Retry(2, base=0, results=lambda value: value == "late", idempotent=True),
        Inject("outcome", enabled=True, every=2, value="made up"),
        Timeout(1),
    )
    breaker: Any = policy.layers[0]
    if not world.asynchronous:
        assert world.call(policy, Script((2, "late"))) == "made up"
        assert breaker.epoch.slow == 0
    assert world.call(world.policy(CircuitBreaker(), Inject("outcome", enabled=True), Timeout(1)), FINE) is None
