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
from backstay_core.printable import printable

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

#  how the detail of an event is written down, by what it is
WRITTEN: dict[str, Callable[[Any], object]] = {
    "pause": to_seconds,
    "open_for": to_seconds,
    "fault": str,
    "limit": int,
    "attempts": int,
    "raised": lambda error: type(error).__name__,
}
LONGEST_ID = 200  # characters
SAID = ("key", *WRITTEN, "failure")  # in the sentence; the rest is in attributes


class correlated:
    """``with correlated(id):`` what is done inside belongs together; without an `id` it joins what is around it, or
    makes one when it is first asked for. An `id` often comes from elsewhere: line ends and whatever else a log could
    take for more than text are escaped in it, and it is cut to 200 characters. Raises `ConfigurationError` for one that
    is no text, or empty."""

    __slots__ = ("_id", "_token")

    def __init__(self, id: str | None = None) -> None:
        if id is not None and (not isinstance(id, str) or not id):
            raise ConfigurationError(f"correlated(id=…) is a text that is not empty; got {id!r}")
        self._id = id if id is None else printable(id[:LONGEST_ID])
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
    the event's name and the values: ``policy``, ``strategy``, ``key`` (of a keyed policy), ``pause`` or ``open_for`` in
    seconds, ``fault``, ``limit``, ``attempts``, ``raised``, ``failure`` (its kind), ``error``, ``correlation_id``. Of
    an exception only the class is written: its message may hold secrets. `levels` overrides how loud events are, by
    name. Raises `ConfigurationError` for what is no logger, and for events that do not exist.
    """
    chosen = {**{name: level for name, (_, level, _) in EVENTS.items()}, **(levels or {})}
    for name in levels or ():
        if name not in EVENTS:
            hint = nearest(name, tuple(EVENTS))
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
            logger.log(
                level, "%s: %s%s", printable(event.source), event.name, more, extra={"event": event.name, **values}
            )

    return listener


def _structured(logger: StructuredLogger, levels: Mapping[str, int]) -> Callable[[Event], None]:
    def listener(event: Event) -> None:
        logger.log(levels.get(event.name, logging.INFO), event.name, **values_of(event))

    return listener


def _text(value: Any) -> str:
    return f"{value:g} s" if isinstance(value, float) else str(value)


def values_of(event: Event) -> dict[str, Any]:
    """What there is to say of an event, as plain values."""
    source = printable(event.source)
    policy, _, strategy = source.rpartition(": ")
    if strategy not in Policy.STRATEGIES:
        policy, strategy = source, ""
    values: dict[str, Any] = {"policy": policy}
    if strategy:
        values["strategy"] = strategy
    if event.key is not None:
        values["key"] = printable(str(event.key))
    detail = event.detail
    if isinstance(detail, Failure):
        values["failure"] = detail.kind
        if detail.cause is not None:
            values["error"] = type(detail.cause).__name__
    elif detail is not None and event.name in EVENTS:
        name = EVENTS[event.name][2]
        if name in WRITTEN:
            values[name] = WRITTEN[name](detail)
    if (current := correlation_id()) is not None:
        values["correlation_id"] = current
    return values
