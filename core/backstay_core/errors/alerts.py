"""Alert rules as data: when failures are frequent or severe enough that somebody should know.

Rules:

AL1   A rule looks at failures that match all of its ``kind``, ``code``, ``reason``, ``domain``, and are at least as
      severe as its ``severity``.
AL2   With ``count`` it fires when that many matching failures lie within its last ``seconds``; with ``rate``, when the
      decaying rate (half-life ``seconds``) reaches that many a second. With neither, every matching failure fires.
AL3   After firing it is silent for ``cooldown`` seconds; what it held back is counted in its next alert.
"""

from backstay_core.clock import to_ns
from backstay_core.errors.decay import Rate
from backstay_core.errors.recovery import MATCHES, check_match, matches
from backstay_core.events import Ring
from backstay_core.failure import ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_COUNT = 10_000
_NUMBERS = ("count", "rate", "seconds", "cooldown")


class AlertRule:
    """One rule with its state. Data form: ``name``, the fields of AL1, ``count`` or ``rate``, ``seconds`` (60) and
    ``cooldown`` (300), both in seconds. Raises `ConfigurationError` for what cannot mean anything."""

    __slots__ = ("_fired", "_held_back", "_match", "_rate", "_times", "cooldown_ns", "data", "name", "window_ns")

    def __init__(self, data: "dict[str, Any]") -> None:
        self.name, where = _name(data)
        for field in data:
            if field not in (*MATCHES, *_NUMBERS, "name"):
                known = ", ".join((*MATCHES, *_NUMBERS))
                raise ConfigurationError(f"{where}: unknown field {field!r}; it takes {known}")
        check_match(where, data)
        self._match = {name: data[name] for name in MATCHES if data.get(name) is not None}
        self.window_ns = _seconds(where, data, "seconds", 60, 1e-3)
        self.cooldown_ns = _seconds(where, data, "cooldown", 300, 0)
        count = data.get("count")
        rate = data.get("rate")
        if count is not None and rate is not None:
            raise ConfigurationError(f"{where}: count or rate, not both")
        whole = isinstance(count, int) and not isinstance(count, bool)
        if count is not None and (not whole or not 1 <= count <= MOST_COUNT):
            raise ConfigurationError(f"{where}: count must be a whole number from 1 to {MOST_COUNT}; got {count!r}")
        if rate is not None and (not _is_number(rate) or not 0.001 <= rate <= 1e9):
            raise ConfigurationError(f"{where}: rate must be from 0.001 to 1e9 a second; got {rate!r}")
        if count is None and rate is None and not self._match:
            raise ConfigurationError(f"{where} would fire at every failure; give count, rate or something to match")
        self.data = dict(data)
        self._times = None if count is None else Ring(count)
        self._rate = None if rate is None else Rate(self.window_ns)
        self._fired: "int | None" = None
        self._held_back = 0

    def see(self, failure: Failure, now: int) -> "dict[str, Any] | None":
        """Take note of a failure at `now` (ns); the alert as plain data if the rule fires."""
        if not matches(self._match, failure):
            return None
        value = 1
        if self._times is not None:
            self._times.append(now)
            times = self._times.to_list()
            value = len(times)
            if value < self.data["count"] or now - times[0] > self.window_ns:
                return None
        if self._rate is not None:
            self._rate.add(now)
            value = self._rate.per_second_milli(now)
            if value < int(self.data["rate"] * 1000 + 0.5):
                return None
        if self._fired is not None and max(0, now - self._fired) < self.cooldown_ns:  # threads may come out of order
            self._held_back += 1
            return None
        self._fired = now
        held_back = self._held_back
        self._held_back = 0
        return {
            "rule": self.name,
            "at": now,
            "value": value,
            "unit": "per_second_milli" if self._rate is not None else "failures",
            "held_back": held_back,
            "severity": failure.severity,
            "fingerprint": failure.fingerprint,
        }


def _name(data: "Any") -> "tuple[str, str]":
    if not isinstance(data, dict):
        raise ConfigurationError(f"an alert rule is a table; got {type(data).__name__}")
    name = data.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"an alert rule has a name; got {name!r}")
    return name, f"alert rule {name!r}"


def _is_number(value: "Any") -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _seconds(where: str, data: "dict[str, Any]", field: str, default: int, least: float) -> int:
    value = data.get(field, default)
    if not _is_number(value) or not least <= value <= 1e9:
        raise ConfigurationError(f"{where}: {field} must be from {least:g} to 1e9 seconds; got {value!r}")
    return to_ns(value)
