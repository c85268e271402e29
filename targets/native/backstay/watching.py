"""Who watches a policy: listeners by event name.

A listener gets an `Event` after the change it tells of. It takes no part in the call: what it raises is dropped, and it
should be quick, because the call waits for it.
"""

from __future__ import annotations

from backstay_core.events import Event
from backstay_core.failure import ConfigurationError
from backstay_core.options import nearest
from backstay_core.strategies.breaker import TRANSITIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Listener = Callable[[Event], object]

EVERYTHING = "*"
DEBUG, INFO, WARNING = 10, 20, 30  # of logging, which is loaded only where it is used

_WHEN = {event: when for _, event, _, when in TRANSITIONS}

#  event             when                                                       how loud  what the detail is
EVENTS: dict[str, tuple[str, int, str]] = {
    "retry":            ("another attempt follows, after a pause",                  INFO,    "pause"),
    "fallback":         ("a substitute takes the place of a failure, or of a result", INFO,  "failure"),
    "refused":          ("a strategy refuses a call",                               DEBUG,   ""),  # one of thousands
    "wait_over":        ("a call has waited for a place as long as it may",         WARNING, ""),
    "pushback":         ("a rate limit hears the server push back, and lets less in", INFO,  "limit"),
    "limit":            ("a concurrency limit is set anew, or a probe begins or ends", INFO, "limit"),
    "budget_exhausted": ("a retry is not made, because the budget has no token left", WARNING, ""),
    "hedge":            ("a further attempt begins beside one that takes long",     INFO,    "attempts"),
    "hit":              ("a lookup finds an answer",                                DEBUG,   ""),
    "miss":             ("a lookup finds none",                                     DEBUG,   ""),
    "stale":            ("an old answer stands in for a failure",                   WARNING, ""),
    "uncached":         ("a call has no key by which its answer could be kept",     WARNING, "raised"),
    "injected":         ("a fault on purpose takes the place of a call",            WARNING, "fault"),
    "switched_on":      ("an operator lets faults be injected",                     WARNING, ""),
    "switched_off":     ("an operator lets no more faults be injected",             INFO,    ""),
    "opened":           (_WHEN["opened"],                                           WARNING, "open_for"),
    "probing":          (_WHEN["probing"],                                          INFO,    ""),
    "closed":           (_WHEN["closed"],                                           INFO,    ""),
    "reopened":         (_WHEN["reopened"],                                         WARNING, "open_for"),
    "renewed":          (_WHEN["renewed"],                                          WARNING, ""),
    "auto":             ("an operator has given a breaker back to itself",          INFO,    ""),
    "disabled":         ("an operator has switched a breaker off: it admits every call and counts none", WARNING, ""),
    "forced_closed":    ("an operator lets every call through, and counts",         INFO,    ""),
    "forced_open":      ("an operator refuses every call",                          WARNING, ""),
    "metrics_only":     ("an operator lets every call through, while the breaker goes on as usual", INFO, ""),
}  # fmt: skip


class Hub:
    """What a policy or a strategy emits to: tells each listener of the events it asked for. Shared strategies have
    one."""

    __slots__ = ("followed", "listeners", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.listeners: tuple[tuple[str, Listener], ...] = ()
        self.followed: tuple[Hub, ...] = ()  # whose listeners are told too

    def everybody(self) -> tuple[tuple[str, Listener], ...]:
        entries = self.listeners
        for hub in self.followed:
            entries += tuple(entry for entry in hub.listeners if not any(entry is other for other in entries))
        return entries

    def __call__(self, now: int, name: str, detail: Any) -> None:
        self.tell(Event(now, self.source, name, detail))

    def tell(self, event: Event) -> None:
        for wanted, listener in self.everybody() if self.followed else self.listeners:
            if wanted in (event.name, EVERYTHING):
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


def follow(emitter: Any, source: str, leader: Hub) -> None:
    """Who listens to `leader` (a policy's hub) hears `emitter` too, which has come to the policy later."""
    hub = hub_of(emitter, source)
    hub.followed = (*hub.followed, leader)


def leave(emitter: Any, leader: Hub) -> None:
    """Who listens to `leader` hears no more of `emitter`, which has left the policy."""
    hub = emitter.emit
    if isinstance(hub, Hub):
        hub.followed = tuple(other for other in hub.followed if other is not leader)
        hub.listeners = tuple(entry for entry in hub.listeners if not any(entry is x for x in leader.listeners))


def listen(emitters: list[tuple[Any, str]], name: str, listener: Listener) -> Callable[[], None]:
    """Add a listener to several emitters; returns the function that takes it away. Raises `ConfigurationError`."""
    if name != EVERYTHING and name not in EVENTS:
        hint = nearest(name, tuple(EVENTS))
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
