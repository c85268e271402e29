"""Policies under requests, and so under urllib3 (`backstay[requests]`).

    session.mount("https://", PolicyAdapter(policy))

What a request may be repeated for, and what becomes of its answers, are rules HS1 to HS5 in
`backstay_core.http.semantics`. The retries of urllib3 are off unless `max_retries` is given: attempts would multiply.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

from backstay.integrations.exchange import Exchange
from backstay.integrations.guard import Guard
from backstay.keyed import Keyed
from backstay.policy import Policy
from backstay_core.http.semantics import BUFFER, is_short

__all__ = ["PolicyAdapter"]


class PolicyAdapter(HTTPAdapter):
    """An adapter that sends under a policy. The options are those of `backstay.integrations.guard.Guard`; others go to
    ``HTTPAdapter``."""

    def __init__(
        self,
        policy: Policy | Keyed,
        *,
        deadline_header: str | None = None,
        margin: float = 0.0,
        buffer: int = BUFFER,
        **options: Any,
    ) -> None:
        self.guard = Guard(policy, deadline_header=deadline_header, margin=margin, buffer=buffer)
        super().__init__(**options)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send a prepared request; its arguments are those of ``HTTPAdapter.send``."""
        body = request.body
        if hasattr(body, "read") and is_short(request.headers.get("Content-Length"), self.guard.buffer):
            request.body = body = body.read()
        replayable = body is None or isinstance(body, (bytes, str))
        host = urlsplit(request.url).netloc.rpartition("@")[2]  # no password in a key
        policy = self.guard.policy_for(request.method, request.headers, host, request, replayable=replayable)
        exchange = Exchange(self.guard, request, pieces=_pieces, close=lambda answer: answer.close())
        plain = super().send
        return exchange.call(policy, lambda: plain(request, *args, **kwargs))

    def close(self) -> None:
        self.guard.closed = True
        super().close()


def _pieces(answer: Any) -> Any:
    return answer.raw.stream(decode_content=False)
