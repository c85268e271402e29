"""Whose call it is: a priority and a tenant for what is called inside ``with calling(…):``.

Gates with `shed` or `fair` ask (rules PR1 to PR4 in `backstay_core.strategies.priority`); without one nothing reads it.
Tasks and threads that copy the context, as asyncio's and trio's do, take it with them.
"""

from __future__ import annotations

from contextvars import ContextVar

from backstay_core.strategies.priority import ANYBODY, PRIORITIES, Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

__all__ = ["PRIORITIES", "Caller", "calling"]

CALLER: ContextVar[Caller] = ContextVar("backstay_caller", default=ANYBODY)


class calling:
    """``with calling(priority="low", tenant="acme"):`` says for whom the calls inside are made.

    `priority` is one of `PRIORITIES` or its number (0, the most important, to 4). What is not given is what applies
    around. Raises `ConfigurationError` for other priorities, and for a tenant that is no text of at most 200
    characters.
    """

    __slots__ = ("_priority", "_published", "_tenant")

    def __init__(self, *, priority: int | str | None = None, tenant: str | None = None) -> None:
        changed(ANYBODY, priority, tenant)
        self._priority = priority
        self._tenant = tenant
        self._published: list[Token[Caller]] = []

    def __enter__(self) -> None:
        self._published.append(CALLER.set(changed(CALLER.get(), self._priority, self._tenant)))

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        CALLER.reset(self._published.pop())


def changed(caller: Caller, priority: int | str | None = None, tenant: str | None = None) -> Caller:
    """The same caller with another priority or tenant, where one is given."""
    return Caller(caller.priority if priority is None else priority, caller.tenant if tenant is None else tenant)
