"""What may cost how much. A budget is a promise about ratios within one run; it is never a test."""

from __future__ import annotations

from typing import NamedTuple


class Budget(NamedTuple):
    """At most `limit` of `unit`, or at least, if `least`."""

    limit: float
    unit: str = "×"
    least: bool = False

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.limit:,g} {self.unit}"

    def verdict(self, value: float) -> str:
        """holds, or by how much of the budget it does not."""
        missed = (self.limit - value if self.least else value - self.limit) / self.limit
        return "holds" if missed <= 0 else f"over by {max(1, round(100 * missed))} %"


BUDGETS = {
    "sync-four": Budget(1.75),
    "sync-five": Budget(3.25),
    "one-breaker": Budget(1.0),
    "async-five": Budget(5),
    "async-six": Budget(7.5),
    "refused-alone": Budget(2),
    "refused-middle": Budget(2),
    "refused-timeouts": Budget(2),
    "refused-fallback": Budget(2),
    "refused-answered": Budget(2),
    "refused-async": Budget(2),
    "three-retry": Budget(2),
    "three-four": Budget(3.5),
    "five-percent": Budget(1.25),
    "import-kernel": Budget(5, "ms"),
    "import-backstay": Budget(15, "ms"),
    "command-help": Budget(150, "ms"),
    "compile-sync": Budget(1.2, "ms"),
    "compile-async": Budget(1.2, "ms"),
    "memory-breaker": Budget(200, "B"),
    "memory-key": Budget(400, "B"),
    "classify": Budget(2, "µs"),
    "detect": Budget(5, "ms"),
    "simulated": Budget(100_000, "calls/s", least=True),
    "wasm-step": Budget(20, "µs"),
    "wasm-call": Budget(80, "µs"),
    "wasm-start": Budget(2, "ms"),
    "wasm-replace": Budget(5, "ms"),
}

#  what has a budget and nothing to measure yet
NOT_YET = {
    "metrics": ("metrics on (histogram and counters)", Budget(300, "ns")),
}
