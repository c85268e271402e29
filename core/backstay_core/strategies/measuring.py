"""How a concurrency limit is set from what a window saw: three algorithms on whole numbers.

Each takes the present limit in millionths, the baseline and the mean time (ns) and the options, and gives the limit
that it wants, in millionths (CL7 to CL9 in `concurrency_limit`).
"""

from backstay_core.failure import NEVER
from backstay_core.options import PPM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.state import Fields

AIMD = "aimd"
VEGAS = "vegas"
GRADIENT2 = "gradient2"


class Window:
    """What is collected: outcomes, the signs of overload among them, the time of the others, the most calls inside.
    `since` is None before the first outcome of all."""

    __slots__ = ("calls", "peak", "signs", "since", "time")

    def __init__(self, since: "int | None") -> None:
        self.since = since
        self.calls = 0
        self.signs = 0
        self.time = 0
        self.peak = 0

    def body(self, now: int) -> "dict[str, Any]":
        age = None if self.since is None else max(0, now - self.since)
        return {"age": age, "calls": self.calls, "signs": self.signs, "time": self.time, "peak": self.peak}

    @classmethod
    def load(cls, read: "Fields", now: int, most: int) -> "Window":
        """What `body` says of a window with at most `most` calls inside."""
        age = read.optional("age")
        window = cls(None if age is None else now - age)
        window.calls = read.integer("calls")
        window.signs = read.integer("signs", most=window.calls)
        window.time = read.integer("time", most=NEVER * window.calls)
        window.peak = read.integer("peak", most=most)
        return window


def root(number: int) -> int:
    """The square root, rounded down."""
    guess = number
    better = (guess + 1) // 2
    while better < guess:
        guess = better
        better = (guess + number // guess) // 2
    return guess


def aimd(estimate: int, baseline: int, mean: int, options: "Any") -> int:
    return estimate + PPM


def vegas(estimate: int, baseline: int, mean: int, options: "Any") -> int:
    limit = estimate // PPM
    step = max(1, len(str(limit)) - 1)
    queue = max(0, limit - limit * baseline // mean)
    if queue <= step:
        return estimate + 6 * step * PPM
    if queue < 3 * step:
        return estimate + step * PPM
    return estimate - step * PPM if queue > 6 * step else estimate


def gradient2(estimate: int, baseline: int, mean: int, options: "Any") -> int:
    gradient: int = max(PPM // 2, min(PPM, options.tolerance_ppm * baseline // mean))
    wanted = estimate * gradient // PPM + root(estimate // PPM) * PPM
    return (estimate + wanted) // 2


ALGORITHMS = {GRADIENT2: gradient2, VEGAS: vegas, AIMD: aimd}
