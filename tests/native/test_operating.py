"""What people do with a policy besides calling: change options for some calls, watch, operate, add a fallback, fork."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    Failure,
    Fallback,
    Policy,
    Retry,
    TimedOut,
    Timeout,
    shared,
)
from backstay.drivers import interpreted
from backstay_core.advice.lint import lint
from backstay_core.clock import SECOND
from backstay_core.events import Event
from tests.support.worlds import LoopWorld, Script, World

DOWN = ConnectionRefusedError()


class TestUsing:
    def test_changes_the_options_of_some_calls_only(self, world: World):
        policy = world.policy(Retry(attempts=3, base=0))
        often, once = Script((0, DOWN)), Script((0, DOWN))
        for script, used in ((once, policy.using(attempts=1)), (often, policy)):
            with pytest.raises(ConnectionRefusedError):
                world.call(used, script)
        assert (once.calls, often.calls) == (1, 3)

    def test_timeout_is_that_of_the_whole_call(self):
        world = LoopWorld()
        policy = world.policy(Timeout(9), Retry(), Timeout(5))
        with pytest.raises(TimedOut):
            world.call(policy.using(timeout=2), Script((4, "late")))
        assert world.now == 2 * SECOND
        world.close()

    def test_shares_gates_and_budget(self, world: World):
        budget = Budget(ratio=0, per_second=0, burst=1)
        policy = world.policy(Retry(attempts=2, base=0, budget=budget), CircuitBreaker.consecutive(4))
        for used, calls in ((policy.using(attempts=5), 2), (policy, 1), (policy.using(attempts=9), 1)):
            script = Script((0, DOWN))
            with pytest.raises(ConnectionRefusedError):
                world.call(used, script)
            assert script.calls == calls
        with pytest.raises(CircuitOpen):
            world.call(policy, Script((0, "fine")))

    def test_remembers_what_it_made(self):
        policy = Policy("p", Retry())
        assert policy.using(attempts=7) is policy.using(attempts=7)
        assert policy.using(results=["a"]) is not policy.using(results=["a"])  # a list is no key
        for attempts in range(1, 200):
            policy.using(attempts=attempts)
        assert len(policy._using) <= 64

    def test_remembers_values_by_their_type_too(self):
        policy = Policy("p", Retry())
        policy.using(attempts=1)
        policy.using(idempotent=True)
        for changes in ({"attempts": True}, {"attempts": 1.0}, {"idempotent": 1}):
            with pytest.raises(ConfigurationError):
                policy.using(**changes)

    def test_another_time_needs_no_other_code(self):
        """Seconds are often computed: what is left for this call, say."""
        policy = Policy("p", Timeout(60), Retry())
        codes = set()
        for seconds in range(1, 20):
            used = policy.using(timeout=seconds / 7)
            used.call(int)
            codes.add(used._call.__code__)
        assert len(codes) == 1

    def test_listeners_hear_it_too(self, world: World):
        policy = world.policy(Retry(base=0, budget=Budget(ratio=0, per_second=0, burst=1)))
        heard: list[str] = []
        used = policy.using(attempts=9)
        policy.on("budget_exhausted", lambda event: heard.append(event.source))
        with pytest.raises(ConnectionRefusedError):
            world.call(used, Script((0, DOWN)))
        assert heard == ["p: retry"]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"attempt": 2}, "did you mean 'attempts'"),
            ({"limit": 2}, "bulkhead"),
            ({"seconds": 1}, "several"),
            ({"attempts": -1}, "at least 1"),
            ({"xyzzy": 1}, "using\\(\\) takes"),
        ],
        ids=str,
    )
    def test_refuses_what_it_cannot_change(self, changes: dict[str, Any], message: str):
        policy = Policy("p", Timeout(3), Retry(), Bulkhead(1), Timeout(1))
        with pytest.raises(ConfigurationError, match=message):
            policy.using(**changes)


class TestOn:
    def test_listeners_hear_the_events_they_asked_for(self, world: World):
        policy = world.policy(Fallback("x"), Retry(attempts=2, base=0), CircuitBreaker.consecutive(2, open_for=5))
        all_of_them: list[Event] = []
        openings: list[Event] = []
        policy.on("*", all_of_them.append)
        policy.on("opened", openings.append)
        for _ in range(2):
            world.call(policy, Script((1, DOWN)))
        assert [event.name for event in all_of_them] == ["retry", "opened", "fallback", "refused", "fallback"]
        assert [(event.name, event.source, event.now) for event in openings] == [
            ("opened", "p: circuit_breaker", 2 * SECOND)
        ]

    def test_a_substitute_for_a_result_has_no_failure(self, world: World):
        policy = world.policy(Fallback(lambda failure: failure.kind, results=lambda value: value is None))
        heard: list[Any] = []
        policy.on("fallback", lambda event: heard.append(event.detail))
        assert world.call(policy, Script((0, None))) == "result"
        assert world.call(policy, Script((0, DOWN))) == "connect"
        assert [failure and failure.kind for failure in heard] == [None, "connect"]

    def test_listeners_can_be_taken_away(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0))
        heard: list[Event] = []
        remove = policy.on("retry", heard.append)
        policy.on("retry", lambda event: remove())
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                world.call(policy, Script((0, DOWN)))
        assert len(heard) == 1
        remove()  # twice does no harm

    def test_one_that_raises_changes_nothing(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0))
        heard: list[Event] = []
        policy.on("retry", lambda event: 1 / 0)
        policy.on("retry", heard.append)
        assert world.call(policy, Script((0, DOWN), (0, "fine"))) == "fine"
        assert len(heard) == 1

    def test_a_shared_strategy_tells_the_listeners_of_all_its_policies(self, world: World):
        db = shared("db", CircuitBreaker.consecutive(1))
        a, b = world.policy(db, name="a"), world.policy(db, name="b")
        heard: list[str] = []
        a.on("opened", lambda event: heard.append("a"))
        b.on("opened", lambda event: heard.append("b"))
        with pytest.raises(ConnectionRefusedError):
            world.call(b, Script((0, DOWN)))
        assert heard == ["a", "b"]

    def test_of_unknown_events_and_listeners_is_refused(self):
        policy = Policy("p", Retry())
        with pytest.raises(ConfigurationError, match="did you mean 'opened'"):
            policy.on("opend", print)
        with pytest.raises(ConfigurationError, match="events: retry"):
            policy.on("weather", print)
        with pytest.raises(ConfigurationError, match="function"):
            policy.on("retry", 5)  # type: ignore[arg-type]
        assert policy.emit is None


class TestHandles:
    def test_a_breaker_is_operated_by_hand(self, world: World):
        policy = world.policy(CircuitBreaker.consecutive(1, open_for=10, open_jitter=0))
        breaker = policy[CircuitBreaker]
        breaker.force_open()
        with pytest.raises(CircuitOpen, match="forced open"):
            world.call(policy, Script((0, "fine")))
        breaker.force_closed()
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                world.call(policy, Script((0, DOWN)))
        breaker.auto()
        assert (breaker.state, breaker.mode, breaker.remaining) == ("closed", "auto", 0)
        with pytest.raises(ConnectionRefusedError):
            world.call(policy, Script((0, DOWN)))
        world.pass_time(4)
        if not world.asynchronous:
            assert (breaker.state, breaker.remaining) == ("open", 6)

    def test_show_the_state(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0, budget=Budget(0, per_second=0, burst=3)), Bulkhead(4, queue=2))
        seen: list[tuple[int, int]] = []
        with pytest.raises(ConnectionRefusedError):
            world.call(policy, Script((0, DOWN)))
        bulkhead = policy[Bulkhead]
        world.call(policy, lambda: seen.append((bulkhead.inside, bulkhead.waiting)))
        assert seen == [(1, 0)]
        assert (bulkhead.inside, policy[Retry].tokens, policy[0].options) == (0, 2, policy.strategies[0])
        assert Policy("q", Retry())[Retry].tokens is None
        assert "Bulkhead(limit=4" in repr(bulkhead)

    def test_of_none_or_several_are_refused(self):
        policy = Policy("p", Timeout(2), Timeout(1))
        kinds: list[Any] = [Retry, Timeout, 2, -3, "timeout", None]
        for kind in kinds:
            with pytest.raises(KeyError):
                policy[kind]
        assert policy[1].options == Timeout(1)


class TestFallbackOfAFunction:
    def test_gets_the_failure_and_the_arguments(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0))
        guarded = policy(world.function(lambda symbol, *, times=1: 1 / 0))

        @guarded.fallback
        def last_known(failure: Failure, symbol: str, *, times: int = 1) -> str:
            return f"{failure.kind} {symbol * times}"

        assert world.run(guarded, "ab", times=2) == "unknown abab"
        assert world.run(guarded, symbol="c") == "unknown c"
        assert last_known(Failure("timeout"), "x") == "timeout x"  # it stays what it was

    def test_answers_only_what_on_names(self, world: World):
        guarded = world.policy(Retry(attempts=1))(world.function(lambda: 1 / 0))

        @guarded.fallback(on=KeyError)
        def never(failure: Failure) -> None: ...

        with pytest.raises(ZeroDivisionError):
            world.run(guarded)

    def test_may_be_async(self):
        world = LoopWorld()
        guarded = world.policy(Retry(attempts=1))(world.function(lambda symbol: 1 / 0))

        @guarded.fallback
        async def last_known(failure: Failure, symbol: str) -> str:
            return symbol

        assert world.run(guarded, "a") == "a"
        world.close()

    def test_is_that_of_the_function_alone(self, world: World):
        policy = world.policy(CircuitBreaker.consecutive(1))
        one, other = (policy(world.function(lambda: 1 / 0)) for _ in range(2))
        with pytest.raises(ZeroDivisionError):
            world.run(other)  # compiled before one has a fallback
        one.fallback(lambda failure: failure.reason)  # type: ignore[misc]
        assert world.run(one) == "CIRCUIT_OPEN"  # the gates are those of the policy
        with pytest.raises(CircuitOpen):
            world.run(other)

    def test_of_what_is_no_function_is_refused(self):
        guarded = Policy("p")(print)
        with pytest.raises(ConfigurationError, match="function"):
            guarded.fallback("last known")  # type: ignore[call-overload]


class TestStandard:
    def test_is_the_recommended_composition(self):
        kinds = [strategy.KIND for strategy in Policy.standard("p", timeout=3).strategies]  # type: ignore[union-attr]
        assert kinds == ["timeout", "retry", "circuit_breaker", "bulkhead", "timeout"]
        policy = Policy.standard("p", timeout=3, attempts=4, idempotent=True, limit=7)
        assert policy[Retry].options.budget == Budget()
        assert policy[Retry].options.idempotent
        assert policy[Bulkhead].options.limit == policy[Bulkhead].options.queue == 7
        assert policy[4].options.seconds == pytest.approx(0.45)
        assert lint(tuple(layer.options for layer in policy.layers)) == []

    def test_refuses_what_means_nothing(self):
        wrong: dict[str, Any]
        for wrong in (
            {"timeout": -1},
            {"timeout": "5"},
            {"timeout": None},
            {"timeout": 10**400},
            {"timeout": 1, "attempts": 0},
            {"timeout": 1, "limit": 0},
        ):
            with pytest.raises(ConfigurationError):
                Policy.standard("p", **wrong)


def test_class_and_static_methods_are_guarded(world: World):
    policy = world.policy(Retry(attempts=2, base=0, on=ValueError))
    calls: list[Any] = []

    class Client:
        @policy
        @classmethod
        def load(cls, name: str) -> None:
            calls.append((cls, name))
            raise ValueError

        @policy
        @staticmethod
        def save(name: str) -> None:
            calls.append(name)
            raise ValueError

    for method in (Client.load, Client().save):
        with pytest.raises(ValueError):  # noqa: PT011
            method("a")  # type: ignore[call-arg] # mypy binds static methods of an instance
    assert calls == [(Client, "a"), (Client, "a"), "a", "a"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_has_pauses_and_places_of_its_own():
    policy, seeded = Policy("p", Retry(), Bulkhead(2, queue=1)), Policy("q", CircuitBreaker(), seed=5)
    before = policy.seed

    def child() -> str:
        return f"{policy.seed != before} {seeded.seed == 5} {policy[Bulkhead].inside} {policy.call(lambda: 'in')}"

    def fork() -> str:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(writing, child().encode())
            os._exit(0)
        os.waitpid(pid, 0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            return pipe.read()

    assert policy.call(fork) == "True True 0 in"
    assert policy[Bulkhead].inside == 0
    assert policy.seed == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_step_of_its_parent():
    """A thread that is not in the child held the lock of steps."""
    held, over = threading.Event(), threading.Event()

    def step() -> None:
        with interpreted.LOCK:
            held.set()
            over.wait()

    thread = threading.Thread(target=step)
    thread.start()
    held.wait()
    try:
        pid = os.fork()
        if not pid:
            os._exit(0 if interpreted.LOCK.acquire(blocking=False) else 1)
        assert os.waitpid(pid, 0)[1] == 0
    finally:
        over.set()
        thread.join()


def test_under_a_tracer_in_python_calls_are_carried_out_step_by_step():
    seen: list[str] = []

    def tracer(frame: Any, event: str, argument: Any) -> None:
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        policy = Policy("p", Retry())
    finally:
        sys.settrace(before)
    assert seen
    assert policy.FRAMES is interpreted
    assert policy.call(lambda: "fine") == "fine"


def test_failures_that_mean_nothing_are_refused():
    with pytest.raises(ConfigurationError, match="failures"):
        Policy("p", Timeout(1), failures=42)


def test_a_refusal_may_be_made_without_a_time():
    refusal = CircuitOpen("here", "CIRCUIT_OPEN")
    assert refusal.retry_after is None
    assert refusal.failure.retry_after is None
