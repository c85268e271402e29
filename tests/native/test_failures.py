"""What comes out of a guarded call, and what decides which failures count: `on=`, `failures=`, predicates."""

from __future__ import annotations

import gc
import traceback
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from backstay import (
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
)
from tests.support.worlds import Script, World


class Mine(Exception):
    pass


class MineToo(Mine):
    pass


class Other(Exception):
    pass


def everything(**options: Any) -> tuple[Any, ...]:
    return (
        Timeout(60),
        Retry(attempts=3, base=0.1, **options),
        CircuitBreaker.consecutive(9),
        Bulkhead(2, queue=2),
        Timeout(20),
    )


class TestWhatComesOut:
    @pytest.mark.parametrize("strategies", [(), everything(), everything(on=Mine)], ids=["none", "all", "retried"])
    def test_the_callers_own_exception_unchanged(self, world: World, strategies: tuple[Any, ...]):
        error = Mine("reason", 42)
        error.__cause__ = cause = Other()
        with pytest.raises(Mine) as caught:
            world.call(world.policy(*strategies), Script((0.5, error)))
        assert caught.value is error
        assert error.args == ("reason", 42)
        assert error.__cause__ is cause
        assert error.__context__ is None

    def test_the_last_attempts_own_exception(self, world: World):
        first, second = Mine("first"), Mine("second")
        with pytest.raises(Mine) as caught:
            world.call(world.policy(Retry(attempts=2, on=Mine)), Script((0, first), (0, second)))
        assert caught.value is second
        assert second.__context__ is None

    def test_the_traceback_leads_to_the_line_that_raised(self, world: World):
        def broken() -> None:
            raise Mine

        with pytest.raises(Mine) as caught:
            world.call(world.policy(*everything(on=Mine)), broken)
        lines = traceback.extract_tb(caught.value.__traceback__)
        assert lines[-1].name == "broken"
        assert [line.name for line in lines].count("broken") == 1

    def test_the_callers_own_value_unchanged(self, world: World):
        value = object()
        assert world.call(world.policy(*everything()), Script((0.5, value))) is value

    @pytest.mark.parametrize("own", [False, True], ids=["refusal", "own exception"])
    def test_an_exception_is_not_kept_alive_by_the_frames_it_went_through(self, world: World, own: bool):
        policy = world.policy(Retry(attempts=2, on=Mine, base=0), Bulkhead(1, queue=0))
        inner = world.policy(Timeout(1))
        if own:
            what = world.function(lambda: (_ for _ in ()).throw(Mine()))
        else:
            policy.layers[1].epoch.free = 0  # type: ignore[attr-defined]
            what = world.function(lambda: None)
        seen: list[weakref.ref[BaseException]] = []

        def attempt() -> None:
            try:
                inner(policy(what))()
            except Exception as error:
                seen.append(weakref.ref(error))

        async def async_attempt() -> None:
            try:
                await inner(policy(what))()
            except Exception as error:
                seen.append(weakref.ref(error))

        attempts = async_attempt if world.asynchronous else attempt
        world.run(attempts)  # once before, for what is made only once
        gc.collect()
        gc.disable()
        try:
            world.run(attempts)
            assert seen[-1]() is None
        finally:
            gc.enable()

    def test_what_is_no_exception_passes_through_unjudged(self, world: World):
        """The others of its kind stop an event loop; see test_interrupts."""
        kind = GeneratorExit
        policy = world.policy(
            Fallback("hidden"), Retry(attempts=3, base=0), CircuitBreaker.consecutive(1), Bulkhead(1), Timeout(5)
        )
        script = Script((0, kind()), (0, "fine"))
        with pytest.raises(kind):
            world.call(policy, script)
        assert script.calls == 1
        assert world.call(policy, script) == "fine"


class TestOn:
    """`on=` names failures by class, by a tuple of classes, by a predicate and by kind."""

    @pytest.mark.parametrize(
        ("on", "error", "named"),
        [
            (Mine, Mine(), True),
            (Mine, MineToo(), True),
            (MineToo, Mine(), False),
            ((Other, MineToo), MineToo(), True),
            ((Other, MineToo), Other(), True),
            ((Other, MineToo), Mine(), False),
            (lambda e: "again" in str(e), Mine("try again"), True),
            (lambda e: "again" in str(e), Mine("never"), False),
            (lambda e: [], Mine(), False),
            ("connect", ConnectionRefusedError(), True),
            ("connect", ConnectionResetError(), False),
            (("connect", "disconnect"), ConnectionResetError(), True),
            (["connect", "disconnect"], ConnectionResetError(), True),
            ("transport_errors", TimeoutError(), True),
            ("any_failure", Mine(), True),
        ],
    )
    def test_retry_and_breaker_and_fallback_read_it_alike(self, world: World, on: Any, error: Exception, named: bool):
        script = Script((0, error), (0, "second"))
        retry = world.policy(Retry(attempts=2, base=0, on=on))
        breaker = world.policy(CircuitBreaker.consecutive(1, on=on))
        fallback = world.policy(Fallback("substitute", on=on))
        if named:
            assert world.call(retry, script) == "second"
            assert world.call(fallback, Script((0, error))) == "substitute"
        else:
            for policy in (retry, fallback):
                with pytest.raises(type(error)):
                    world.call(policy, Script((0, error)))
        for expected in (type(error), CircuitOpen if named else type(error)):
            with pytest.raises(expected):
                world.call(breaker, Script((0, error)))

    @pytest.mark.parametrize(
        "on", [42, int, (), [], (Mine, "connect"), "connekt", ("connect", "nothing"), (Mine, 42), object()], ids=repr
    )
    @pytest.mark.parametrize("strategy", [Retry, CircuitBreaker, Fallback])
    def test_what_names_nothing_is_refused(self, on: Any, strategy: Any):
        with pytest.raises(ConfigurationError):
            strategy(on=on)

    def test_a_class_also_matches_what_backstay_raises_inside(self, world: World):
        slow = Script((9, "late"), (0, "second"))
        policy = world.policy(Retry(attempts=2, base=0, on=TimedOut), Timeout(1))
        if world.asynchronous:
            assert world.call(policy, slow) == "second"
        inner = world.policy(CircuitBreaker.consecutive(1), name="inner")
        inner.layers[0].force_open(0)  # type: ignore[attr-defined]
        outer = world.policy(Fallback("substitute", on=CircuitOpen))
        assert world.run(outer(inner(world.function(Script((0, "fine")))))) == "substitute"
        own = world.policy(Fallback("substitute", on=CircuitOpen), CircuitBreaker.consecutive(1))
        own.layers[1].force_open(0)  # type: ignore[attr-defined]
        assert world.call(own, Script((0, "fine"))) == "substitute"


class TestFailures:
    """`failures=` is the classification of all strategies that judge and have no `on` of their own."""

    def test_is_used_by_retry_and_breaker(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0), CircuitBreaker.consecutive(2), failures=Mine)
        script = Script((0, Mine()))
        with pytest.raises(Mine):
            world.call(policy, script)
        assert script.calls == 2
        with pytest.raises(CircuitOpen):
            world.call(policy, script)

    def test_what_it_does_not_name_counts_nowhere(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0), CircuitBreaker.consecutive(1), failures=Mine)
        script = Script((0, ConnectionRefusedError()))
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                world.call(policy, script)
        assert script.calls == 2

    def test_each_strategy_may_override_it(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0, on=Other), CircuitBreaker.consecutive(3), failures=Mine)
        script = Script((0, Mine()), (0, Other()), (0, "fine"))
        with pytest.raises(Mine):
            world.call(policy, script)
        assert world.call(policy, script) == "fine"
        assert policy.strategies[0].on is Other  # type: ignore[union-attr]
        assert policy.strategies[1].on is Mine  # type: ignore[union-attr]

    def test_takes_what_on_takes(self):
        for failures in (Mine, (Mine, Other), "transport_errors", lambda e: True):
            assert Policy("p", Retry(), failures=failures).strategies[0].on is failures  # type: ignore[union-attr]
        with pytest.raises(ConfigurationError):
            Policy("p", Retry(), failures=42)


class TestPredicates:
    """A predicate of the user's that raises ends the call with its error, and leaks nothing (EX5)."""

    @pytest.mark.parametrize(
        "strategy",
        [
            lambda broken: Retry(attempts=3, base=0, on=broken),
            lambda broken: Retry(attempts=3, base=0, results=broken),
            lambda broken: CircuitBreaker.consecutive(1, on=broken),
            lambda broken: CircuitBreaker.consecutive(1, results=broken),
            lambda broken: Fallback("inner", on=broken),
            lambda broken: Fallback("inner", results=broken),
        ],
        ids=[
            "Retry-on",
            "Retry-results",
            "CircuitBreaker-on",
            "CircuitBreaker-results",
            "Fallback-on",
            "Fallback-results",
        ],
    )
    @pytest.mark.parametrize("error", [Other("broken"), GeneratorExit()], ids=repr)
    def test_that_raises(self, world: World, strategy: Any, error: BaseException):
        def broken(subject: Any) -> bool:
            raise error

        places = [Bulkhead(1), Bulkhead(2), Bulkhead(3)]
        policy = world.policy(
            Fallback("hidden"),
            Retry(attempts=5, on=Exception, base=0),
            CircuitBreaker.consecutive(1),
            places[0],
            Timeout(90),
            strategy(broken),
            places[1],
            Timeout(60),
            places[2],
        )
        outcome = "bad" if getattr(policy.strategies[5], "results", None) else Mine()
        script = Script((0, outcome))
        for _ in range(2):
            with pytest.raises(type(error)) as caught:
                world.call(policy, script)
            assert caught.value is error
            for position, limit in ((3, 1), (6, 2), (8, 3)):
                assert policy.layers[position].free == limit  # type: ignore[attr-defined]
        assert script.calls == 2

    def test_that_reads_the_result(self, world: World):
        policy = world.policy(
            Fallback("substitute", results=lambda value: value is None),
            Retry(attempts=2, results=lambda v: v == "busy"),
        )
        assert world.call(policy, Script((0, "busy"), (0, "done"))) == "done"
        assert world.call(policy, Script((0, "busy"), (0, None))) == "substitute"
        assert world.call(policy, Script((0, "busy"))) == "busy"


def attach(policy: Policy, listener: Any) -> None:
    policy.emit = listener
    for layer in policy.layers:
        layer.emit = listener


class TestListeners:
    """What listens is never part of a decision: not even when it fails."""

    def test_are_told_what_happens(self, world: World):
        policy = world.policy(
            Fallback("else"), Retry(attempts=2, base=1, backoff="constant"), CircuitBreaker.consecutive(2)
        )
        heard: list[tuple[int, str]] = []
        attach(policy, lambda now, event, detail: heard.append((now, event)))
        assert world.call(policy, Script((0, ConnectionRefusedError()))) == "else"
        assert world.call(policy, Script((0, "fine"))) == "else"
        second = 1_000_000_000
        assert heard == [
            (0, "retry"),
            (second, "opened"),
            (second, "fallback"),
            (second, "refused"),
            (second, "fallback"),
        ]

    def test_that_raise_change_nothing(self, world: World):
        def run(emit: Any) -> list[Any]:
            policy = world.policy(
                Fallback("else", on=(CircuitOpen,)),
                Bulkhead(1),
                Retry(attempts=2, base=0),
                CircuitBreaker.consecutive(2, open_for=5, open_jitter=0),
                Bulkhead(1),
            )
            attach(policy, emit)
            outcomes: list[Any] = []
            for script in (Script((0, ConnectionRefusedError())), Script((0, "a")), Script((0, "b"))):
                try:
                    outcomes.append(world.call(policy, script))
                except Exception as error:
                    outcomes.append(repr(error))
                outcomes.append(script.calls)
                policy.snapshot(world.now)
            world.pass_time(5)
            outcomes += [world.call(policy, Script((0, "c"))), policy.snapshot(world.now)["state"]]
            return outcomes

        def broken(now: int, event: str, detail: Any) -> None:
            calls.append(event)
            raise Other(event)

        calls: list[str] = []
        quiet, loud = run(None), run(broken)
        assert set(calls) == {"retry", "opened", "refused", "fallback", "probing", "closed"}
        assert loud == quiet


def test_a_failure_names_its_exception(world: World):
    error = Mine("why")
    seen: list[Failure] = []

    def substitute(failure: Failure) -> str:
        seen.append(failure)
        return "else"

    assert world.call(world.policy(Fallback(substitute)), Script((0, error))) == "else"
    assert (seen[0].kind, seen[0].message, seen[0].cause) == ("unknown", "why", error)


class Refuses(ConnectionRefusedError):
    def add_note(self, note: str) -> None:
        raise RuntimeError("no notes, please")


class Noted(ConnectionRefusedError):
    __notes__ = ["of the class"]  # noqa: RUF012


class Sealed(ConnectionRefusedError):
    __notes__ = 5  # type: ignore[assignment]


@pytest.mark.parametrize("cls", [Refuses, Noted, Sealed])
def test_a_class_with_ideas_of_its_own_about_notes_comes_out_as_it_is(world: World, cls: type[Exception]):
    """Also where other exceptions have left a text that is ready to be used."""
    policy = world.policy(Retry(attempts=2, base=0))
    for error in (ConnectionRefusedError(), cls(), cls()):
        with pytest.raises(ConnectionRefusedError) as caught:
            world.call(policy, Script((0, error)))
        assert caught.value is error
    assert Noted.__notes__ == ["of the class"]


@pytest.mark.parametrize(
    "strategies",
    [
        (Retry(attempts=2, base=0, on=Mine),),
        (Fallback("else", on=Mine),),
        (CircuitBreaker(on=lambda error: False),),
        (Retry(attempts=2, base=0), CircuitBreaker(slow_call=3)),
    ],
    ids=lambda strategies: type(strategies[0]).__name__,
)
def test_at_the_end_of_the_stack(policies: type[Policy], strategies: tuple[Any, ...]):
    """Wherever in a frame the stack ends, it is a RecursionError that comes out, and places are given back."""

    for padding in range(12):
        policy = policies("p", Bulkhead(100_000), *strategies)

        @policy
        def endless() -> None:
            endless()

        def padded(depth: int) -> None:
            if depth:
                padded(depth - 1)
            else:
                endless()

        for _ in range(2):
            with pytest.raises(RecursionError):
                padded(padding)
        assert policy.layers[0].free == 100_000  # type: ignore[attr-defined]


def test_a_refusal_of_another_policy_of_the_same_name_is_not_ones_own(world: World):
    outer = world.policy(Retry(attempts=3, base=0, on=CircuitOpen), CircuitBreaker.consecutive(9), name="db")
    calls = 0

    def function() -> None:
        nonlocal calls
        calls += 1
        raise CircuitOpen("db: " + CircuitBreaker.KIND, "CIRCUIT_OPEN", None)

    with pytest.raises(CircuitOpen):
        world.call(outer, function)
    assert calls == 3


def test_a_refusal_that_says_nothing_is_passed_on(world: World):
    """One that somebody made for a test, say."""
    policy = world.policy(Retry(attempts=3, base=0), CircuitBreaker.consecutive(1))
    for error in (CircuitOpen(), CircuitOpen("the database is asleep")):
        with pytest.raises(CircuitOpen) as caught:
            world.call(policy, Script((0, error)))
        assert caught.value is error
        assert (str(error), error.reason, error.retry_after) == (error.where, "", None)
        assert error.failure.kind == "rejected"
    assert world.call(policy, Script((0, "fine"))) == "fine"


class Hides(ConnectionError):
    """It says nothing of what it carries, and takes no notes."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("look elsewhere")


class Watches(ConnectionError):
    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            raise RuntimeError("look elsewhere")
        return super().__getattribute__(name)


class TakesNoNotes(ConnectionError):
    def add_note(self, note: str, /) -> None:
        raise TypeError("no notes")


class Slotted(ConnectionError):
    __slots__ = ("status",)


@pytest.mark.parametrize("cls", [Hides, Watches, TakesNoNotes, Slotted, ConnectionError], ids=lambda cls: cls.__name__)
def test_exceptions_of_all_manners_come_out_as_they_are(world: World, cls: type[ConnectionError]):
    """Retried, counted and passed on by their class, the first time and when the answer is remembered."""
    policy = world.policy(
        Fallback("else", on=LookupError), Retry(3, base=0, on=cls), CircuitBreaker(1.0, 6, minimum_calls=6, on=cls)
    )
    for _ in range(2):
        last = cls()
        script = Script((0, cls()), (0, cls()), (0, last))
        with pytest.raises(cls) as caught:
            world.call(policy, script)
        assert caught.value is last
        assert script.calls == 3
    with pytest.raises(CircuitOpen):
        world.call(policy, Script((0, "fine")))


def test_what_an_exception_carries_decides_though_its_class_is_known(world: World):
    policy = world.policy(Retry(3, base=0, idempotent=True))
    for status, calls in ((None, 1), (404, 1), (503, 3), (None, 1), (503, 3)):
        error = Answered(status)
        script = Script((0, error))
        with pytest.raises(Answered):
            world.call(policy, script)
        assert script.calls == calls


class Answered(Exception):
    """As HTTP libraries raise it, with a response or without."""

    def __init__(self, status: int | None) -> None:
        super().__init__("failed")
        if status is not None:
            self.response = SimpleNamespace(status_code=status, headers={})
