"""Deadlines in a frame: where they stand, who publishes them, and who must know that one has passed."""

from __future__ import annotations

from backstay.frames.predicates import makes, makes_by_code
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Deadlines:
    """Those of one frame in the making, for its strategies from the outermost inwards."""

    def __init__(self, layers: tuple[Any, ...], *, asynchronous: bool) -> None:
        self.layers = layers
        self.asynchronous = asynchronous
        self.bounded = any(isinstance(layer, Deadline) for layer in layers)

    def bounds(self, x: int) -> str:
        """Source of the Timeouts around layer `x` with their deadlines and those outside, outermost first."""
        found = [
            f"(_bs_L{y}, _bs_d{y}, {self.deadline_at(y) if self.asynchronous else f'_bs_o{y}'})"
            for y in range(x)
            if isinstance(self.layers[y], Deadline)
        ]
        return "(" + "".join(item + ", " for item in found) + ")"

    def lateness(self, x: int) -> str | None:
        """Source of "a Timeout inside the breaker at `x` had run out", None if there is none inside.

        One Timeout in a thread, with nothing between that could make a new result, is asked by the clock right there;
        otherwise Timeouts leave word in ``_bs_late``.
        """
        inner = self.layers[x + 1 :]
        timeouts = [y for y, layer in enumerate(inner, x + 1) if isinstance(layer, Deadline)]
        if not timeouts:
            return None
        if self.asynchronous or len(timeouts) > 1 or any(map(makes, inner)):
            return "_bs_late"
        return f"_bs_clock() >= _bs_d{timeouts[0]}"

    def tells_late(self, x: int) -> bool:
        """Must the Timeout at `x` leave word?"""
        return any(
            isinstance(layer, Breaker) and self.lateness(y) == "_bs_late" for y, layer in enumerate(self.layers[:x])
        )

    def deadline_at(self, x: int) -> str:
        """Source of the deadline that applies outside layer `x`."""
        if not self.asynchronous:
            return "_bs_a[0]" if self.bounded else "_bs_current_deadline()"
        for y in range(x - 1, -1, -1):
            if isinstance(self.layers[y], Deadline):
                return f"_bs_d{y}"
        return "_bs_o" if self.bounded else "_bs_current_deadline()"

    def publishes_for_another(self, x: int) -> bool:
        """Does the Timeout around that at `x` leave it to publish the deadline, whichever of the two is tighter?"""
        around = [y for y in range(x) if isinstance(self.layers[y], Deadline)]
        return bool(around) and not self.publishes(around[-1])

    def publishes(self, x: int) -> bool:
        """Can the user's code run inside the Timeout at `x` and outside the next one in? Else that one publishes for
        both (a set and reset of the context variable cost 165 ns)."""
        for layer in self.layers[x + 1 :]:
            if isinstance(layer, Deadline):
                return False
            if makes_by_code(layer):
                return True
        return True
