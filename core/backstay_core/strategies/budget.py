"""A retry budget: how many further attempts the traffic may cause (rules RT9 and RT10 in `retry`).

One budget may serve many policies. Tokens are counted in millionths, in integers.
"""

from backstay_core.clock import SECOND
from backstay_core.options import PPM, Field, Options
from backstay_core.state import Reader
from backstay_core.strategies.contract import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Budget(Options):
    """A retry budget: how many further attempts the traffic may cause (RT9, RT10).

    One budget may serve many policies; see `Retry`.
    """

    KIND = "budget"
    FIELDS = (
        Field("ratio", "ratio", "tokens that each call deposits: 0.1 lets a tenth of the traffic retry", most=1),
        Field("per_second", "ratio", "tokens gained in a second whatever the traffic", most=1_000_000),
        Field("burst", "ratio", "most tokens it holds, and how many it starts with", least=1, most=1_000_000),
    )

    ratio_ppm: int
    per_second_ppm: int
    burst_ppm: int

    def __init__(self, ratio: float = 0.1, *, per_second: float = 1.0, burst: float = 10.0) -> None:
        self._set(ratio=ratio, per_second=per_second, burst=burst)

    def state(self, seed: int = 0) -> "Tokens":
        """A full budget. `seed` is not used: a budget draws nothing."""
        return Tokens(self)


class Tokens(State):
    """The state of a retry budget; tokens are counted in millionths."""

    __slots__ = ("filled", "rest", "tokens")
    options: Budget

    def __init__(self, options: Budget) -> None:
        super().__init__(options)
        self.tokens = options.burst_ppm
        self.filled: "int | None" = None  # up to when `per_second` has been credited
        self.rest = 0  # what was then too little for a millionth, in billionths of one

    def deposit(self) -> None:
        full = self.options.burst_ppm
        more = self.options.ratio_ppm
        if self.tokens < full:
            # -- straight line
            self.tokens = tokens + more if (tokens := self.tokens) < full - more else full
            # -- end

    def take(self, now: int, price: int = PPM) -> bool:
        """Credit the time that has passed, then take `price` millionths (one token), if they are there."""
        options = self.options
        rate = options.per_second_ppm
        full = options.burst_ppm
        filled = self.filled
        gain = -1  # nothing to credit
        rest = 0
        if filled is None:
            self.filled = now
        elif now > filled and rate:
            credit = (now - filled) * rate + self.rest
            gain = credit // SECOND
            rest = credit % SECOND
        # -- straight line
        tokens = self.tokens
        if gain >= 0 and self.filled == filled and (gain or tokens >= full):
            tokens = tokens + gain
            self.filled = now
            self.rest = rest if tokens < full else 0
            if tokens > full:
                tokens = full
        enough = tokens >= price
        self.tokens = tokens - price if enough else tokens
        # -- end
        return enough

    def body(self, now: int) -> "dict[str, Any]":
        self.take(now, 0)
        filled = self.filled
        age = None if filled is None else max(0, now - filled)
        return {"tokens": self.tokens, "age": age, "rest": self.rest}

    def parse(self, read: Reader, now: int) -> "Any":
        tokens = read.integer("tokens", most=self.options.burst_ppm)
        age = read.optional("age")
        return tokens, None if age is None else now - age - read.elapsed, read.integer("rest", most=SECOND - 1)

    def adopt(self, parsed: "Any") -> None:
        self.tokens, self.filled, self.rest = parsed
