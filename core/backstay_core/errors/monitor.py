"""The error monitor: what failed, how often, how lately, and when somebody should know.

It keeps no exception and no traceback, only text that has been cleaned (`redaction`): a monitor must not keep alive
what it watches. Everything in it is bounded.

Threads: `record` appends to a queue, which is atomic, and whoever finds the monitor idle works the queue off. Between
the look at `_busy` and its setting there is no call and no jump back, so on a build with a GIL no other thread can come
in between. A thread that finds it busy leaves its failure in the queue and goes on, and so does a finalizer or a signal
handler that records in the middle of a record: nothing ever waits. The busy one looks again before it leaves. On a
free-threaded build pass `lock`, for instance `threading.Lock()`, which then guards the same two lines.
"""

from collections import deque

from backstay_core.clock import SECOND, to_ns
from backstay_core.errors.alerts import AlertRule
from backstay_core.errors.decay import Rate
from backstay_core.errors.redaction import REDACTOR, Redactor
from backstay_core.events import Ring
from backstay_core.failure import ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

DIMENSIONS = ("code", "severity", "kind", "domain")
MOST_VALUES = 64  # different values that a dimension counts; the rest is OTHER
OTHER = "(other)"


class Group:
    """Failures of one fingerprint."""

    __slots__ = ("first", "last", "message", "rate", "severity")

    def __init__(self, now: int, half_life: int) -> None:
        self.rate = Rate(half_life)
        self.first = now
        self.last = now
        self.message = ""
        self.severity = "low"


class ErrorMonitor:
    """Counts failures; times are ns of one monotonic clock.

    `rules` are alert rules (`alerts`), `capacity` the length of the log, `half_life` that of the rates in seconds,
    `fingerprints` how many groups are told apart. When there are more, the one with the lowest rate makes room;
    `evicted` counts them. Raises `ConfigurationError` for bounds and rules that cannot mean anything.
    """

    def __init__(
        self,
        rules: "Iterable[dict[str, Any]]" = (),
        *,
        capacity: int = 1000,
        half_life: float = 60.0,
        fingerprints: int = 256,
        redactor: Redactor = REDACTOR,
        lock: "Any" = None,
    ) -> None:
        for name, bound in (("capacity", capacity), ("fingerprints", fingerprints)):
            if isinstance(bound, bool) or not isinstance(bound, int) or not 1 <= bound <= 1_000_000:
                raise ConfigurationError(f"{name} must be a whole number from 1 to 1000000; got {bound!r}")
        if isinstance(half_life, bool) or not isinstance(half_life, (int, float)) or not 1e-3 <= half_life <= 1e9:
            raise ConfigurationError(f"half_life must be from 0.001 to 1e9 seconds; got {half_life!r}")
        self.rules = tuple(AlertRule(rule) for rule in rules)
        names = [rule.name for rule in self.rules]
        if len(dict.fromkeys(names)) != len(names):
            raise ConfigurationError(f"alert rules must have different names; got {', '.join(sorted(names))}")
        self.evicted = 0
        self._half_life = to_ns(half_life)
        self._redactor = redactor
        self._lock = lock
        self._busy = False
        self._waiting: "deque[tuple[Failure, str, str, int]]" = deque(maxlen=10 * capacity)
        self._log = Ring(capacity)
        self._all = Rate(self._half_life)
        self._counts: "dict[str, dict[str, Rate]]" = {name: {} for name in DIMENSIONS}
        self._groups: "dict[str, Group]" = {}
        self._most_groups = fingerprints

    def record(self, failure: Failure, now: int) -> "tuple[dict[str, Any], ...]":
        """Take note of a failure; returns the alerts that fire (also for failures other threads had queued)."""
        if not isinstance(failure, Failure):
            raise ConfigurationError(f"the error monitor records failures; got {type(failure).__name__}")
        scrub = self._redactor.scrub
        self._waiting.append((failure, scrub(failure.fingerprint), scrub(failure.message), now))
        return self._work()

    def snapshot(self, now: int, top: int = 20, recent: int = 100) -> "dict[str, Any]":
        """Everything as plain data: totals and rates, the `top` fingerprints by rate, the `recent` log entries, newest
        last, with their ages in ns. Rates are events per 1000 seconds."""
        self._work()
        ranked = sorted(self._groups.items(), key=lambda item: (-item[1].rate.left(now), item[0]))
        log = self._log.to_list()
        return {
            "total": self._all.to_data(now),
            "by": {
                name: {value: rates[value].to_data(now) for value in sorted(rates)}
                for name, rates in self._counts.items()
            },
            "top": [_group_data(name, group, now) for name, group in ranked[:top]],
            "recent": [dict(entry, age=max(0, now - entry["age"])) for entry in (log[-recent:] if recent > 0 else [])],
            "log_dropped": self._log.dropped,
            "fingerprints_evicted": self.evicted,
            "half_life_ms": self._half_life * 1000 // SECOND,
        }

    def _work(self) -> "tuple[dict[str, Any], ...]":
        alerts: "list[dict[str, Any]]" = []
        while self._waiting:
            mine = False
            try:
                if self._lock is None:
                    # -- straight line
                    if not self._busy:
                        self._busy = mine = True
                    # -- end
                else:
                    mine = self._lock.acquire(False)
                if not mine:
                    break
                while self._waiting:
                    self._note(alerts, *self._waiting.popleft())
            finally:
                if mine and self._lock is not None:
                    self._lock.release()
                elif mine:
                    self._busy = False
        return tuple(alerts)

    def _note(self, alerts: "list[dict[str, Any]]", failure: Failure, fingerprint: str, message: str, now: int) -> None:
        self._all.add(now)
        for name in DIMENSIONS:
            rates = self._counts[name]
            value = getattr(failure, name)
            if value not in rates and len(rates) >= MOST_VALUES:
                value = OTHER
            rate = rates.get(value)
            if rate is None:
                rate = rates[value] = Rate(self._half_life)
            rate.add(now)
        group = self._group(fingerprint, now)
        group.rate.add(now)
        group.last = max(group.last, now)
        group.message = message
        group.severity = failure.severity
        self._log.append(
            {
                "age": now,  # of the entry when it is read; until then the time
                "fingerprint": fingerprint,
                "severity": failure.severity,
                "message": message,
                "injected": failure.injected,
            }
        )
        for rule in self.rules:
            alert = rule.see(failure, now)
            if alert is not None:
                alert["fingerprint"] = fingerprint
                alerts.append(alert)

    def _group(self, fingerprint: str, now: int) -> Group:
        group = self._groups.get(fingerprint)
        if group is None:
            if len(self._groups) >= self._most_groups:
                coldest = min(self._groups, key=lambda name: self._groups[name].rate.left(now))
                del self._groups[coldest]
                self.evicted += 1
            group = self._groups[fingerprint] = Group(now, self._half_life)
        return group


def _group_data(fingerprint: str, group: Group, now: int) -> "dict[str, Any]":
    data: "dict[str, Any]" = dict(group.rate.to_data(now))
    data["fingerprint"] = fingerprint
    data["severity"] = group.severity
    data["message"] = group.message
    data["first_age"] = max(0, now - group.first)
    data["last_age"] = max(0, now - group.last)
    return data
