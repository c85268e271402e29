"""Who watches a policy: listeners by event name.

A listener gets an `Event` after the change it tells of. It takes no part in the call: what it raises is dropped, and it
should be quick, because the call waits for it.
"""

from __future__ import annotations

from backstay_core.events import Event
from backstay_core.failure import ConfigurationError
from backstay_core.options import nearest
from backstay_core.strategies.breaker import MODES, TRANSITIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Listener = Callable[[Event], object]

EVERYTHING = "*"
EVENTS = (
    "retry",  # detail: the pause in ns
    "fallback",  # detail: the failure, None for a result
    "refused",
    "wait_over",  # a call waited for a place as long as it may
    "budget_exhausted",
    *(event for _, event, _, _ in TRANSITIONS),  # opened, reopened: detail is the open period in ns
    *sorted(MODES),  # the operator's hand
)


class Hub:
    """What a policy or a strategy emits to: tells each listener of the events it asked for. Shared strategies have
    one."""

    __slots__ = ("listeners", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.listeners: tuple[tuple[str, Listener], ...] = ()

    def __call__(self, now: int, name: str, detail: Any) -> None:
        event = Event(now, self.source, name, detail)
        for wanted, listener in self.listeners:
            if wanted in (name, EVERYTHING):
                try:
                    listener(event)
                except Exception:  # the others are told all the same
                    continue


def hub_of(emitter: Any, source: str) -> Hub:
    """The hub that `emitter` (a policy or a strategy's state) emits to."""
    if not isinstance(emitter.emit, Hub):
        emitter.emit = Hub(source)
    hub: Hub = emitter.emit
    return hub


def listen(emitters: list[tuple[Any, str]], name: str, listener: Listener) -> Callable[[], None]:
    """Add a listener to several emitters; returns the function that takes it away. Raises `ConfigurationError`."""
    if name != EVERYTHING and name not in EVENTS:
        hint = nearest(name, EVENTS)
        raise ConfigurationError(
            f"no event {name!r}" + (f"; did you mean {hint!r}?" if hint else f"; events: {', '.join(EVENTS)}, *")
        )
    if not callable(listener):
        raise ConfigurationError(f"a listener is a function of an event; got {listener!r}")
    entry = (name, listener)
    hubs = [hub_of(emitter, source) for emitter, source in emitters]
    for hub in hubs:
        hub.listeners = (*hub.listeners, entry)

    def remove() -> None:
        for hub in hubs:
            hub.listeners = tuple(other for other in hub.listeners if other is not entry)

    return remove
