"""Transports for httpx and libraries of the same shape (httpx2)."""

from __future__ import annotations

from backstay.integrations.exchange import Exchange
from backstay.integrations.guard import Guard
from backstay_core.http.semantics import BUFFER, is_short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.keyed import Keyed
    from backstay.policy import Policy


class Transport:
    """What the sync and the async transport have in common."""

    LIBRARY: Any

    def __init__(
        self,
        policy: Policy | Keyed,
        inner: Any = None,
        *,
        deadline_header: str | None = None,
        margin: float = 0.0,
        buffer: int = BUFFER,
    ) -> None:
        self.guard = Guard(policy, deadline_header=deadline_header, margin=margin, buffer=buffer)
        self.inner = self._usual() if inner is None else inner

    def _usual(self) -> Any:
        raise NotImplementedError

    def _policy(self, request: Any, *, replayable: bool) -> Policy:
        host = request.url.netloc.decode("ascii")
        return self.guard.policy_for(request.method, request.headers.keys(), host, request, replayable=replayable)

    def _buffers(self, request: Any) -> bool:
        """Is the body one that arrives in pieces, but is short (HS3)?"""
        return is_short(request.headers.get("content-length"), self.guard.buffer)

    def _at_hand(self, request: Any) -> bool:
        return isinstance(request.stream, self.LIBRARY.ByteStream)


class Sync(Transport):
    """``httpx.Client(transport=PolicyTransport(policy))``"""

    def _usual(self) -> Any:
        return self.LIBRARY.HTTPTransport()

    def handle_request(self, request: Any) -> Any:
        if not self._at_hand(request) and self._buffers(request):
            request.read()
        policy = self._policy(request, replayable=self._at_hand(request))
        exchange = Exchange(
            self.guard, request, pieces=lambda answer: answer.iter_raw(), close=lambda answer: answer.close()
        )
        return exchange.call(policy, lambda: self.inner.handle_request(request))

    def close(self) -> None:
        self.guard.closed = True
        self.inner.close()


class Async(Transport):
    """``httpx.AsyncClient(transport=AsyncPolicyTransport(policy))``"""

    def _usual(self) -> Any:
        return self.LIBRARY.AsyncHTTPTransport()

    async def handle_async_request(self, request: Any) -> Any:
        if not self._at_hand(request) and self._buffers(request):
            await request.aread()
        policy = self._policy(request, replayable=self._at_hand(request))
        exchange = Exchange(
            self.guard, request, pieces=lambda answer: answer.aiter_raw(), close=lambda answer: answer.aclose()
        )
        return await exchange.acall(policy, lambda: self.inner.handle_async_request(request))

    async def aclose(self) -> None:
        self.guard.closed = True
        await self.inner.aclose()
