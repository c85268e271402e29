"""Policies under httpx (`backstay[httpx]`).

    client = httpx.Client(transport=PolicyTransport(policy))

What a request may be repeated for, and what becomes of its answers, are rules HS1 to HS5 in
`backstay_core.http.semantics`. Redirects and authentication are the client's: each request of theirs is a call of its
own.
"""

from __future__ import annotations

import httpx

from backstay.integrations.httpx_like import Async, Sync

__all__ = ["AsyncPolicyTransport", "PolicyTransport"]


class PolicyTransport(Sync, httpx.BaseTransport):
    """A transport that sends by `inner` (default: ``httpx.HTTPTransport()``) under a policy; see `guard.Guard`."""

    LIBRARY = httpx


class AsyncPolicyTransport(Async, httpx.AsyncBaseTransport):
    """The same for ``httpx.AsyncClient``."""

    LIBRARY = httpx
