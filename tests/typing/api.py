"""Right uses, and the types that people get. Read by type checkers, never executed."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any, assert_type

from structlog.typing import FilteringBoundLogger

import backstay
from backstay import (
    Budget,
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    DeadlineExceeded,
    Failure,
    Fallback,
    Policy,
    Rejected,
    Retry,
    TimedOut,
    Timeout,
    UnifiedError,
    shared,
)
from backstay.guarded import Guarded
from backstay.keyed import Keyed
from backstay.logging import correlated, correlation_id, log_events
from backstay.propagation import incoming, outgoing, require
from backstay.testing import Decisions, Script, VirtualTime, assert_decisions, disabled, instant, record, run

policy = Policy("quotes", Timeout(5.0), Retry(3, on=ConnectionError, idempotent=True), seed=1)


# Functions keep their signatures.


@policy
def price(symbol: str, /, *, currency: str = "EUR") -> float:
    return 42.0


@policy
async def fetch(symbol: str, depth: int = 1) -> list[float]:
    return [42.0]


@policy
def rows(count: int) -> Iterator[str]:
    yield "row"


@policy
def dialogue(first: int) -> Generator[int, str, bytes]:
    yield first
    return b""


@policy
async def stream(count: int) -> AsyncIterator[str]:
    yield "row"


async def functions() -> None:
    assert_type(price("ACME"), float)
    assert_type(price("ACME", currency="USD"), float)
    assert_type(await fetch("ACME", depth=2), list[float])
    assert_type(rows(2), Iterator[str])
    assert_type(dialogue(2), Generator[int, str, bytes])
    assert_type([row async for row in stream(2)], list[str])
    assert_type(price.policy, Policy)
    assert_type(price.__wrapped__("ACME"), float)
    takes_function(price)
    takes_coroutine_function(fetch)


def takes_function(function: Callable[[str], float]) -> None: ...
def takes_coroutine_function(function: Callable[[str], Awaitable[list[float]]]) -> None: ...


# So do methods.


class Client:
    @policy
    def price(self, symbol: str) -> float:
        return 42.0

    @policy
    async def fetch(self, symbol: str) -> list[float]:
        return [42.0]

    @policy
    @classmethod
    def make(cls, url: str) -> int:
        return 1

    @policy
    @staticmethod
    def parse(text: str) -> int:
        return 1


async def methods(client: Client) -> None:
    assert_type(client.price("ACME"), float)
    assert_type(await client.fetch(symbol="ACME"), list[float])
    assert_type(Client.price(client, "ACME"), float)
    assert_type(Client.make("url"), int)
    assert_type(client.make("url"), int)
    assert_type(Client.parse("text"), int)


# One strategy is a decorator.


@Retry(on=(ConnectionError, TimeoutError), attempts=3)
def load(url: str) -> bytes:
    return b""


@Timeout(2.0)
async def load_later(url: str) -> bytes:
    return b""


class Loader:
    @Bulkhead(5)
    def load(self, url: str) -> bytes:
        return b""


async def strategies(loader: Loader) -> None:
    assert_type(load("url"), bytes)
    assert_type(await load_later(url="url"), bytes)
    assert_type(loader.load("url"), bytes)


# Calls without decorating.


def plain(a: int, b: str = "") -> float:
    return 1.0


async def later(a: int) -> str:
    return ""


async def calls() -> None:
    assert_type(policy.call(plain, 1, b="x"), float)
    assert_type(await policy.acall(later, 1), str)
    assert_type(policy.using(timeout=2.0, idempotent=False), Policy)
    assert_type(await policy.using(timeout=2.0).acall(later, a=1), str)
    assert_type(policy.call(lambda: 1), int)
    assert_type(await policy.acall(Client().fetch, "ACME"), list[float])
    for attempt in policy.attempts():
        with attempt:
            assert_type(attempt.number, int)
    async for attempt in policy.attempts():
        async with attempt:
            attempt.result(1)


# The fallback of a function is typed like the call.


@fetch.fallback
async def last_known(failure: Failure, symbol: str, depth: int = 1) -> list[float]:
    assert_type(failure.code, str)
    return []


@price.fallback(on=ConnectionError)
def no_price(failure: Failure, symbol: str, /, *, currency: str = "EUR") -> float:
    return 0.0


# Composition, and what a running policy can be asked.

breaker = CircuitBreaker(failure_rate=0.5, window_calls=100, open_for=30.0)
database = shared("db", breaker)


def is_unavailable(failure: Failure) -> bool:
    return failure.code == "UNAVAILABLE"


def is_none(value: object) -> bool:
    return value is None


composed = Policy(
    "composed",
    Fallback(None, on=is_unavailable),
    Retry(budget=shared("budget", Budget(ratio=0.1)), results=is_none),
    database,
    Bulkhead(50, queue=100, wait=0.5),
    failures=(OSError, TimeoutError),
)
standard = Policy.standard("payments", timeout=2.0, attempts=4, idempotent=True)


def operating() -> None:
    assert_type(standard, Policy)
    assert_type(policy[CircuitBreaker].state, str)
    assert_type(policy[CircuitBreaker].remaining, float)
    policy[CircuitBreaker].force_open()
    assert_type(policy[Bulkhead].inside, int)
    assert_type(policy[Retry].tokens, float | None)
    assert_type(policy[0].snapshot(), dict[str, Any])
    stop = policy.on("retry", lambda event: print(event.now, event.name))
    stop()
    assert_type(backstay.remaining(), float | None)


# Exceptions.


def exceptions() -> None:
    try:
        price("ACME")
    except (CircuitOpen, BulkheadFull) as error:
        rejected: Rejected = error
        assert_type(rejected.reason, str)
    except TimedOut as error:
        timeout: TimeoutError = error
        unified: UnifiedError = error
        print(timeout, unified)
    except DeadlineExceeded as error:
        assert_type(error.retry_after, float | None)
    except ConfigurationError as error:
        value: ValueError = error
        print(value)


# The test kit.


def kit() -> None:
    script = Script((0.2, ConnectionError("refused")), (0, "ok"))
    with VirtualTime(policy, seed=7) as time, record(policy) as decisions:
        assert_type(time.now, float)
        assert_type(time.run(fetch("ACME")), list[float])
        assert_type(decisions, Decisions)
        policy.call(script)
    assert_decisions(decisions, "attempt 1")
    assert_decisions(decisions, ["attempt 1"])
    with instant(), disabled(policy):
        pass
    assert_type(run(later(1)), str)
    assert_type(script.calls, int)


def named(function: Guarded[[int], str]) -> str:
    return function(1)


# Deadlines across processes.


def handler(headers: dict[str, str]) -> None:
    with incoming(headers) as given:
        assert_type(given, backstay.deadline)
        require(0.1)
        assert_type(outgoing("grpc-timeout", margin=0.05), dict[str, str])
    with backstay.deadline(2.0), backstay.deadline(None):
        assert_type(backstay.remaining(), float | None)


# Logs.


def logs(structured: FilteringBoundLogger) -> None:
    policy.on("*", log_events(logging.getLogger("shop")))
    policy.on("opened", log_events(structured, levels={"opened": logging.ERROR}))
    with correlated("req-7") as request:
        assert_type(request.id, str)
        assert_type(correlation_id(), str | None)


# A state for each key.


def host_of(url: str) -> str:
    return url.partition("/")[0]


hosts = policy.keyed(host_of, most=100, idle=None)


@hosts
def download(url: str) -> bytes:
    return b""


async def keys() -> None:
    assert_type(hosts, Keyed)
    assert_type(download("a/b"), bytes)
    assert_type(hosts.call(len, "a"), int)
    assert_type(await hosts.of("a").acall(coroutine_of, 1), float)


async def coroutine_of(number: int) -> float:
    return float(number)
