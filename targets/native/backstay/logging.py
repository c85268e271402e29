"""Events of policies as lines of a log, and the correlation ids that tie them to a request.

Nothing is logged until a program says so: ``policy.on("*", log_events(logger))``. The logger is one of the standard
library's, or of structlog, which need not be installed. Calls that are well emit no event, so that they cost nothing
more; what a handler takes, the call waits for: put a ``logging.handlers.QueueHandler`` before a slow one.

``with correlated("req-7"):`` names what is done inside. Without a name one is made when the first line needs it, and
never if none does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from os import urandom

from backstay.policy import Policy
from backstay.watching import EVENTS
from backstay_core.clock import to_seconds
from backstay_core.failure import ConfigurationError, Failure
from backstay_core.options import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from contextvars import Token
    from typing import Any, Protocol

    from backstay_core.events import Event

    class StructuredLogger(Protocol):
        """What is asked of a logger of structlog."""

        def bind(self, **values: Any) -> Any: ...

        def log(self, level: int, event: str, **values: Any) -> Any: ...


__all__ = ["CorrelationFilter", "add_correlation_id", "correlated", "correlation_id", "log_events"]

#  how loud an event is; those that are not here are INFO. A refusal is one of thousands while a circuit is open.
LEVELS = {
    "refused": logging.DEBUG,
    "hit": logging.DEBUG,
    "miss": logging.DEBUG,
    "stale": logging.WARNING,
    "uncached": logging.WARNING,
    "opened": logging.WARNING,
    "reopened": logging.WARNING,
    "renewed": logging.WARNING,
    "budget_exhausted": logging.WARNING,
    "wait_over": logging.WARNING,
    "injected": logging.WARNING,
    "switched_on": logging.WARNING,
    "forced_open": logging.WARNING,
    "disabled": logging.WARNING,
}

#  what the detail of an event is called, and how it is written down
DETAILS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "retry": ("pause", to_seconds),
    "opened": ("open_for", to_seconds),
    "reopened": ("open_for", to_seconds),
    "injected": ("fault", str),
    "pushback": ("limit", int),
    "hedge": ("attempts", int),
    "limit": ("limit", int),
    "uncached": ("why", str),
}
SAID = (*dict.fromkeys(name for name, _ in DETAILS.values()), "failure")  # in the sentence; the rest is in attributes


class correlated:
    """``with correlated(id):`` what is done inside belongs together; without an `id` it joins what is around it, or
    makes one when it is first asked for. Raises `ConfigurationError` for an `id` that is no text, or empty."""

    __slots__ = ("_id", "_token")

    def __init__(self, id: str | None = None) -> None:
        if id is not None and (not isinstance(id, str) or not id):
            raise ConfigurationError(f"correlated(id=…) is a text that is not empty; got {id!r}")
        self._id = id
        self._token: Token[correlated | None] | None = None

    @property
    def id(self) -> str:
        if self._id is None:
            self._id = urandom(8).hex()
        return self._id

    def __enter__(self) -> correlated:
        if self._token is not None:
            raise ConfigurationError("a correlated() block is entered once at a time; make one for each")
        outer = _CURRENT.get()
        current = self if outer is None or self._id is not None else outer
        self._token = _CURRENT.set(current)
        return current

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)
            self._token = None


_CURRENT: ContextVar[correlated | None] = ContextVar("backstay_correlation", default=None)


def correlation_id() -> str | None:
    """The id of the `correlated` block that this runs in; None outside one."""
    current = _CURRENT.get()
    return None if current is None else current.id


class CorrelationFilter(logging.Filter):
    """Gives every record a ``correlation_id`` (``-`` where there is none), for handlers of the standard library."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "correlation_id"):
            record.correlation_id = correlation_id() or "-"
        return True


def add_correlation_id(logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The same as a processor of structlog."""
    if (current := correlation_id()) is not None:
        event_dict.setdefault("correlation_id", current)
    return event_dict


def log_events(
    logger: logging.Logger | StructuredLogger, *, levels: Mapping[str, int] | None = None
) -> Callable[[Event], None]:
    """A listener for ``policy.on("*", …)`` that writes a line for each event.

    A logger of the standard library gets a sentence, with the values as attributes of the record; one of structlog gets
    the event's name and the values: ``policy``, ``strategy``, ``pause`` or ``open_for`` in seconds, ``fault``,
    ``failure`` and ``error`` (its kind, and the exception's class: messages may hold secrets), ``correlation_id``.
    `levels` overrides how loud events are, by name. Raises `ConfigurationError` for what is no logger, and for events
    that do not exist.
    """
    chosen = {**LEVELS, **(levels or {})}
    for name in levels or ():
        if name not in EVENTS:
            hint = nearest(name, EVENTS)
            raise ConfigurationError(f"no event {name!r}" + (f"; did you mean {hint!r}?" if hint else ""))
    if isinstance(logger, logging.Logger):
        return _standard(logger, chosen)
    if hasattr(logger, "bind") and hasattr(logger, "log"):
        return _structured(logger, chosen)
    raise ConfigurationError(f"log_events takes a logger of logging or of structlog; got {logger!r}")


def _standard(logger: logging.Logger, levels: Mapping[str, int]) -> Callable[[Event], None]:
    def listener(event: Event) -> None:
        level = levels.get(event.name, logging.INFO)
        if logger.isEnabledFor(level):
            values = values_of(event)
            more = "".join(f", {name} {_text(values[name])}" for name in SAID if name in values)
            logger.log(level, "%s: %s%s", event.source, event.name, more, extra={"event": event.name, **values})

    return listener


def _structured(logger: StructuredLogger, levels: Mapping[str, int]) -> Callable[[Event], None]:
    def listener(event: Event) -> None:
        logger.log(levels.get(event.name, logging.INFO), event.name, **values_of(event))

    return listener


def _text(value: Any) -> str:
    return f"{value:g} s" if isinstance(value, float) else str(value)


def values_of(event: Event) -> dict[str, Any]:
    """What there is to say of an event, as plain values."""
    policy, _, strategy = event.source.rpartition(": ")
    if strategy not in Policy.STRATEGIES:
        policy, strategy = event.source, ""
    values: dict[str, Any] = {"policy": policy}
    if strategy:
        values["strategy"] = strategy
    detail = event.detail
    if isinstance(detail, Failure):
        values["failure"] = detail.kind
        if detail.cause is not None:
            values["error"] = type(detail.cause).__name__
    elif event.name in DETAILS and detail is not None:
        name, written = DETAILS[event.name]
        values[name] = written(detail)
    if (current := correlation_id()) is not None:
        values["correlation_id"] = current
    return values
