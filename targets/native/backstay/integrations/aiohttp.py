"""Policies under the client of aiohttp (`backstay[aiohttp]`).

    session = aiohttp.ClientSession(middlewares=(PolicyMiddleware(policy),))

What a request may be repeated for, and what becomes of its answers, are rules HS1 to HS5 in
`backstay_core.http.semantics`. aiohttp has no error of its own for a pool without a free connection: waiting for one is
part of its timeouts. To an answer that is no HTTP it gives the status 400, as if it were the client's mistake; here it
is a disconnect, as with other clients.
"""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponseError
from aiohttp.http import HttpProcessingError
from aiohttp.payload import BytesPayload, StringPayload

from backstay.classifier import register_classifier
from backstay.integrations.exchange import Exchange
from backstay.integrations.guard import Guard

__all__ = ["PolicyMiddleware"]


class PolicyMiddleware(Guard):
    """A client middleware; the options are those of `Guard`."""

    async def __call__(self, request: Any, handler: Any) -> Any:
        """Send by `handler`, under the policy."""
        body = request.body
        replayable = not body or isinstance(body, (bytes, BytesPayload, StringPayload))
        policy = self.policy_for(
            request.method, request.headers.keys(), request.url.authority, request, replayable=replayable
        )
        exchange = Exchange(
            self,
            request,
            pieces=lambda answer: answer.content.iter_any(),
            close=lambda answer: answer.close(),
            status="status",
        )
        return await exchange.acall(policy, lambda: handler(request))


def _garbled(error: BaseException) -> str | None:
    return "disconnect" if isinstance(error.__cause__, HttpProcessingError) else None


register_classifier(ClientResponseError, _garbled)
