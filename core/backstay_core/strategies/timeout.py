"""Timeout: a deadline for what is inside it.

Rules:

TO1   What is inside must be over `seconds` after it began; else the operation is cancelled, what it held is given back
      without a verdict, and the Timeout fails with kind *timeout*, which the strategies outside it judge.
TO2   A Timeout that would end no earlier than one outside it never fires: the outer one does.
TO3   When several have run out, the outermost fires.
TO4   An outcome that is delivered counts, even if the time is over: where an operation cannot be interrupted, a late
      success is returned (and is slow for a breaker outside, CB15), a late failure is passed on.
TO5   Inside a Timeout that has run out no attempt begins.
TO6   The deadline of the caller is outside every Timeout (TO2); enforcing it is the caller's affair. When it has passed
      as a call begins, a policy with a Timeout refuses the call before anything else is asked.
"""

from backstay_core.options import Field, Options
from backstay_core.strategies.contract import BOUND, State


class Timeout(Options):
    """Options of a timeout. Outside a Retry it bounds the whole call, inside it each attempt."""

    KIND = "timeout"
    ROLE = BOUND
    FIELDS = (Field("seconds", "seconds", "how long what is inside may take", least=1e-9),)

    seconds: float
    seconds_ns: int

    def __init__(self, seconds: float) -> None:
        self._set(seconds=seconds)

    def state(self, seed: int = 0) -> "Deadline":
        return Deadline(self)


class Deadline(State):
    """The state of a Timeout: none but its delay."""

    __slots__ = ("delay_ns",)
    ROLE = BOUND
    options: Timeout

    def __init__(self, options: Timeout) -> None:
        super().__init__(options)
        self.delay_ns = options.seconds_ns
