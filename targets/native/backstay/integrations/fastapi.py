"""A policy for some routes of a FastAPI application (`backstay[fastapi]`); for all of them see `asgi`.

    @app.get("/report", dependencies=[Depends(guarded(policy))])

Rules AS1 to AS3, AS5 and AS7 of `backstay.integrations.asgi` hold. The policy is held until the handler has returned;
an ``HTTPException`` of the handler is judged by its status as a failure of the handler is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request

from backstay.errors import Rejected, TimedOut
from backstay.integrations.asgi import check_server, refusal_of, whose
from backstay.keyed import Keyed
from backstay.propagation import incoming, require
from backstay_core.http.deadlines import CODECS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from backstay.policy import Policy

__all__ = ["guarded"]


def guarded(
    policy: Policy | Keyed,
    *,
    accepted: tuple[str, ...] = tuple(CODECS),
    margin: float = 0.0,
    least: float = 0.0,
    retry_after: float = 1.0,
    priority: Callable[[Any], int | str] | None = None,
    tenant: Callable[[Any], str] | None = None,
) -> Callable[..., AsyncIterator[None]]:
    """A dependency that lets a request in under `policy`; the options are those of `asgi.PolicyMiddleware`. The key
    function of a `Keyed` policy gets the request, and so do `priority` and `tenant`."""
    check_server(
        policy,
        accepted=accepted,
        margin=margin,
        least=least,
        retry_after=retry_after,
        priority=priority,
        tenant=tenant,
    )

    async def dependency(request: Request) -> AsyncIterator[None]:
        chosen: Any = policy.for_call(request) if isinstance(policy, Keyed) else policy
        try:
            given = incoming(request.headers, margin=margin, accepted=accepted)
            with given, whose(priority, tenant, request):
                require(least)
                async for attempt in chosen.attempts():
                    with attempt:
                        yield
        except (Rejected, TimedOut) as error:
            status, headers, text = refusal_of(error, retry_after)
            raise HTTPException(status, text, headers) from error

    #  FastAPI reads the annotation, which in this module is a text
    dependency.__annotations__["request"] = Request
    return dependency
