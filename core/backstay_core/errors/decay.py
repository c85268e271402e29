"""Rates that forget: each event counts 1 at first, ½ after one half-life, ¼ after two.

The sum of what is left, times ln 2, divided by the half-life, estimates events per second; a steady stream is seen at
97 % of its rate after five half-lives. All is integer arithmetic, the same on every runtime: the sum has 32 fractional
bits, powers of two between whole half-lives come from a table of 64 steps with straight lines between them (error below
2·10⁻⁵), and results are rounded down.
"""

from backstay_core.failure import ConfigurationError

ONE = 1 << 32
_STEPS = 64
_POWERS = tuple(int(2.0 ** (32 - i / _STEPS) + 0.5) for i in range(_STEPS + 1))  # rounded half up
_LN_2 = 693_147_181  # ln 2 · 10⁹, rounded


class Rate:
    """A decaying count. `total` never decays."""

    __slots__ = ("at", "half_life", "mass", "total")

    def __init__(self, half_life: int) -> None:
        if isinstance(half_life, bool) or not isinstance(half_life, int) or half_life < 1:
            raise ConfigurationError(f"a half-life is a positive number of ns; got {half_life!r}")
        self.half_life = half_life
        self.mass = 0  # in units of 2⁻³²
        self.at = 0
        self.total = 0

    def add(self, now: int) -> None:
        """One event at `now` (ns). A time before the last one counts as the last one."""
        self.mass = self.left(now) + ONE
        self.at = max(self.at, now)
        self.total += 1

    def left(self, now: int) -> int:
        """What is left of all events at `now`, in units of 2⁻³²."""
        if not self.mass or now <= self.at:
            return self.mass
        halves, rest = divmod(now - self.at, self.half_life)
        if halves > 100:
            return 0
        step, part = divmod(rest * _STEPS, self.half_life)
        factor = _POWERS[step] - (_POWERS[step] - _POWERS[step + 1]) * part // self.half_life
        return (self.mass * factor >> 32) >> halves

    def per_second_milli(self, now: int) -> int:
        """Events per 1000 seconds at `now`, rounded down."""
        return self.left(now) * _LN_2 * 1000 // self.half_life >> 32

    def to_data(self, now: int) -> "dict[str, int]":
        return {"count": self.total, "per_second_milli": self.per_second_milli(now)}
