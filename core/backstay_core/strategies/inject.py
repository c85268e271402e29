"""Inject: faults on purpose, inside a policy, to see what the strategies around it make of them.

Rules:

IN1   Nothing is injected unless the strategy is enabled, by its options or by hand (`enable`, `disable`).
IN2   Of all entries, counted over all calls while it is on, each `every`-th has the fault with probability `rate`.
IN3   *error*: the call fails at once with `failure`; nothing inside is asked.
IN4   *latency*: what is inside begins `seconds` later.
IN5   *outcome*: the strategy's `value` takes the place of the call; making it is an operation like a substitute (FB5).
IN6   *hang*: nothing happens for `seconds`; then the call fails with `failure`.
IN7   A Timeout outside that runs out during a latency or a hang fires, also where operations cannot be interrupted.
IN8   An injected failure is a failure like any other to the strategies outside; it says that it is `injected`.
IN9   With a rate between 0 and 1, a number is drawn for each `every`-th entry, from the call's own stream for this
      position, one entry of the call after the other. Otherwise nothing is drawn.
"""

from backstay_core.failure import Failure
from backstay_core.options import PPM, Field, Options
from backstay_core.rng import Rng
from backstay_core.state import Reader
from backstay_core.strategies.contract import FAULT, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ERROR = "error"
LATENCY = "latency"
OUTCOME = "outcome"
HANG = "hang"
FAULTS = (ERROR, LATENCY, OUTCOME, HANG)


class Inject(Options):
    """Options of an injected fault. It does nothing unless it is `enabled`."""

    KIND = "inject"
    ROLE = FAULT
    FIELDS = (
        Field("fault", "choice", "what is injected", choices=FAULTS),
        Field("enabled", "flag", "whether anything is injected at all"),
        Field("rate", "ratio", "probability of the fault", most=1),
        Field("every", "count", "which entries may have it: 3 is each third one", least=1),
        Field("failure", "fault", "kind of the failure of an error or a hang"),
        Field("seconds", "seconds", "how long a latency or a hang lasts", least=1e-9),
        Field("value", "anything", "the outcome, or a function that makes it"),
    )

    fault: str
    enabled: bool
    rate_ppm: int
    every: int
    failure: "Any"
    failure_make: "Callable[[], Failure] | None"
    seconds_ns: int
    value: "Any"

    def __init__(
        self,
        fault: str = ERROR,
        *,
        enabled: bool = False,
        rate: float = 1.0,
        every: int = 1,
        failure: "Any" = "unavailable",
        seconds: float = 1.0,
        value: "Any" = None,
    ) -> None:
        self._set(fault=fault, enabled=enabled, rate=rate, every=every, failure=failure, seconds=seconds, value=value)

    def state(self, seed: int = 0) -> "Faults":
        return Faults(self)


class Faults(State):
    """The state of an Inject: whether it is on, and what it has done."""

    __slots__ = ("enabled", "entered", "injected")
    ROLE = FAULT
    options: Inject

    def __init__(self, options: Inject) -> None:
        super().__init__(options)
        self.enabled = options.enabled
        self.entered = 0
        self.injected = 0

    @property
    def draws(self) -> bool:  # type: ignore[override]
        return self.enabled and 0 < self.options.rate_ppm < PPM

    def strikes(self, now: int, rng: "Rng | None") -> bool:
        """A call enters: does it get the fault (IN1, IN2)?"""
        if not self.enabled:
            return False
        options = self.options
        # -- straight line
        self.entered = entered = self.entered + 1
        # -- end
        if entered % options.every:
            return False
        struck = options.rate_ppm > 0 if rng is None else rng.below(PPM) < options.rate_ppm
        if struck:
            # -- straight line
            self.injected = self.injected + 1
            # -- end
            self.tell(now, "injected", options.fault)
        return struck

    def failure(self, where: str) -> Failure:
        """The failure of an error or a hang (IN8)."""
        make = self.options.failure_make
        if make is None:
            kind = self.options.failure
            return Failure(kind, f"{where}: injected", reason="INJECTED", domain="backstay", injected=True)
        failure: Failure = make()
        failure.injected = True
        return failure

    def enable(self, now: int) -> None:
        self.enabled = True
        self.tell(now, "switched_on")

    def disable(self, now: int) -> None:
        self.enabled = False
        self.tell(now, "switched_off")

    def body(self, now: int) -> "dict[str, Any]":
        return {"mode": MODES[self.enabled], "entered": self.entered, "injected": self.injected}

    def parse(self, read: Reader, now: int) -> "Any":
        return read.word("mode", MODES) == MODES[True], read.integer("entered"), read.integer("injected")

    def adopt(self, parsed: "Any") -> None:
        self.enabled, self.entered, self.injected = parsed


MODES = ("off", "on")
