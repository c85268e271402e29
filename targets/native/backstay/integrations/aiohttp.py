"""Policies under the client of aiohttp (`backstay[aiohttp]`).

    session = aiohttp.ClientSession(middlewares=(PolicyMiddleware(policy),))

What a request may be repeated for, and what becomes of its answers, are rules HS1 to HS5 in
`backstay_core.http.semantics`. aiohttp has no error of its own for a pool without a free connection: waiting for one is
part of its timeouts.
"""

from __future__ import annotations

from typing import Any

from aiohttp.payload import BytesPayload, StringPayload

from backstay.integrations.guard import Answered, Exchange, Guard
from backstay_core.http.semantics import is_short

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
        exchange = Exchange()

        async def send() -> Any:
            await self._finish(exchange)
            request.headers.update(self.deadline())
            response = await handler(request)
            return exchange.judge(response.status, response.headers, response)

        try:
            return await policy.acall(send)
        except Answered as answered:
            exchange.take()
            return answered.answer
        finally:
            answer = exchange.take()
            if answer is not None:
                answer.close()

    async def _finish(self, exchange: Exchange) -> None:
        """With the answer of the last attempt (HS5)."""
        answer = exchange.take()
        if answer is not None:
            try:
                if is_short(answer.headers.get("Content-Length")):
                    await answer.read()
            except Exception:  # what it would have said does not matter any more
                pass
            finally:
                answer.close()
