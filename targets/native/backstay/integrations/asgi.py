"""A policy around an ASGI application: shedding, deadlines, 503 with Retry-After. Needs nothing but Backstay.

    app = PolicyMiddleware(app, Policy("server", Timeout(5.0), Bulkhead(100, queue=50, wait=0.5)))

Rules:

AS1   The deadline that a request brings (`backstay.propagation`) holds for its handler. What comes too late is refused
      with 504 before it is handled.
AS2   What the policy refuses is answered with 503 and Retry-After: the pause that the refusal names, in whole seconds
      rounded up, else `retry_after`.
AS3   When a Timeout of the policy runs out before the answer has begun, it is 504. An answer that has begun is cut: the
      error goes to the server, which closes the connection.
AS4   An answer that is a failure (`backstay_core.http.semantics`, HS2) is one for the policy's breaker, and reaches the
      client as it is. An error of the application goes on to the server.
AS5   A request is handled once: a policy with a Retry or a Fallback is refused when the middleware is made.
AS6   Only HTTP requests are guarded. WebSockets and the lifespan pass.
AS7   `priority` and `tenant`, functions of the scope, say whose request it is, so that gates with `shed` and `fair` can
      tell (`backstay.calling`). What they raise is an error of the application.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstay.ambient import SECONDS
from backstay.callers import calling
from backstay.errors import DeadlineExceeded, Rejected, TimedOut
from backstay.integrations.exchange import Answered
from backstay.keyed import Keyed
from backstay.policy import Policy
from backstay.propagation import incoming, require
from backstay_core.failure import ConfigurationError
from backstay_core.http.deadlines import CODECS
from backstay_core.http.semantics import is_failure
from backstay_core.options import CHECKS
from backstay_core.strategies.contract import BOUND, FAULT, GATE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["PolicyMiddleware", "refusal_of"]


ROLES: tuple[str, ...] = (GATE, BOUND, FAULT)


def check_server(
    policy: Policy | Keyed,
    *,
    accepted: tuple[str, ...],
    margin: float,
    least: float,
    retry_after: float,
    priority: Callable[[Any], int | str] | None,
    tenant: Callable[[Any], str] | None,
) -> None:
    """Raises `ConfigurationError` unless the policy can stand around a request that is handled once (AS5), and for
    options that could not be used."""
    if not isinstance(policy, (Policy, Keyed)):
        raise ConfigurationError(f"an integration takes a policy; got {policy!r}")
    plain = policy.policy if isinstance(policy, Keyed) else policy
    for layer in plain.layers:
        if layer.ROLE not in ROLES:
            raise ConfigurationError(
                f"policy {plain.name!r}: a request is handled once, so its policy has gates and Timeouts, and no"
                f" {layer.options.KIND}"
            )
    incoming({}, margin=margin, accepted=accepted)
    for option, value in (("least", least), ("retry_after", retry_after)):
        CHECKS["seconds"](f"{option}=…", SECONDS, value)
    for option, function in (("priority", priority), ("tenant", tenant)):
        if function is not None and not callable(function):
            raise ConfigurationError(f"{option}=… is a function of the request; got {function!r}")


def whose(priority: Callable[[Any], int | str] | None, tenant: Callable[[Any], str] | None, request: Any) -> calling:
    """Whose request it is (AS7)."""
    return calling(
        priority=None if priority is None else priority(request), tenant=None if tenant is None else tenant(request)
    )


def refusal_of(error: Exception, retry_after: float = 1.0) -> tuple[int, dict[str, str], str]:
    """Status, headers and a line of text for a request that is not (or no longer) handled."""
    if isinstance(error, (DeadlineExceeded, TimedOut)):
        return 504, {}, "there was not enough time"
    pause = error.retry_after if isinstance(error, Rejected) else None
    seconds = max(1, -int(-(retry_after if pause is None else pause) // 1))
    return 503, {"retry-after": str(seconds)}, "the server is busy"


class PolicyMiddleware:
    """An ASGI application under a policy.

    A `Keyed` policy's key function gets the scope. `accepted` are the deadline headers that are read, `margin` the
    seconds that an answer takes on its way, `least` what handling takes at best: a request that brings less is refused.
    """

    def __init__(
        self,
        app: App,
        policy: Policy | Keyed,
        *,
        accepted: tuple[str, ...] = tuple(CODECS),
        margin: float = 0.0,
        least: float = 0.0,
        retry_after: float = 1.0,
        priority: Callable[[Any], int | str] | None = None,
        tenant: Callable[[Any], str] | None = None,
    ) -> None:
        check_server(
            policy,
            accepted=accepted,
            margin=margin,
            least=least,
            retry_after=retry_after,
            priority=priority,
            tenant=tenant,
        )
        self.app = app
        self.policy = policy
        self.accepted = accepted
        self.margin = margin
        self.least = least
        self.retry_after = retry_after
        self.priority = priority
        self.tenant = tenant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False
        status = 0

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal begun, status
            if message["type"] == "http.response.start":
                begun = True
                status = message["status"]
            await send(message)

        async def handle() -> None:
            require(self.least)
            await self.app(scope, receive, sending)
            if is_failure(status):
                raise Answered(status, (), None)

        policy = self.policy.for_call(scope) if isinstance(self.policy, Keyed) else self.policy
        try:
            given = incoming(scope["headers"], margin=self.margin, accepted=self.accepted)
            with given, whose(self.priority, self.tenant, scope):
                require(self.least)
                await policy.acall(handle)
        except Answered:
            return
        except (Rejected, TimedOut) as error:
            if begun:
                raise
            code, headers, text = refusal_of(error, self.retry_after)
            await _answer(send, code, headers, text)


async def _answer(send: Send, status: int, headers: dict[str, str], text: str) -> None:
    body = text.encode() + b"\n"
    headers = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body)), **headers}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
