"""Guarded generators (rules GN1 to GN10 in `backstay.streams`): sync, and async under asyncio and trio."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import gc
import inspect
import threading
import traceback
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio

from backstay import (
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    Fallback,
    Policy,
    Retry,
    TimedOut,
    Timeout,
    remaining,
)
from backstay.ambient import AMBIENT
from tests.support.trio_world import TrioWorld
from tests.support.worlds import FLAVOURS, LoopWorld, SyncWorld

SECOND = 1_000_000_000
WORLDS: dict[str, Callable[[type[Policy]], Any]] = {"sync": SyncWorld, "asyncio": LoopWorld, "trio": TrioWorld}


class Slotted(Exception):
    __slots__ = ()

    def add_note(self, note: str) -> None:
        raise TypeError("no notes")


def made(params: list[str]) -> Any:
    @pytest.fixture(params=[f"{name}-{flavour}" for name in params for flavour in FLAVOURS])
    def fixture(request: pytest.FixtureRequest) -> Iterator[Any]:
        name, flavour = request.param.split("-")
        world = WORLDS[name](FLAVOURS[flavour])
        yield world
        world.close()

    return fixture


world = made(["sync", "asyncio", "trio"])
async_world = made(["asyncio", "trio"])


def gates(policy: Policy) -> list[int]:
    """How many are inside each Bulkhead."""
    layers: tuple[Any, ...] = policy.layers
    return [x.options.limit - x.free - x.waiting for x in layers if x.options.KIND == "bulkhead"]


def counts(policy: Policy) -> Any:
    """(calls, failed, slow) in the window of the policy's breaker."""
    [breaker] = [layer for layer in policy.layers if layer.options.KIND == "circuit_breaker"]
    state: Any = breaker
    return state.closed.counts(0)


class Source:
    """A generator function of a world: each call takes the next script, a list of (seconds, item or exception)."""

    def __init__(self, world: Any, *scripts: list[Any]) -> None:
        self.world = world
        self.scripts = scripts
        self.calls = 0
        self.ends: list[str] = []
        self.function: Any = self.asynchronous if world.asynchronous else self.sync

    def script(self) -> list[Any]:
        self.calls += 1
        return self.scripts[min(self.calls, len(self.scripts)) - 1]

    def sync(self) -> Iterator[Any]:
        end = "closed"
        try:
            for seconds, item in self.script():
                self.world.pass_time(seconds)
                if isinstance(item, BaseException):
                    end = "failed"
                    raise item
                yield item
            end = "exhausted"
        finally:
            self.ends.append(end)

    async def asynchronous(self) -> AsyncIterator[Any]:
        end = "closed"
        try:
            for seconds, item in self.script():
                if seconds:
                    await self.world.sleep(seconds)
                if isinstance(item, BaseException):
                    end = "failed"
                    raise item
                yield item
            end = "exhausted"
        finally:
            self.ends.append(end)


def read(world: Any, guarded: Any, *, at_most: int = 1000, each: Callable[[Any], Any] | None = None) -> list[Any]:
    """The items of a guarded generator; closes it after `at_most`."""
    items: list[Any] = []

    def take(item: Any) -> bool:
        items.append(item)
        if each is not None:
            each(item)
        return len(items) >= at_most

    def sync() -> None:
        with contextlib.closing(guarded()) as generator:
            for item in generator:
                if take(item):
                    break

    async def asynchronous() -> None:
        async with contextlib.aclosing(guarded()) as generator:
            async for item in generator:
                if take(item):
                    break

    world.run(asynchronous if world.asynchronous else sync)
    return items


EVERYTHING = (
    Timeout(60),
    Retry(attempts=3, base=1, backoff="constant", idempotent=True),
    CircuitBreaker(),
    Bulkhead(1, queue=1),
    Timeout(5),
)


class TestBeforeTheFirstItem:
    def test_items_come_through(self, world: Any):
        policy = world.policy(*EVERYTHING)
        source = Source(world, [(1, "a"), (1, "b"), (0, None), (0, "c")])
        assert read(world, policy(source.function)) == ["a", "b", None, "c"]
        assert (counts(policy), gates(policy)) == ((1, 0, 0), [0])

    def test_none_is_a_success(self, world: Any):
        policy = world.policy(*EVERYTHING)
        assert read(world, policy(Source(world, []).function)) == []
        assert (counts(policy), gates(policy)) == ((1, 0, 0), [0])

    def test_failures_are_tried_again(self, world: Any):
        policy = world.policy(*EVERYTHING)
        refused = [(0, ConnectionRefusedError())]
        source = Source(world, refused, refused, [(0, "a"), (0, "b")])
        assert read(world, policy(source.function)) == ["a", "b"]
        assert (source.calls, world.now, counts(policy)) == (3, 2 * SECOND, (3, 2, 0))

    @pytest.mark.parametrize("error", [ConnectionRefusedError("own"), Slotted("own")], ids=repr)
    def test_the_last_failure_comes_out_unchanged(self, world: Any, error: Exception):
        policy = world.policy(Retry(attempts=2, base=0, on=(ConnectionRefusedError, Slotted)), Bulkhead(1))
        source = Source(world, [(0, error)])
        with pytest.raises(type(error)) as caught:
            read(world, policy(source.function))
        assert caught.value is error
        assert caught.value.__context__ is caught.value.__cause__ is None
        assert (source.calls, gates(policy)) == (2, [0])

    def test_a_timeout_cancels_the_attempt(self, async_world: Any):
        policy = async_world.policy(*EVERYTHING)
        source = Source(async_world, [(9, "late")], [(1, "a")])
        assert read(async_world, policy(source.function)) == ["a"]
        assert async_world.now == 7 * SECOND
        assert source.ends == ["closed", "exhausted"]
        assert gates(policy) == [0]

    def test_the_total_bounds_all_attempts_and_pauses(self, async_world: Any):
        policy = async_world.policy(Timeout(8), *EVERYTHING[1:])
        source = Source(async_world, [(9, "late")])
        with pytest.raises(TimedOut) as caught:
            read(async_world, policy(source.function))
        assert (caught.value.seconds, async_world.now, source.calls) == (8, 8 * SECOND, 2)

    def test_a_late_first_item_of_a_thread_is_handed_on_and_slow(self):
        world = SyncWorld()
        policy = world.policy(Retry(), CircuitBreaker(), Timeout(5))
        source = Source(world, [(9, "late"), (0, "b")])
        assert read(world, policy(source.function)) == ["late", "b"]
        assert counts(policy) == (1, 0, 1)

    def test_a_first_item_in_answer_to_the_cancellation_counts(self, async_world: Any):
        async def stubborn() -> AsyncIterator[str]:
            try:
                await async_world.sleep(10)
            except BaseException:
                pass
            yield "kept"
            await async_world.sleep(10)
            yield "more"

        policy = async_world.policy(CircuitBreaker(), Timeout(2))
        assert read(async_world, policy(stubborn)) == ["kept", "more"]
        assert async_world.now == 12 * SECOND

    def test_a_breaker_refuses_the_first_resumption(self, world: Any):
        policy = world.policy(Retry(), CircuitBreaker())
        policy.layers[1].force_open(0)
        source = Source(world, [(0, "a")])
        with pytest.raises(CircuitOpen):
            read(world, policy(source.function))
        assert source.calls == 0

    def test_nothing_is_asked_before_it(self, world: Any):
        policy = world.policy(Bulkhead(1), CircuitBreaker(), Timeout(1))
        source = Source(world, [(0, "a")])
        generators = [policy(source.function)() for _ in range(5)]
        assert gates(policy) == [0]
        for generator in generators:
            if not world.asynchronous:
                generator.close()
        assert (source.calls, counts(policy)) == (0, (0, 0, 0))

    def test_wrong_arguments_are_found_at_once(self, world: Any):
        with pytest.raises(TypeError, match="takes 1 positional argument"):
            world.policy()(Source(world, []).function.__func__)(1, 2)


class TestAfterTheFirstItem:
    def test_failures_come_out_and_count(self, world: Any):
        policy = world.policy(Fallback(["else"]), *EVERYTHING)
        error = ConnectionRefusedError("own")
        source = Source(world, [(0, "a"), (0, error)])
        seen: list[str] = []
        with pytest.raises(ConnectionRefusedError) as caught:
            read(world, policy(source.function), each=seen.append)
        assert caught.value is error
        assert getattr(error, "__notes__", []) == []
        assert (seen, source.calls, counts(policy), gates(policy)) == (["a"], 1, (1, 1, 0), [0])

    def test_no_timeout_applies(self, world: Any):
        policy = world.policy(*EVERYTHING)
        source = Source(world, [(1, "a"), (100, "b"), (100, "c")])
        assert read(world, policy(source.function), each=lambda _: world.asynchronous or world.pass_time(50)) == [
            *"abc"
        ]
        assert counts(policy) == (1, 0, 0)

    @pytest.mark.parametrize(("first", "slow"), [(1, 0), (3, 1)])
    def test_slow_is_a_matter_of_the_first_item(self, world: Any, first: float, slow: int):
        policy = world.policy(CircuitBreaker(slow_call=2))
        read(world, policy(Source(world, [(first, "a"), (100, "b")]).function))
        assert counts(policy) == (1, 0, slow)

    def test_gates_are_held_to_the_end(self, world: Any):
        policy = world.policy(Bulkhead(1), Retry(), Bulkhead(2))
        seen: list[list[int]] = []
        read(world, policy(Source(world, [(0, "a"), (0, "b")]).function), each=lambda _: seen.append(gates(policy)))
        assert seen == [[1, 1], [1, 1]]
        assert gates(policy) == [0, 0]

    def test_another_reader_is_refused_meanwhile(self):
        policy = Policy("p", Bulkhead(1))

        @policy
        def numbers() -> Iterator[int]:
            yield from range(3)

        first = numbers()
        assert next(first) == 0
        with pytest.raises(BulkheadFull):
            next(numbers())
        assert list(first) == [1, 2]
        assert list(numbers()) == [0, 1, 2]

    def test_closing_early_is_no_verdict(self, world: Any):
        policy = world.policy(*EVERYTHING)
        source = Source(world, [(0, "a"), (0, "b"), (0, "c")])
        assert read(world, policy(source.function), at_most=2) == ["a", "b"]
        assert (source.ends, counts(policy), gates(policy)) == (["closed"], (0, 0, 0), [0])

    def test_a_half_open_breaker_takes_a_probe_that_is_closed_back(self, world: Any):
        policy = world.policy(CircuitBreaker.consecutive(1, open_for=0))
        breaker: Any = policy.layers[0]
        with pytest.raises(ConnectionRefusedError):
            read(world, policy(Source(world, [(0, ConnectionRefusedError())]).function))
        source = Source(world, [(0, "a"), (0, "b")])
        for _ in range(3):
            assert read(world, policy(source.function), at_most=1) == ["a"]
            assert breaker.state == "half_open"
        assert read(world, policy(source.function)) == ["a", "b"]
        assert breaker.state == "closed"

    def test_a_predicate_that_raises_ends_it_with_that(self, world: Any):
        def broken(error: BaseException) -> bool:
            raise ZeroDivisionError

        policy = world.policy(Bulkhead(1), CircuitBreaker(on=broken), Bulkhead(1))
        source = Source(world, [(0, "a"), (0, KeyError())])
        with pytest.raises(ZeroDivisionError):
            read(world, policy(source.function))
        assert (counts(policy), gates(policy)) == ((0, 0, 0), [0, 0])

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    @pytest.mark.parametrize("items", [0, 1])
    def test_interrupts_are_no_verdict(self, error: type[BaseException], items: int):
        world = SyncWorld()
        policy = world.policy(*EVERYTHING)
        source = Source(world, [*([(0, "a")] * items), (0, error())])
        with pytest.raises(error):
            read(world, policy(source.function))
        assert (source.calls, counts(policy), gates(policy)) == (1, (0, 0, 0), [0])

    def test_items_are_not_kept_alive(self):
        class Item:
            pass

        @Policy("p", Retry())
        def items() -> Iterator[Item]:
            for _ in range(3):
                yield Item()

        generator: Any = items()
        first, second = weakref.ref(next(generator)), weakref.ref(next(generator))
        assert first() is None
        generator.close()
        assert second() is None

    def test_errors_are_not_kept_alive(self, world: Any):
        class Mine(Exception):
            pass

        policy = world.policy(*EVERYTHING)
        seen: list[weakref.ref[BaseException]] = []

        def run(script: list[Any]) -> None:
            def attempt() -> None:
                error = Mine()
                seen.append(weakref.ref(error))
                source = Source(world, [*script, (0, error)])
                del error
                guarded = policy(source.function)
                try:
                    read(world, guarded)
                except Mine:
                    pass
                source.scripts = ()

            attempt()

        gc.collect()
        run([])
        run([(0, "a")])
        gc.collect()
        assert [reference() for reference in seen] == [None, None]


class TestFallback:
    def test_answers_a_failure_before_the_first_item(self, world: Any):
        policy = world.policy(Fallback(["x", "y"]), CircuitBreaker(), Bulkhead(1))
        source = Source(world, [(0, KeyError())])
        seen: list[list[int]] = []
        assert read(world, policy(source.function), each=lambda _: seen.append(gates(policy))) == ["x", "y"]
        assert seen == [[0], [0]]  # what is inside the Fallback is over

    def test_answers_an_attempt_that_timed_out(self, async_world: Any):
        policy = async_world.policy(Fallback(("x",)), Timeout(2))
        assert read(async_world, policy(Source(async_world, [(9, "late")]).function)) == ["x"]
        assert async_world.now == 2 * SECOND

    def test_of_a_function_gets_the_arguments(self):
        policy = Policy("p", Retry(attempts=1))

        @policy
        def numbers(first: int, *, last: int = 3) -> Iterator[int]:
            raise KeyError("broken")
            yield first

        @numbers.fallback
        def backwards(failure: Any, first: int, *, last: int = 3) -> Iterator[int]:
            assert isinstance(failure.cause, KeyError)
            yield from range(last, first, -1)

        assert list(numbers(1, last=4)) == [4, 3, 2]
        assert list(numbers(1)) == [3, 2]
        assert inspect.isgeneratorfunction(numbers)

    @pytest.mark.parametrize("form", ["async generator", "list", "coroutine", "iterator"])
    def test_of_an_async_generator(self, async_world: Any, form: str):
        async def async_generator(failure: object) -> AsyncIterator[str]:
            yield "x"
            await async_world.sleep(1)
            yield "y"

        async def coroutine(failure: object) -> list[str]:
            await async_world.sleep(1)
            return ["x", "y"]

        forms: dict[str, Any] = {
            "async generator": async_generator,
            "list": ["x", "y"],
            "coroutine": coroutine,
            "iterator": lambda failure: iter(["x", "y"]),
        }
        policy = async_world.policy(Fallback(forms[form]), Timeout(5))
        assert read(async_world, policy(Source(async_world, [(0, KeyError())]).function)) == ["x", "y"]

    def test_that_fails_is_judged_outside_of_it(self, world: Any):
        def broken(failure: object) -> Any:
            raise LookupError

        policy = world.policy(Fallback(["z"], on=LookupError), CircuitBreaker(on=LookupError), Fallback(broken))
        assert read(world, policy(Source(world, [(0, ValueError())]).function)) == ["z"]
        assert counts(policy) == (1, 1, 0)

    def test_that_fails_after_its_first_item_counts_outside_of_it(self, world: Any):
        def half(failure: object) -> Iterator[str]:
            yield "x"
            raise LookupError

        policy = world.policy(Bulkhead(1), CircuitBreaker(on=LookupError), Fallback(half), Bulkhead(1))
        seen: list[Any] = []
        with pytest.raises(LookupError):
            read(world, policy(Source(world, [(0, ValueError())]).function), each=lambda _: seen.append(gates(policy)))
        assert (seen, counts(policy), gates(policy)) == ([[1, 0]], (1, 1, 0), [0, 0])

    @pytest.mark.parametrize("value", [None, 5, "text", b"bytes", object(), iter([1])], ids=repr)
    def test_that_has_no_items_is_refused(self, world: Any, value: Any):
        with pytest.raises(ConfigurationError, match="itera"):
            world.policy(Fallback(value))(Source(world, []).function)

    @pytest.mark.parametrize("value", [None, 5, "text", b"bytes"], ids=repr)
    def test_whose_function_makes_no_items_is_a_mistake(self, world: Any, value: Any):
        policy = world.policy(Fallback(["outer"]), Bulkhead(1), Fallback(lambda failure: value))
        with pytest.raises(ConfigurationError, match="iterable"):
            read(world, policy(Source(world, [(0, KeyError())]).function))
        assert gates(policy) == [0]

    def test_coroutines_have_no_place_in_a_sync_generator(self):
        async def later(failure: object) -> list[int]:
            return [1]

        @Policy("p", Fallback(later))
        def broken() -> Iterator[int]:
            raise KeyError
            yield 1

        with pytest.raises(ConfigurationError, match="coroutine"):
            next(broken())


class TestProtocol:
    def test_kind_name_and_signature_are_kept(self):
        def numbers(first: int, /, *, last: int = 3) -> Iterator[int]:
            """Counts."""
            yield from range(first, last)

        async def async_numbers(first: int, /, *, last: int = 3) -> AsyncIterator[int]:
            """Counts."""
            yield first

        for function in (numbers, async_numbers):
            guarded: Any = Policy("p", Retry())(function)
            assert inspect.isgeneratorfunction(guarded) is inspect.isgeneratorfunction(function)
            assert inspect.isasyncgenfunction(guarded) is inspect.isasyncgenfunction(function)
            assert inspect.signature(guarded) == inspect.signature(function)
            assert (guarded.__name__, guarded.__doc__) == (function.__name__, "Counts.")
            assert guarded.__wrapped__ is function
        assert list(Policy("p", Retry())(numbers)(1)) == [1, 2]

    def test_one_strategy_is_a_decorator(self):
        @Retry(attempts=2, base=0, on=KeyError)
        def numbers() -> Iterator[int]:
            tries.append(1)
            if len(tries) == 1:
                raise KeyError
            yield 1

        tries: list[int] = []
        assert list(numbers()) == [1]

    def test_of_methods_partials_and_objects(self):
        policy = Policy("p", Bulkhead(1))

        class Counter:
            def __call__(self, last: int) -> Iterator[int]:
                yield from range(last)

            @policy
            def method(self, last: int) -> Iterator[int]:
                yield from range(last)

            @staticmethod
            def static(last: int) -> Iterator[int]:
                yield from range(last)

        for function in (
            Counter().method,
            policy(Counter()),
            policy(functools.partial(Counter.static, 3)),
            policy(Counter().static),
        ):
            arguments = () if isinstance(getattr(function, "__wrapped__", None), functools.partial) else (3,)
            assert list(function(*arguments)) == [0, 1, 2]
        assert gates(policy) == [0]

    def test_send_throw_and_return(self):
        def echo() -> Any:
            got = yield "ready"
            while got != "stop":
                try:
                    got = yield got
                except ValueError as error:
                    got = yield f"caught {error}"
            return "value"

        @Policy("p", *EVERYTHING)
        def delegating() -> Any:
            return (yield from echo())

        generator = delegating()
        assert next(generator) == "ready"
        assert generator.send("one") == "one"
        assert generator.throw(ValueError("this")) == "caught this"
        assert next(generator) is None
        with pytest.raises(StopIteration) as stop:
            generator.send("stop")
        assert stop.value.value == "value"

    def test_asend_and_athrow(self, async_world: Any):
        async def echo() -> Any:
            got = yield "ready"
            while got != "stop":
                try:
                    got = yield got
                except ValueError as error:
                    got = yield f"caught {error}"

        policy = async_world.policy(*EVERYTHING)

        async def main() -> None:
            generator = policy(echo)()
            assert await generator.asend(None) == "ready"
            assert await generator.asend("one") == "one"
            assert await generator.athrow(ValueError("this")) == "caught this"
            with pytest.raises(StopAsyncIteration):
                await generator.asend("stop")
            await generator.aclose()

        async_world.run(main)
        assert (counts(policy), gates(policy)) == ((1, 0, 0), [0])

    def test_what_the_reader_throws_in_is_his_own(self):
        policy = Policy("p", CircuitBreaker(on=Exception), Bulkhead(1))

        @contextlib.contextmanager
        @policy
        def connection() -> Iterator[str]:
            yield "connection"

        def use() -> None:
            with connection() as name:
                assert (name, gates(policy)) == ("connection", [1])
                raise KeyError

        with pytest.raises(KeyError):
            use()
        assert (counts(policy), gates(policy)) == ((0, 0, 0), [0])
        with connection():
            pass
        assert (counts(policy), gates(policy)) == ((1, 0, 0), [0])

    def test_what_the_generator_makes_of_it_counts(self):
        policy = Policy("p", CircuitBreaker(on=KeyError))

        @policy
        def converting() -> Iterator[int]:
            try:
                yield 1
            except ValueError:
                raise KeyError from None

        generator: Any = converting()
        next(generator)
        with pytest.raises(KeyError) as caught:
            generator.throw(ValueError())
        assert isinstance(caught.value.__context__, ValueError)
        assert counts(policy) == (1, 1, 0)

    def test_a_new_error_has_the_context_it_would_have_without_us(self):
        @Policy("p", Retry())
        def forgetting() -> Iterator[int]:
            try:
                yield 1
            except ValueError:
                pass
            raise KeyError

        generator: Any = forgetting()
        next(generator)
        with pytest.raises(KeyError) as caught:
            generator.throw(ValueError())
        assert caught.value.__context__ is None

    def test_stop_iteration_inside_is_a_failure(self, world: Any):
        """Python turns it into a RuntimeError (PEP 479); nothing ends silently."""
        error = StopAsyncIteration() if world.asynchronous else StopIteration()
        policy = world.policy(CircuitBreaker(on=RuntimeError), Bulkhead(1))
        scripts: list[list[Any]] = [[(0, error)], [(0, "a"), (0, error)]]
        for script in scripts:
            with pytest.raises(RuntimeError, match="Stop"):
                read(world, policy(Source(world, script).function))
        assert (counts(policy), gates(policy)) == ((2, 2, 0), [0])

    def test_a_substitute_that_raises_stop_iteration_is_no_empty_one(self):
        def substitute(failure: object) -> Any:
            return next(iter([]))

        @Policy("p", Fallback(substitute), Bulkhead(1))
        def broken() -> Iterator[int]:
            raise KeyError
            yield 1

        with pytest.raises(RuntimeError, match="StopIteration"):
            list(broken())

    def test_sending_to_a_plain_iterator(self):
        """As with ``yield from``: it cannot take anything but None."""

        @Policy("p", Fallback([1, 2]), Bulkhead(1))
        def broken() -> Any:
            raise KeyError
            yield 1

        generator = broken()
        next(generator)
        with pytest.raises(AttributeError):
            generator.send("something")
        generator = broken()
        next(generator)
        with pytest.raises(LookupError):
            generator.throw(LookupError())
        generator = broken()
        next(generator)
        generator.close()

    def test_a_generator_that_ignores_closing(self):
        policy = Policy("p", Bulkhead(1))

        @policy
        def stubborn() -> Iterator[int]:
            try:
                yield 1
            except GeneratorExit:
                yield 2

        generator: Any = stubborn()
        next(generator)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            generator.close()
        assert gates(policy) == [0]

    def test_an_error_while_closing_comes_out(self, world: Any):
        policy = world.policy(Bulkhead(1), CircuitBreaker())

        def sync() -> Iterator[int]:
            try:
                yield 1
            finally:
                raise KeyError

        async def asynchronous() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                raise KeyError

        with pytest.raises(KeyError):
            read(world, policy(asynchronous if world.asynchronous else sync), at_most=1)
        assert (counts(policy), gates(policy)) == ((0, 0, 0), [0])

    def test_resuming_it_from_within(self):
        policy = Policy("p", Bulkhead(1))

        @policy
        def snake() -> Iterator[int]:
            yield 1
            next(generator)

        generator = snake()
        next(generator)
        with pytest.raises(ValueError, match="already executing"):
            next(generator)
        assert gates(policy) == [0]

    def test_the_frame_is_in_the_traceback(self):
        @Policy("p", Retry())
        def broken() -> Iterator[int]:
            raise KeyError
            yield 1

        with pytest.raises(KeyError) as caught:
            next(broken())
        text = "".join(traceback.format_exception(caught.value))
        assert "_bs_s.begin()" in text

    def test_a_policy_that_decides_elsewhere_is_refused(self):
        class Remote:
            def __init__(self, policy: Policy, wake: Any = None, deadline: int = 0) -> None: ...

        class RemotePolicy(Policy):
            EXECUTION: Any = Remote

        with pytest.raises(ConfigurationError, match="elsewhere"):
            RemotePolicy("p")(Source(SyncWorld(), []).function)

    @pytest.mark.parametrize(
        "strategies",
        [(Retry(results=bool),), (CircuitBreaker(results=bool),), (Fallback([], results=bool),), (Retry(results="x"),)],
    )
    def test_a_policy_that_judges_results_is_refused(self, world: Any, strategies: Any):
        with pytest.raises(ConfigurationError, match="results"):
            world.policy(*strategies)(Source(world, []).function)


class TestDeadline:
    def test_is_there_before_the_first_item_only(self, world: Any, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("backstay.ambient.clock", lambda: world.now)
        policy = world.policy(Timeout(9), Retry(idempotent=True), Timeout(5))
        seen: list[Any] = []

        def sync() -> Iterator[int]:
            for number in range(2):
                seen.append(remaining())
                yield number
            seen.append(remaining())

        async def asynchronous() -> AsyncIterator[int]:
            for number in range(2):
                seen.append(remaining())
                yield number
            seen.append(remaining())

        contextvars.Context().run(
            read,
            world,
            policy(asynchronous if world.asynchronous else sync),
            each=lambda _: seen.append(("reader", remaining(), AMBIENT.get())),
        )
        reader = ("reader", None, None)
        assert seen == [5, reader, None, reader, None]

    def test_the_readers_own_applies_at_each_resumption(self, monkeypatch: pytest.MonkeyPatch):
        world = SyncWorld()
        monkeypatch.setattr("backstay.ambient.clock", lambda: world.now)
        seen: list[Any] = []

        @world.policy(Timeout(5))
        def generator() -> Iterator[None]:
            while True:
                seen.append(remaining())
                yield

        items: Any = generator()
        next(items)
        for seconds in (2, 9):
            world.policy(Timeout(seconds)).call(next, items)
        next(items)
        items.close()
        assert seen == [5, 2, 9, None]

    def test_an_inner_sync_call_leaves_nothing(self, world: Any):
        """Sync frames keep a cell in the context (see `backstay.ambient`); it goes with the resumption."""
        inner = world.policy(Timeout(3), name="inner")

        def sync() -> Iterator[Any]:
            yield inner.call(remaining)
            yield inner.call(remaining)

        async def asynchronous() -> AsyncIterator[Any]:
            yield inner.call(remaining)
            yield inner.call(remaining)

        policy = world.policy(Timeout(5))
        seen: list[Any] = []
        read(
            world,
            policy(asynchronous if world.asynchronous else sync),
            each=lambda _: seen.append(remaining()),
        )
        assert seen == [None, None]

    def test_resumed_in_other_contexts(self):
        policy = Policy("p", Bulkhead(1), Timeout(5))

        @policy
        def numbers() -> Iterator[int]:
            yield from range(5)

        items: Any = numbers()
        for number in range(3):
            assert contextvars.copy_context().run(next, items) == number
            assert remaining() is None
        contextvars.copy_context().run(items.close)
        assert gates(policy) == [0]


class TestAbandoned:
    def test_is_settled_when_it_is_collected(self):
        policy = Policy("p", CircuitBreaker(), Bulkhead(1))
        source = Source(SyncWorld(), [(0, "a"), (0, "b")])
        generator: Any = policy(source.function)()
        next(generator)
        assert gates(policy) == [1]
        del generator
        assert (source.ends, gates(policy), counts(policy)) == (["closed"], [0], (0, 0, 0))

    def test_in_a_cycle(self):
        policy = Policy("p", Bulkhead(1))
        source = Source(SyncWorld(), [(0, "a"), (0, "b")])
        cycle: list[Any] = [policy(source.function)()]
        cycle.append(cycle)
        next(cycle[0])
        del cycle
        gc.collect()
        assert gates(policy) == [0]

    def test_closed_in_another_thread(self):
        policy = Policy("p", Bulkhead(1), Timeout(5))
        source = Source(SyncWorld(), [(0, "a"), (0, "b")])
        generator = policy(source.function)()
        next(generator)
        thread = threading.Thread(target=generator.close)
        thread.start()
        thread.join()
        assert (source.ends, gates(policy)) == (["closed"], [0])
        assert remaining() is None

    def test_begun_in_one_thread_and_read_in_another(self):
        policy = Policy("p", Bulkhead(1), Timeout(5))
        generator = policy(Source(SyncWorld(), [(0, "a"), (0, "b"), (0, "c")]).function)()
        items = [next(generator)]
        thread = threading.Thread(target=lambda: items.extend(generator))
        thread.start()
        thread.join()
        assert (items, gates(policy)) == (["a", "b", "c"], [0])

    def test_an_async_one_is_closed_by_its_event_loop(self, loop_world: LoopWorld):
        policy = loop_world.policy(Bulkhead(1), CircuitBreaker())
        source = Source(loop_world, [(0, "a"), (0, "b")])

        async def main() -> None:
            generator = policy(source.function)()
            assert await anext(generator) == "a"
            del generator
            gc.collect()
            assert gates(policy) == [1]
            await asyncio.sleep(1)
            assert (source.ends, gates(policy)) == (["closed"], [0])

        loop_world.run(main)
        assert counts(policy) == (0, 0, 0)

    @pytest.mark.parametrize("how", ["in a cycle", "at the end of the loop"])
    def test_an_async_one_is_closed_once(self, policies: type[Policy], how: str):
        """The loop hears of the guarded generator alone, not of the one inside it too."""
        world = LoopWorld(policies)
        policy = world.policy(Bulkhead(1))
        said: list[Any] = []
        ends: list[int] = []
        world.loop.set_exception_handler(lambda loop, context: said.append(context))

        @policy
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(1)
                ends.append(world.now)

        async def main() -> Any:
            cycle: list[Any] = [numbers()]
            cycle.append(cycle)
            assert await anext(cycle[0]) == 1
            if how == "at the end of the loop":
                return cycle
            del cycle
            gc.collect()
            await asyncio.sleep(2)
            gc.collect()
            return None

        kept = world.run(main)
        world.close()
        assert (said, ends, gates(policy)) == ([], [SECOND], [0])
        del kept

    def test_an_async_one_is_closed_by_trio(self, policies: type[Policy]):
        world = TrioWorld(policies)
        policy = world.policy(Bulkhead(1), CircuitBreaker())
        source = Source(world, [(0, "a"), (0, "b")])

        async def main() -> None:
            generator = policy(source.function)()
            assert await anext(generator) == "a"
            cycle: list[Any] = [generator]
            cycle.append(cycle)
            del generator, cycle
            with pytest.warns(ResourceWarning, match="garbage collected"):
                gc.collect()
            await trio.testing.wait_all_tasks_blocked()

        world.run(main)
        assert (source.ends, gates(policy), counts(policy)) == (["closed"], [0], (0, 0, 0))

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_an_async_one_without_its_loop_gives_back_what_it_holds(self, policies: type[Policy]):
        """Nobody can await its cleaning up any more (Python says so on stderr)."""
        policy = policies("p", Bulkhead(1), CircuitBreaker())

        @policy
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)

        async def main() -> Any:
            generator = numbers()
            await anext(generator)
            return generator

        loop = asyncio.new_event_loop()
        generator = loop.run_until_complete(main())
        loop.close()
        assert gates(policy) == [1]
        del generator
        gc.collect()
        assert (gates(policy), counts(policy)) == ([0], (0, 0, 0))


class TestCancellation:
    def contended(self, world: Any) -> Policy:
        policy: Policy = world.policy(
            CircuitBreaker(),
            Timeout(60),
            Retry(attempts=2, backoff="constant", base=1, idempotent=True),
            Bulkhead(1, queue=1),
            Timeout(5),
        )
        return policy

    async def hold(self, world: Any, policy: Policy) -> None:
        async def one() -> AsyncGenerator[int, None]:
            yield 1

        async with contextlib.aclosing(policy(one)()) as items:
            async for _ in items:
                await world.sleep(1)

    async def use(self, world: Any, policy: Policy, source: Source) -> str:
        async with contextlib.aclosing(policy(source.function)()) as items:
            async for _ in items:
                await world.sleep(0.5)
        return "over"

    SCRIPTS = ([(0.5, ConnectionRefusedError())], [(0.5, "a"), (0.5, "b"), (0.5, "c")])

    def test_at_every_moment_under_asyncio(self, policies: type[Policy]):
        points, over = 0, False
        while not over:
            points += 1
            assert points < 50
            world = LoopWorld(policies)
            policy = self.contended(world)
            source = Source(world, *self.SCRIPTS)

            async def main(
                world: LoopWorld = world, policy: Policy = policy, source: Source = source, points: int = points
            ) -> bool:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.hold(world, policy))
                    await asyncio.sleep(0)
                    task = group.create_task(self.use(world, policy, source))
                    await asyncio.sleep(points * 0.25)
                    return not task.cancel()

            over = world.run(main)
            world.close()
            assert gates(policy) == [0]
            assert (counts(policy)[0] == 2) is over  # the holder's; the other one's if it came to its end
        assert points > 10

    def test_at_every_moment_under_trio(self, policies: type[Policy]):
        points, over = 0, False
        while not over:
            points += 1
            assert points < 50
            world = TrioWorld(policies)
            policy = self.contended(world)
            source = Source(world, *self.SCRIPTS)

            async def main(
                world: TrioWorld = world, policy: Policy = policy, source: Source = source, points: int = points
            ) -> bool:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.hold, world, policy)
                    await trio.testing.wait_all_tasks_blocked()
                    with trio.move_on_after(points * 0.25) as scope:
                        await self.use(world, policy, source)
                    return not scope.cancelled_caught

            over = world.run(main)
            assert gates(policy) == [0]
            assert (counts(policy)[0] == 2) is over
        assert points > 10


class TestChange:
    """A policy that gets other strategies while its generators live on (as a reload of its configuration does)."""

    def change(self, policy: Policy, *strategies: Any) -> None:
        other = Policy("p", *strategies)
        policy._become(other.strategies, other.layers)

    def test_the_next_call_goes_by_the_new_ones(self, world: Any):
        policy = world.policy(Bulkhead(1))
        guarded = policy(Source(world, [(0, ConnectionRefusedError())], [(0, "a"), (0, "b")]).function)
        before: Any = policy.layers[0]

        def change(item: Any) -> None:
            if policy.layers[0] is before:
                self.change(policy, Bulkhead(5))

        self.change(policy, Retry(attempts=2, base=0, idempotent=True), before.options)
        before = policy.layers[0]
        assert read(world, guarded, each=change) == ["a", "b"]
        assert gates(policy) == [0]

    def test_ones_that_fit_no_generator_are_refused_at_the_next_call(self, world: Any):
        policy = world.policy(Bulkhead(1))
        guarded = policy(Source(world, [(0, "a")]).function)
        self.change(policy, Fallback("text"), Bulkhead(1))
        with pytest.raises(ConfigurationError, match="GN9"):
            read(world, guarded)
        assert gates(policy) == [0]
