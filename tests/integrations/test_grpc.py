"""gRPC calls under a policy, against a real server on loopback: rules GI1 to GI5 in `backstay.integrations.grpc`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import grpc
import grpc.aio
import pytest

from backstay import CircuitBreaker, CircuitOpen, ConfigurationError, DeadlineExceeded, Policy, Retry, deadline
from backstay.integrations.grpc import PolicyInterceptor, aio_interceptors

SERVICE = "shop.Shop"
NAMES = {"uu": "Price", "us": "Ticks", "su": "Sum", "ss": "Echo"}


def path(kind: str) -> str:
    return f"/{SERVICE}/{NAMES[kind]}"


class Shop:
    """`script` holds what each call does first: a status code to fail with, or (code, trailing metadata)."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.calls = 0
        self.remaining: list[float | None] = []
        self.breaks_after = -1
        self.endless = False

    def enter(self, context: Any) -> None:
        self.calls += 1
        self.remaining.append(context.time_remaining())
        step = self.script.pop(0) if self.script else None
        if step is not None:
            code, metadata = step if isinstance(step, tuple) else (step, ())
            context.set_trailing_metadata(metadata)
            context.abort(code, "as the script says")

    def price(self, request: bytes, context: Any) -> bytes:
        self.enter(context)
        return b"price of " + request

    def ticks(self, request: bytes, context: Any) -> Iterator[bytes]:
        self.enter(context)
        for number in count() if self.endless else range(3):
            if number == self.breaks_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "half-way")
            yield request + str(number).encode()

    def total(self, requests: Iterator[bytes], context: Any) -> bytes:
        self.enter(context)
        return b"+".join(requests)

    def echo(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self.enter(context)
        yield from requests


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Shop, str]]:
    shop = Shop()
    handlers = {
        NAMES["uu"]: grpc.unary_unary_rpc_method_handler(shop.price),
        NAMES["us"]: grpc.unary_stream_rpc_method_handler(shop.ticks),
        NAMES["su"]: grpc.stream_unary_rpc_method_handler(shop.total),
        NAMES["ss"]: grpc.stream_stream_rpc_method_handler(shop.echo),
    }
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield shop, f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def shop(served: tuple[Shop, str]) -> Shop:
    served[0].__init__()  # type: ignore[misc]
    return served[0]


Ask = Callable[..., Any]


def ask_sync(target: str, policy: Any, kind: str, seconds: float | None, options: dict[str, Any]) -> Any:
    with grpc.insecure_channel(target) as plain:
        channel = grpc.intercept_channel(plain, PolicyInterceptor(policy, **options))
        made = {"uu": channel.unary_unary, "us": channel.unary_stream, "su": channel.stream_unary}.get(
            kind, channel.stream_stream
        )(path(kind))
        with deadline(seconds):
            if kind == "uu":
                return made(b"tea")
            if kind == "us":
                return list(made(b"t"))
            if kind == "su":
                return made(iter([b"1", b"2"]))
            return list(made(iter([b"1", b"2"])))


def ask_aio(target: str, policy: Any, kind: str, seconds: float | None, options: dict[str, Any]) -> Any:
    async def requests() -> Any:
        yield b"1"
        yield b"2"

    async def main() -> Any:
        async with grpc.aio.insecure_channel(target, interceptors=aio_interceptors(policy, **options)) as channel:
            with deadline(seconds):
                if kind == "uu":
                    return await channel.unary_unary(path(kind))(b"tea")
                if kind == "us":
                    return [message async for message in channel.unary_stream(path(kind))(b"t")]
                if kind == "su":
                    return await channel.stream_unary(path(kind))(requests())
                return [message async for message in channel.stream_stream(path(kind))(requests())]

    return asyncio.run(main())


@pytest.fixture(params=[ask_sync, ask_aio], ids=["sync", "aio"])
def ask(request: pytest.FixtureRequest, served: tuple[Shop, str]) -> Ask:
    def asking(policy: Any, kind: str = "uu", seconds: float | None = None, **options: Any) -> Any:
        return request.param(served[1], policy, kind, seconds, options)

    return asking


def retrying(attempts: int = 3, **options: Any) -> Policy:
    return Policy("shop", Retry(attempts, base=0, **options))


ANSWERS = {"uu": b"price of tea", "us": [b"t0", b"t1", b"t2"], "su": b"1+2", "ss": [b"1", b"2"]}
UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("kind", NAMES)
def test_calls_of_all_four_kinds(ask: Ask, shop: Shop, kind: str):
    assert ask(retrying(), kind) == ANSWERS[kind]
    assert shop.calls == 1


@pytest.mark.parametrize("kind", ["uu", "us"])
def test_what_may_be_called_twice_is(ask: Ask, shop: Shop, kind: str):
    shop.script = [UNAVAILABLE, UNAVAILABLE]
    assert ask(retrying(), kind, idempotent=[path(kind)]) == ANSWERS[kind]
    assert shop.calls == 3


@pytest.mark.parametrize("kind", ["uu", "us"])
def test_any_other_is_called_once(ask: Ask, shop: Shop, kind: str):
    shop.script = [UNAVAILABLE]
    with pytest.raises(grpc.RpcError) as caught:
        ask(retrying(), kind)
    assert caught.value.code() is UNAVAILABLE
    assert shop.calls == 1


def test_what_was_not_executed_is_called_again(ask: Ask, shop: Shop):
    shop.script = [EXHAUSTED]
    assert ask(retrying()) == ANSWERS["uu"]
    assert shop.calls == 2


@pytest.mark.parametrize("kind", ["su", "ss"])
def test_a_stream_of_requests_is_sent_once(ask: Ask, shop: Shop, kind: str):
    shop.script = [EXHAUSTED]
    with pytest.raises(grpc.RpcError):
        ask(retrying(), kind, idempotent=[path(kind)])
    assert shop.calls == 1


def test_a_stream_that_breaks_half_way_is_not_begun_again(ask: Ask, shop: Shop):
    shop.breaks_after = 2
    with pytest.raises(grpc.RpcError) as caught:
        ask(retrying(), "us", idempotent=[path("us")])
    assert caught.value.code() is UNAVAILABLE
    assert shop.calls == 1


def test_a_stream_of_answers_is_a_call_still(served: tuple[Shop, str], shop: Shop):
    """It can be cancelled, and says how it ended."""
    with grpc.insecure_channel(served[1]) as plain:
        ticks = grpc.intercept_channel(plain, PolicyInterceptor(retrying())).unary_stream(path("us"))
        call: Any = ticks(b"t")
        assert (next(call), list(call)) == (b"t0", [b"t1", b"t2"])
        assert next(call, "no more") == "no more"
        assert call.code() is grpc.StatusCode.OK
        shop.endless = True
        call = ticks(b"t")
        call.cancel()
        with pytest.raises(grpc.RpcError):
            list(call)
        assert call.code() is grpc.StatusCode.CANCELLED


def test_a_breaker_counts_failures(ask: Ask, shop: Shop):
    policy = Policy("shop", CircuitBreaker.consecutive(2))
    shop.script = [UNAVAILABLE, grpc.StatusCode.NOT_FOUND, UNAVAILABLE, UNAVAILABLE]
    for _ in range(4):
        with pytest.raises(grpc.RpcError):
            ask(policy)
    with pytest.raises(CircuitOpen):
        ask(policy)
    assert shop.calls == 4


def pushed_back(milliseconds: str) -> Any:
    return (EXHAUSTED, (("grpc-retry-pushback-ms", milliseconds),))


def test_pushback_is_heeded(ask: Ask, shop: Shop):
    policy = retrying()
    pauses: list[int] = []
    policy.on("retry", lambda event: pauses.append(event.detail))
    shop.script = [pushed_back("20")]
    assert ask(policy) == ANSWERS["uu"]
    assert pauses == [20_000_000]


@pytest.mark.parametrize("milliseconds", ["-1", "31536000000", "soon"])
def test_pushback_of_minus_one_of_a_year_and_of_no_number(ask: Ask, shop: Shop, milliseconds: str):
    shop.script = [pushed_back(milliseconds)]
    with pytest.raises(grpc.RpcError):
        ask(retrying())
    assert shop.calls == 1


def test_the_deadline_becomes_the_timeout(ask: Ask, shop: Shop):
    ask(retrying(), seconds=50.0, margin=10.0)
    ask(retrying())
    first, second = shop.remaining
    assert first is not None
    assert 0 < first < 45, "40 s, rounded up: gRPC sends three significant digits"
    assert second is None or second > 1e6, "no deadline, no timeout"


def test_a_call_that_comes_too_late_is_not_sent(ask: Ask, shop: Shop):
    with pytest.raises(DeadlineExceeded):
        ask(retrying(), seconds=0)
    assert shop.calls == 0


def test_a_state_for_each_method(ask: Ask, shop: Shop):
    keyed = Policy("shop", CircuitBreaker.consecutive(1)).keyed()
    shop.script = [UNAVAILABLE]
    with pytest.raises(grpc.RpcError):
        ask(keyed)
    with pytest.raises(CircuitOpen):
        ask(keyed)
    assert ask(keyed, "us") == ANSWERS["us"]
    assert keyed.keys() == [path("uu"), path("us")]


def test_what_is_no_policy_is_refused(ask: Ask):
    with pytest.raises(ConfigurationError, match="takes a policy"):
        ask(None)
