"""Time, as the core knows it: whole nanoseconds of a clock that somebody else reads.

Every function that depends on time takes ``now``. Durations in options are seconds, as people write them; inside they
are nanoseconds, rounded half up once, when the option is read.
"""

from backstay_core.failure import NEVER

SECOND = 1_000_000_000
MILLISECOND = 1_000_000


def to_ns(seconds: "int | float") -> int:
    """Seconds to nanoseconds, rounded half up; whole seconds exactly."""
    if isinstance(seconds, int):
        return seconds * SECOND
    return int(seconds * SECOND + 0.5)


def to_seconds(ns: int) -> float:
    """Nanoseconds to seconds, as the nearest float."""
    return ns / SECOND


class ManualClock:
    """A clock that moves only when told to: for tests, simulation and hosts that count ticks."""

    __slots__ = ("now",)

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, ns: int) -> int:
        """Move on by `ns` (≥ 0) and return the new time."""
        if ns < 0 or self.now + ns >= NEVER:
            raise ValueError(f"a clock cannot move by {ns} ns")
        self.now += ns
        return self.now
