"""Policies under httpx2 (`backstay[httpx2]`).

    client = httpx2.Client(transport=PolicyTransport(policy))

What a request may be repeated for, and what becomes of its answers, are rules HS1 to HS5 in
`backstay_core.http.semantics`. Redirects and authentication are the client's: each request of theirs is a call of its
own.
"""

from __future__ import annotations

import httpx2

from backstay.integrations.httpx_like import Async, Sync

__all__ = ["AsyncPolicyTransport", "PolicyTransport"]


class PolicyTransport(Sync, httpx2.BaseTransport):
    """A transport that sends by `inner` (default: ``httpx2.HTTPTransport()``) under a policy; see `guard.Guard`."""

    LIBRARY = httpx2


class AsyncPolicyTransport(Async, httpx2.AsyncBaseTransport):
    """The same for ``httpx2.AsyncClient``."""

    LIBRARY = httpx2
