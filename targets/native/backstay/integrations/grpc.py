"""Policies under gRPC clients (`backstay[grpc]`).

    channel = grpc.intercept_channel(channel, PolicyInterceptor(policy))
    channel = grpc.aio.insecure_channel(target, interceptors=aio_interceptors(policy))

Rules:

GI1   gRPC does not say which methods may be called twice: `idempotent` does, by full names ("/package.Service/Method").
      Of any other, only what surely was not executed is tried again.
GI2   The ambient deadline becomes the timeout of each attempt, which gRPC sends as ``grpc-timeout``.
GI3   A stream of answers is begun again only before its first message.
GI4   A stream of requests is sent once.
GI5   A server's ``grpc-retry-pushback-ms`` is heeded; a negative one ends the attempts.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from backstay.ambient import remaining
from backstay.integrations.guard import Guard
from backstay.propagation import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator

    from backstay.keyed import Keyed
    from backstay.policy import Policy

__all__ = ["PolicyInterceptor", "aio_interceptors"]


class Rules:
    """What the sync and the async interceptors have in common. A `Keyed` policy without a key function has the method's
    full name as its key."""

    def __init__(self, policy: Policy | Keyed, *, idempotent: Collection[str] = (), margin: float = 0.0) -> None:
        self.guard = Guard(policy, margin=margin)
        self.idempotent = frozenset(idempotent)

    def policy(self, details: Any, *, replayable: bool = True) -> Policy:
        method = details.method.decode() if isinstance(details.method, bytes) else details.method
        again = "PUT" if method in self.idempotent else "POST"  # what HTTP calls idempotent, and what not
        return self.guard.policy_for(again, (), method, details, replayable=replayable)

    def timed(self, details: Any) -> Any:
        """The details with what is left of the deadline as timeout (GI2)."""
        left = remaining()
        if left is None:
            return details
        require(self.guard.margin)
        left -= self.guard.margin
        return details._replace(timeout=left if details.timeout is None else min(left, details.timeout))


class PolicyInterceptor(
    Rules,
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """A client interceptor for calls of all four kinds."""

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        def attempt() -> Any:
            return _sound(continuation(self.timed(client_call_details), request))

        return self.policy(client_call_details).call(attempt)

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        def attempt() -> Any:
            return _sound(continuation(self.timed(client_call_details), request_iterator))

        return self.policy(client_call_details, replayable=False).call(attempt)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        def attempt() -> Any:
            return _Begun(continuation(self.timed(client_call_details), request))

        return self.policy(client_call_details).call(attempt)

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        def attempt() -> Any:
            return continuation(self.timed(client_call_details), request_iterator)

        return self.policy(client_call_details, replayable=False).call(attempt)


def _sound(outcome: Any) -> Any:
    """A call that has succeeded; raises the error of any other."""
    error = outcome.exception()
    if error is not None:
        raise error
    return outcome


class _Begun:
    """A call whose first message has come (GI3): all that the call is, and that message is the next one."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._first = list(islice(call, 1))

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._first.pop() if self._first else next(self._call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class _AioUnaryUnary(Rules, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        async def attempt() -> Any:
            call = await continuation(self.timed(client_call_details), request)
            await call
            return call

        return await self.policy(client_call_details).acall(attempt)


class _AioStreamUnary(Rules, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        async def attempt() -> Any:
            call = await continuation(self.timed(client_call_details), request_iterator)
            await call
            return call

        return await self.policy(client_call_details, replayable=False).acall(attempt)


class _AioUnaryStream(Rules, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        async def attempt() -> Any:
            call = await continuation(self.timed(client_call_details), request)
            messages = call.__aiter__()
            try:
                first = await messages.__anext__()
            except StopAsyncIteration:
                return _none()
            return _aafter(first, messages)

        return await self.policy(client_call_details).acall(attempt)


class _AioStreamStream(Rules, grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        async def attempt() -> Any:
            return await continuation(self.timed(client_call_details), request_iterator)

        return await self.policy(client_call_details, replayable=False).acall(attempt)


async def _none() -> AsyncIterator[Any]:
    nothing: tuple[Any, ...] = ()
    for message in nothing:
        yield message


async def _aafter(first: Any, messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for message in messages:
        yield message


def aio_interceptors(
    policy: Policy | Keyed, *, idempotent: Collection[str] = (), margin: float = 0.0
) -> list[grpc.aio.ClientInterceptor]:
    """Interceptors for ``grpc.aio`` channels, one for each kind of call; the options are those of
    `PolicyInterceptor`."""
    kinds = (_AioUnaryUnary, _AioUnaryStream, _AioStreamUnary, _AioStreamStream)
    return [kind(policy, idempotent=idempotent, margin=margin) for kind in kinds]
