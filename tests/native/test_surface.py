"""Decorators, `call` and `acall`: what they take, what they keep and what they refuse."""

from __future__ import annotations

import asyncio
import functools
import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    Fallback,
    Policy,
    Retry,
    Timeout,
    shared,
)
from tests.support.virtual import ManualPorts, run
from tests.support.worlds import Script, SyncWorld, World


def plain(symbol: str, *, times: int = 1) -> str:
    """Says it."""
    return symbol * times


async def coroutine(symbol: str, *, times: int = 1) -> str:
    """Says it later."""
    await asyncio.sleep(0)
    return symbol * times


class Speaker:
    def method(self, symbol: str) -> str:
        return symbol

    async def async_method(self, symbol: str) -> str:
        return symbol


class Called:
    def __call__(self, symbol: str) -> str:
        return symbol


class Awaited:
    async def __call__(self, symbol: str) -> str:
        return symbol


ORDINARY: dict[str, Any] = {
    "function": plain,
    "lambda": lambda symbol: symbol,
    "partial": functools.partial(plain, times=1),
    "partial of a partial": functools.partial(functools.partial(plain), times=1),
    "bound method": Speaker().method,
    "object with __call__": Called(),
    "class": str,
    "builtin": "".join,
}
ASYNCHRONOUS: dict[str, Any] = {
    "coroutine function": coroutine,
    "partial": functools.partial(coroutine, times=1),
    "partial of a partial": functools.partial(functools.partial(coroutine), times=1),
    "bound method": Speaker().async_method,
    "object with async __call__": Awaited(),
    "partial of an object with async __call__": functools.partial(Awaited()),
}


@pytest.fixture
def policy() -> Policy:
    return Policy("p", Retry(attempts=2, base=0), CircuitBreaker.consecutive(2), Bulkhead(1), Timeout(5))


def idle(policy: Policy) -> bool:
    """No place is taken and nothing was counted against the dependency."""
    states = [part["state"] for part in policy.snapshot(0)["state"]["strategies"]]
    return states[2] == {"inside": 0, "waiting": 0} and states[1]["failed"] == "0"


class TestDecorator:
    @pytest.mark.parametrize("function", [plain, coroutine])
    def test_keeps_what_tells_about_the_function(self, policy: Policy, function: Callable[..., Any]):
        guarded = policy(function)
        assert guarded is not function
        for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
            assert getattr(guarded, attribute) == getattr(function, attribute)
        assert inspect.signature(guarded) == inspect.signature(function)
        assert typing.get_type_hints(guarded) == {"symbol": str, "times": int, "return": str}
        assert inspect.unwrap(guarded) is function
        assert inspect.iscoroutinefunction(guarded) is inspect.iscoroutinefunction(function)
        assert guarded.policy is policy

    def test_keeps_attributes(self, policy: Policy):
        def f() -> None: ...

        f.route = "/quotes"  # type: ignore[attr-defined]
        assert policy(f).route == "/quotes"  # type: ignore[attr-defined]

    def test_guards_an_ordinary_function(self, world: World):
        script = Script((0, ConnectionRefusedError()), (0, "fine"))
        guarded = world.policy(Retry(attempts=2, base=0))(world.function(script))
        assert world.run(guarded) == "fine"
        assert script.calls == 2

    def test_of_methods(self, world: World):
        policy = world.policy(Retry(attempts=2, base=0))

        class Service:
            tries = 0

            @policy
            def load(self, key: str) -> tuple[Service, str]:
                self.tries += 1
                if self.tries == 1:
                    raise ConnectionRefusedError
                return self, key

            @policy
            async def aload(self, key: str) -> tuple[Service, str]:
                return self.load.__wrapped__(self, key)  # type: ignore[attr-defined]

        service = Service()
        load = service.aload if world.asynchronous else service.load
        assert world.run(load, "k") == (service, "k")
        assert service.tries == 2

    @pytest.mark.parametrize(
        "strategy",
        [Retry(), CircuitBreaker(), CircuitBreaker.consecutive(3), Bulkhead(1), Timeout(1), Fallback("else")],
        ids=repr,
    )
    @pytest.mark.parametrize("function", [plain, coroutine])
    def test_one_strategy_is_a_decorator(self, strategy: Any, function: Callable[..., Any]):
        guarded = strategy(function)
        assert guarded.policy.name == function.__qualname__
        assert list(guarded.policy.strategies) == [strategy]
        assert inspect.signature(guarded) == inspect.signature(function)
        result = guarded("ab", times=2)
        assert (run(result) if inspect.iscoroutine(result) else result) == "abab"

    def test_a_strategy_in_two_decorators_has_two_states(self):
        strategy = CircuitBreaker.consecutive(1, open_for=60)

        @strategy
        def bad() -> None:
            raise ConnectionResetError

        good = strategy(plain)
        with pytest.raises(ConnectionResetError):
            bad()
        with pytest.raises(CircuitOpen):
            bad()
        assert good("a") == "a"

    def test_decorators_stack(self):
        world = SyncWorld()
        script = Script((0, ConnectionRefusedError()))
        inner = world.policy(Retry(attempts=2, base=0), name="inner")(world.function(script))
        outer = world.policy(Retry(attempts=3, base=0), name="outer")(inner)
        with pytest.raises(ConnectionRefusedError):
            outer()
        assert script.calls == 6
        assert outer.policy.name == "outer"
        assert outer.__wrapped__ is inner

    @pytest.mark.parametrize("nothing", [None, 42, "name", coroutine, [plain]], ids=repr)
    def test_of_what_cannot_be_called_is_refused(self, policy: Policy, nothing: Any):
        if nothing is coroutine:
            nothing = coroutine("a")  # a coroutine, not a coroutine function
            nothing.close()
        for decorate in (policy, Retry(), Timeout(1)):
            with pytest.raises(ConfigurationError):
                decorate(nothing)

    def test_of_generators_is_kept_and_calling_one_is_refused(self, policy: Policy):
        def generator() -> Iterator[int]:
            yield 1

        async def async_generator() -> AsyncIterator[int]:
            yield 1

        class Generating:
            def __call__(self) -> Iterator[int]:
                yield 1

        functions: list[Any] = [generator, async_generator, functools.partial(generator), Generating()]
        for function in functions:
            assert callable(policy(function))  # see test_streams
            with pytest.raises(ConfigurationError, match="generator"):
                policy.call(function)
            with pytest.raises(ConfigurationError, match="generator"):
                run(policy.acall(function))
        assert idle(policy)

    @pytest.mark.parametrize("form", ["function", "partial", "object"])
    def test_calls_what_an_asynchronous_callable_of_any_form_returns(self, policy: Policy, form: str):
        target: Any = {"function": coroutine, "partial": functools.partial(coroutine), "object": Awaited()}[form]
        guarded = policy(target)
        assert inspect.iscoroutinefunction(guarded)
        assert run(guarded("a")) == "a"


#  a mistake becomes an error in the outermost strategy, and each of them has its own way
OUTERMOST: list[tuple[Any, ...]] = [
    (),
    (Fallback("hidden"),),
    (Fallback("hidden", results=lambda value: value != "a"),),
    (Fallback(lambda failure: "hidden"),),
    (Retry(attempts=3, base=0, on=Exception),),
    (Retry(attempts=3, base=0, on=lambda failure: True),),
    (Retry(attempts=3, base=0, on=Exception), Timeout(5)),
    (Timeout(5),),
    (Timeout(5), Fallback("hidden"), Timeout(1)),
    (Bulkhead(1, queue=1),),
    (Bulkhead(1), Fallback("hidden")),
    (CircuitBreaker.consecutive(1, on=Exception),),
    (CircuitBreaker.consecutive(1, slow_call=0.001),),
]


def kinds(strategies: tuple[Any, ...]) -> str:
    return "-".join(strategy.KIND for strategy in strategies) or "none"


class TestCall:
    @pytest.mark.parametrize("form", sorted(ORDINARY))
    def test_calls_whatever_can_be_called(self, policy: Policy, form: str):
        assert policy.call(ORDINARY[form], "a") == "a"

    def test_passes_arguments_that_have_its_own_names(self, world: World):
        policy = world.policy()

        def f(*args: Any, **kwargs: Any) -> Any:
            return args, kwargs

        names = {"self": 1, "policy": 2, "function": 3, "args": 4, "kwargs": 5}
        assert world.call(policy, f, 0, **names) == ((0,), names)
        assert world.run(policy(world.function(f)), 0, **names) == ((0,), names)

    def test_a_policy_without_strategies_only_calls(self, world: World):
        assert world.call(world.policy(), plain, "a", times=2) == "aa"

    @pytest.mark.parametrize("form", sorted(ASYNCHRONOUS))
    def test_refuses_coroutine_functions(self, policy: Policy, form: str):
        with pytest.raises(ConfigurationError, match="acall"):
            policy.call(ASYNCHRONOUS[form], "a")
        assert idle(policy)

    @pytest.mark.parametrize("outer", OUTERMOST, ids=kinds)
    def test_refuses_a_coroutine_that_comes_back(self, outer: tuple[Any, ...]):
        """Neither retried nor answered nor held against the dependency: this is a mistake in the program. The coroutine
        is closed, else Python would warn that it was never awaited (and here warnings are errors)."""
        world = SyncWorld()
        policy = world.policy(*outer, CircuitBreaker.consecutive(1), Bulkhead(1))
        made: list[Any] = []

        def disguised() -> Any:
            made.append(coroutine("a"))
            return made[-1]

        for _ in range(2):
            with pytest.raises(ConfigurationError, match="coroutine"):
                policy.call(disguised)
        assert [inspect.getcoroutinestate(c) for c in made] == ["CORO_CLOSED"] * 2
        assert policy.call(plain, "a") == "a"

    def test_refuses_a_coroutine_that_comes_back_from_a_decorated_function(self, policies: type[Policy]):
        """The guard would end before the work begins."""
        policy = policies("p", Fallback("hidden"), CircuitBreaker.consecutive(1), Bulkhead(1))
        made: list[Any] = []

        @policy
        def disguised(text: str) -> Any:
            made.append(coroutine(text))
            return made[-1]

        for _ in range(2):
            with pytest.raises(ConfigurationError, match="coroutine"):
                disguised("a")
        assert [inspect.getcoroutinestate(c) for c in made] == ["CORO_CLOSED"] * 2
        assert policy.call(plain, "a") == "a"

    def test_refuses_what_cannot_be_called(self, policy: Policy):
        with pytest.raises(ConfigurationError, match="42"):
            policy.call(42)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="42"):
            run(policy.acall(42))  # type: ignore[arg-type]


class TestAcall:
    @pytest.mark.parametrize("form", sorted(ASYNCHRONOUS))
    def test_awaits_whatever_is_asynchronous(self, policy: Policy, form: str):
        assert run(policy.acall(ASYNCHRONOUS[form], "a")) == "a"

    def test_awaits_what_an_ordinary_function_returns(self, policy: Policy):
        async def main() -> None:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            loop.call_later(1, future.set_result, "late")
            assert await policy.acall(lambda: coroutine("a")) == "a"
            assert await policy.acall(lambda: future) == "late"  # type: ignore[arg-type,return-value]

        run(main())

    @pytest.mark.parametrize("outer", OUTERMOST, ids=kinds)
    def test_refuses_a_function_that_is_not_async(self, outer: tuple[Any, ...]):
        policy = Policy("p", *outer, CircuitBreaker.consecutive(1), Bulkhead(1))
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=r"call\(\)"):
                run(policy.acall(plain, "a"))  # type: ignore[arg-type]
        assert run(policy.acall(coroutine, "a")) == "a"


class TestPolicy:
    @pytest.mark.parametrize("name", ["", None, 7])
    def test_needs_a_name(self, name: Any):
        with pytest.raises(ConfigurationError, match="name"):
            Policy(name)

    @pytest.mark.parametrize("strategy", [42, Retry, Budget(), plain, Policy("other")], ids=repr)
    def test_takes_only_strategies(self, strategy: Any):
        with pytest.raises(ConfigurationError, match="position 2"):
            Policy("p", Timeout(1), strategy)

    def test_a_shared_strategy_stands_in_it_once(self):
        db = shared("db", CircuitBreaker())
        with pytest.raises(ConfigurationError, match="twice"):
            Policy("p", db, Retry(), db)

    def test_repr_can_be_pasted_back(self):
        policy = Policy("p", Retry(attempts=5), CircuitBreaker(), Fallback("x"), Bulkhead(2), Timeout(1))
        assert list(eval(repr(policy)).strategies) == list(policy.strategies)

    def test_pauses_differ_between_policies_but_not_between_runs_with_one_seed(self):
        def began(seed: int | None) -> list[float]:
            ports = ManualPorts()
            policy = Policy("p", Retry(attempts=6, base=1), seed=seed)
            policy.ports = ports
            times: list[float] = []

            def f() -> None:
                times.append(ports.manual.now)
                raise ConnectionRefusedError

            with pytest.raises(ConnectionRefusedError):
                policy.call(f)
            return times

        assert began(5) == began(5) != began(6)
        assert began(None) != began(None)


class TestShared:
    def test_one_breaker_in_two_policies(self, world: World):
        db = shared("db", CircuitBreaker.consecutive(2, open_for=10, open_jitter=0))
        reads = world.policy(Retry(attempts=1), db, name="reads")
        writes = world.policy(db, Timeout(1), name="writes")
        down = Script((0, ConnectionResetError()))
        for policy in (reads, writes):
            with pytest.raises(ConnectionResetError):
                world.call(policy, down)
        for policy in (reads, writes):
            with pytest.raises(CircuitOpen, match="circuit open, try again in 10 s"):
                world.call(policy, down)
        assert down.calls == 2
        world.pass_time(10)
        assert world.call(writes, Script((0, "up"))) == "up"
        assert world.call(reads, Script((0, "up"))) == "up"

    def test_one_bulkhead_in_two_policies(self, world: World):
        places = shared("places", Bulkhead(1))
        outer, inner = world.policy(places, name="outer"), world.policy(places, name="inner")

        if world.asynchronous:

            async def nested() -> None:
                await inner.acall(coroutine, "a")

            with pytest.raises(BulkheadFull, match="inner: bulkhead: bulkhead full"):
                world.run(outer(nested))
        else:
            with pytest.raises(BulkheadFull, match="inner: bulkhead: bulkhead full"):
                outer.call(lambda: inner.call(plain, "a"))
        assert world.call(inner, plain, "a") == "a"

    def test_repr_names_it(self):
        assert repr(shared("db", Bulkhead(1))) == f"Shared('db', {Bulkhead(1)!r})"


class Sly(int):
    def __repr__(self) -> str:
        return "__import__('os').abort()"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


class SlyFloat(float):
    def __repr__(self) -> str:
        return "__import__('os').abort()"

    __str__ = __repr__


def test_options_with_a_text_of_their_own_do_not_get_into_code(world: World):
    policy = world.policy(
        Timeout(SlyFloat(5)),
        Retry(Sly(2), base=SlyFloat(0), cap=SlyFloat(3), budget=Budget(SlyFloat(1), burst=SlyFloat(9))),
        CircuitBreaker(SlyFloat(0.5), Sly(7), minimum_calls=Sly(3)),
        Bulkhead(Sly(2), queue=Sly(1)),
    )
    assert world.call(policy, lambda: "fine") == "fine"
    guarded = policy(world.function(lambda: "fine"))
    assert world.run(guarded) == "fine"
    assert "import" not in getattr(guarded, "__source__", "")
