"""Rows about how policies are put around code, run with the libraries that have them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.peers import breaker_makers, retry_makers
from tests.peers.breakers import FAILURES, Boom
from tests.peers.claims import BAD, Calls, Decorate, Lab, Row, bare, blocking
from tests.peers.retry_makers import HOUR, those

Make = Callable[[], Any]


def fallback(lab: Lab, make: Make) -> None:
    calls = Calls(lab, make())
    calls.step = BAD
    try:
        assert calls.guarded() == "cached"
    except Boom as error:
        raise AssertionError("the error came out") from error


def interlock_fallback(lab: Lab) -> Decorate:
    library = lab.library("interlock.pipeline")
    return library.Pipeline(library.FallbackStrategy(lambda error: "cached"))


async def cached(*_: object) -> str:
    return "cached"


def keyed(lab: Lab, make: Make) -> None:
    """One that fails does not close off another; the least recently used makes room."""
    entered: list[str] = []

    def call(key: str) -> None:
        entered.append(key)
        if key == "bad":
            raise Boom

    guarded = make()(call)
    for key in ["bad"] * 9 + ["good"]:
        try:
            guarded(key)
        except Exception:
            pass
    assert entered == ["bad"] * FAILURES + ["good"], entered
    guarded("third")
    try:
        guarded("bad")
    except Exception:
        pass
    assert entered[-1] == "bad", "its state is still there"


def nopanic_keyed(lab: Lab) -> Decorate:
    def breaker(key: str) -> Any:
        return breaker_makers.nopanic(lab, min_calls=FAILURES)

    return lab.library("nopanic").keyed(breaker, key=str, maxsize=2)


def one_definition(lab: Lab, make: Make) -> None:
    """The same decorator for a function and for a coroutine function: both are tried again."""
    decorate, tries = make(), [0, 0]

    def fail_once(kind: int) -> str:
        tries[kind] += 1
        if tries[kind] == 1:
            raise Boom
        return "fine"

    async def later() -> str:
        return fail_once(1)

    try:
        assert decorate(lambda: fail_once(0))() == "fine"
        assert asyncio.run(decorate(later)()) == "fine"
    except Boom as error:
        raise AssertionError("not tried again") from error


def trio(lab: Lab, make: Make) -> None:
    """Pauses of an hour, in trio's own time."""
    from trio import run
    from trio.testing import MockClock

    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Boom
        return "fine"

    clock = MockClock(autojump_threshold=0)

    async def scene() -> tuple[str, float]:
        start = clock.current_time()
        return await make()(call)(), clock.current_time() - start

    try:
        assert run(scene, clock=clock) == ("fine", 3 * HOUR)
    except Boom as error:
        raise AssertionError("not tried again") from error


def ways(lab: Lab, make: Make) -> None:
    """Decorating, a block and a call: each time it shows that the library is around, by more calls than one or none."""
    for way, guarded in make().items():
        entered = 0

        def fail_once() -> None:
            nonlocal entered
            entered += 1
            if entered == 1:
                raise Boom

        try:
            guarded(fail_once)
        except Exception:
            pass
        assert entered != 1, f"the {way} is not guarded"


def tenacity_ways(lab: Lab) -> Any:
    library = lab.library("tenacity")

    def block(function: Any) -> None:
        for attempt in library.Retrying(stop=library.stop_after_attempt(3)):
            with attempt:
                function()

    return {
        "decorator": lambda function: retry_makers.tenacity(lab)(function)(),
        "block": block,
        "call": lambda function: library.Retrying(stop=library.stop_after_attempt(3))(function),
    }


def stamina_ways(lab: Lab) -> Any:
    library = lab.library("stamina", tenacity__nap="time")

    def block(function: Any) -> None:
        for attempt in library.retry_context(on=Boom):
            with attempt:
                function()

    return {
        "decorator": lambda function: retry_makers.stamina(lab)(function)(),
        "block": block,
        "call": lambda function: library.RetryingCaller()(Boom, function),
    }


def redress_ways(lab: Lab) -> Any:
    library = lab.library("redress")
    retry = library.Retry(classifier=library.default_classifier, strategy=lambda context: 0.0, max_attempts=3)

    def block(function: Any) -> None:
        with retry.context():
            function()

    return {
        "decorator": lambda function: retry_makers.redress(lab)(function)(),
        "call": retry.call,
        "block": block,
    }


def breaker_ways(breaker: Any, block: Any) -> Any:
    """Of one that is open."""
    breaker.force_open()

    def enter(function: Any) -> None:
        with block():
            function()

    return {"decorator": lambda function: breaker(function)(), "block": enter, "call": breaker.call}


def nopanic_ways(lab: Lab) -> Any:
    breaker = breaker_makers.nopanic(lab)
    return breaker_ways(breaker, breaker.guard)


def interlock_ways(lab: Lab) -> Any:
    breaker = breaker_makers.interlock(lab)
    return breaker_ways(breaker, lambda: breaker)


def unguarded_ways(lab: Lab) -> Any:
    return {"call": lambda function: function()}


def streams(lab: Lab, make: Make) -> None:
    """A generator that fails before its first item is begun again."""
    begun, guard = 0, make()

    def items() -> Any:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise Boom
        yield "first"
        yield "second"

    try:
        found = list(guard(items)())
    except Exception as error:
        raise AssertionError(f"{type(error).__name__} came out") from error
    assert found == ["first", "second"]


def order(lab: Lab, make: Make) -> None:
    """Five attempts around a breaker that opens after two failures, and the other way round."""
    calls = []
    for retry_first in (True, False):
        counted = Calls(lab, make()(retry_first))
        counted(BAD)
        calls.append(counted.entered)
    assert calls == [2, 5], calls


def nopanic_order(lab: Lab) -> Any:
    library = lab.library("nopanic", nopanic___core="time")
    both = library.retry(5, backoff=0), library.circuit_breaker(min_calls=2, reset_timeout=HOUR, clock=lab.clock)
    return lambda retry_first: library.compose(*both if retry_first else both[::-1])


def interlock_order(lab: Lab) -> Any:
    library = lab.library("interlock.pipeline")
    retry = lab.library("interlock.integrations.tenacity").RetryStrategy(attempts=5, sleep=lab.clock.sleep)
    both = retry, library.CircuitBreakerStrategy(breaker_makers.interlock(lab, minimum_number_of_calls=2))
    return lambda retry_first: library.Pipeline(*both if retry_first else both[::-1])


def resilix_order(lab: Lab) -> Any:
    protect = lab.library("resilix", resilix__engine__sync="time", resilix__dsl__circuit="time").protect
    both = protect.when(Boom, retry=5), protect.circuit(failures=2, reset_timeout=HOUR)
    outer, inner = both, both[::-1]
    return lambda first: lambda function: (outer if first else inner)[0]((outer if first else inner)[1](function))


def hyx_order(lab: Lab) -> Any:
    retry = lab.library("hyx.retry").retry(on=Boom, attempts=4, backoff=0)
    breaker = lab.library("hyx.circuitbreaker").consecutive_breaker(failure_threshold=2)
    return lambda first: blocking(lambda f: retry(breaker(f)) if first else breaker(retry(f)))


ROWS = (
    Row(
        "fallback",
        fallback,
        {
            "T": lambda lab: lab.library("tenacity").retry(
                stop=lab.library("tenacity").stop_after_attempt(1), retry_error_callback=lambda state: "cached"
            ),
            "HX": lambda lab: blocking(lab.library("hyx.fallback").fallback(cached)),
            "NP": lambda lab: lab.library("nopanic").fallback("cached"),
            "PR": lambda lab: lab.library("pyresilience").resilient(
                fallback=lab.library("pyresilience").FallbackConfig("cached")
            ),
            "IL": interlock_fallback,
            "RX": lambda lab: lab.library("resilix").protect.when(Boom, return_="cached"),
        },
    ),
    Row("a state for each key, bounded", keyed, {"NP": nopanic_keyed}),
    Row("sync and async from one definition", one_definition, those("T S NP PR IL RD RX")),
    Row("trio", trio, those("T S NP", first=HOUR)),
    Row(
        "decorator, block and call",
        ways,
        {"T": tenacity_ways, "S": stamina_ways, "NP": nopanic_ways, "IL": interlock_ways},
        {"RD": (redress_ways, "the block is not guarded")},
        nothing=unguarded_ways,
    ),
    Row(
        "generators, with a defined meaning",
        streams,
        those("S NP"),
        {"RX": (lambda lab: lab.library("resilix").protect.when(Boom, retry=3), "PolicyConfigurationError came out")},
    ),
    Row(
        "the order is the one that is written",
        order,
        {"HX": hyx_order, "NP": nopanic_order, "IL": interlock_order, "RX": resilix_order},
        nothing=lambda lab: lambda retry_first: bare,
    ),
)
