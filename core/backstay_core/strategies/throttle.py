"""Throttle: refuse on this side what the server would refuse anyway, in proportion to how much it refuses.

Rules:

TH1   A call counts as a request before the server is asked, also if it is then refused here. Requests and acceptances
      are those of the calls that began in the current tenth of `window` or the nine before it (tenths of absolute
      time).
TH2   A request is accepted when its call returns, or fails otherwise than with kind throttle, capacity or unavailable,
      or with what `on` names. A call that is cancelled or refused further in no longer counts as a request.
TH3   With r requests and a acceptances before it, a call is refused with probability (r − `ratio` × a) / (r + 1), or
      never if that is negative.
TH4   With fewer than `minimum_calls` requests no call is refused.
TH5   A call that runs and began in the current tenth or the one before is no request yet for TH3 and TH4: the server
      has hardly had time to accept it. One that runs for longer is a request that was not accepted.
TH6   An outcome counts in the tenth in which its call began; calls that were in flight when the state was saved count
      nowhere after it is restored, unless they move with it.
TH7   The k-th request in all, from 0, draws its number, where one is needed, as the first of stream k.

The formula is that of *Site Reliability Engineering* (Beyer, Jones, Petoff, Murphy; O'Reilly 2016), chapter 21,
"Client-side throttling". Counting before the call matters: a server that hangs accepts nothing.
"""

from backstay_core.failure import NEUTRAL, OK, Failure
from backstay_core.options import PPM, Field, Options
from backstay_core.rng import stream
from backstay_core.state import Reader
from backstay_core.strategies.contract import GATE, Gate, Permit, Refusal, Ticket
from backstay_core.strategies.priority import ANYBODY, Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

REJECTIONS = ("throttle", "capacity", "unavailable")
TENTHS = 10
REJECTED = -1


class Throttle(Options):
    """Options of a throttle."""

    KIND = "throttle"
    ROLE = GATE
    FIELDS = (
        Field("ratio", "ratio", "requests for each that is accepted, before any is refused", least=1, most=1000),
        Field("window", "seconds", "how long requests count", least=1e-6),
        Field("minimum_calls", "count", "requests before any is refused", least=1),
        Field("on", "failures", "which failures are the server's refusals (default: throttle, capacity, unavailable)",
              optional=True),
    )  # fmt: skip

    ratio: float
    ratio_ppm: int
    window_ns: int
    minimum_calls: int
    on_matches: "Any"

    def __init__(self, ratio: float = 2.0, *, window: float = 120.0, minimum_calls: int = 10, on: "Any" = None) -> None:
        self._set(ratio=ratio, window=window, minimum_calls=minimum_calls, on=on)

    def state(self, seed: int = 0) -> "Tally":
        """A fresh state with these options; `seed` feeds what it draws."""
        return Tally(self, seed)


class Tenth(Permit):
    """A tenth of the window, and the permit of the calls that began in it."""

    __slots__ = ("accepted", "number", "older", "requests", "running")

    def __init__(self, number: int, older: "Tenth | None") -> None:
        self.number = number
        self.older = older
        self.requests = 0
        self.running = 0
        self.accepted = 0


class Tally(Gate):
    """The state of one throttle."""

    __slots__ = ("asked", "epoch", "seed", "width")
    EPOCHS = TENTHS
    options: Throttle

    def __init__(self, options: Throttle, seed: int = 0) -> None:
        super().__init__(options)
        self.seed = seed
        self.width = -(-options.window_ns // TENTHS)
        self.asked = 0  # numbers the draws
        self.epoch: Tenth = Tenth(0, None)  # the newest

    def admit(
        self, now: int, wake: "Callable[[], object] | None" = None, caller: Caller = ANYBODY
    ) -> "Permit | Refusal":
        """A permit or a `Refusal`; a throttle never lets wait."""
        tenth = self._tenth(now)
        # -- straight line
        asked = self.asked
        self.asked = asked + 1
        # -- end
        if self._is_too_much(tenth, asked):
            # -- straight line
            tenth.requests = tenth.requests + 1
            # -- end
            self.tell(now, "refused")
            return Refusal("THROTTLED")
        # -- straight line
        tenth.requests = tenth.requests + 1
        tenth.running = tenth.running + 1
        # -- end
        return tenth

    def _tenth(self, now: int) -> Tenth:
        """The newest tenth; a clock that goes back stays in it."""
        number = now // self.width
        newest = self.epoch
        if number > newest.number:
            fresh = Tenth(number, newest)
            # -- straight line
            if self.epoch is newest:
                self.epoch = fresh
            # -- end
            newest = self.epoch
            cell = newest
            while cell.older is not None:
                if cell.older.number <= number - TENTHS:
                    cell.older = None
                else:
                    cell = cell.older
        return newest

    def _is_too_much(self, newest: Tenth, asked: int) -> bool:
        """Is this request refused (TH3, TH4, TH5)?"""
        requests = accepted = 0
        tenth: "Tenth | None" = newest
        while tenth is not None and tenth.number > newest.number - TENTHS:
            requests += tenth.requests
            accepted += tenth.accepted
            if tenth.number >= newest.number - 1:
                requests -= tenth.running
            tenth = tenth.older
        excess = requests * PPM - self.options.ratio_ppm * accepted
        if excess <= 0 or requests < self.options.minimum_calls:
            return False
        return stream(self.seed, asked).below((requests + 1) * PPM) < excess

    def judge(self, failure: Failure, took: int) -> int:
        """REJECTED for a refusal of the server's, NEUTRAL for a call that told nothing, else OK (TH2)."""
        if failure.kind == "cancelled" or failure.kind == "rejected":
            return NEUTRAL
        matcher = self.options.on_matches
        rejected = failure.kind in REJECTIONS if matcher is None else matcher.matches(failure)
        return REJECTED if rejected else OK

    def judge_value(self, value: "Any", took: int, late: bool) -> int:
        return OK

    def settle(self, permit: "Any", now: int, verdict: int) -> None:
        """The call that held `permit` has ended with `verdict`."""
        # -- straight line
        permit.running = permit.running - 1
        permit.accepted = permit.accepted + (verdict == OK)
        permit.requests = permit.requests - (verdict == NEUTRAL)
        # -- end

    def count(self, permit: Tenth, verdict: int) -> None:
        """A call that has been left as one that told nothing ended with `verdict`."""
        # -- straight line
        permit.accepted = permit.accepted + (verdict == OK)
        permit.requests = permit.requests + (verdict != NEUTRAL)
        # -- end

    def poll(self, ticket: Ticket, now: int) -> Ticket:
        raise TypeError("a throttle never lets wait")

    abandon = poll

    def orphan(self) -> Tenth:  # TH6
        return Tenth(0, None)

    def age(self, permit: "Any", now: int) -> "int | None":
        """How many tenths ago it was issued."""
        newest = max(now // self.width, self.epoch.number)
        tenth: "Tenth | None" = self.epoch
        while tenth is not None and tenth is not permit:
            tenth = tenth.older
        return None if tenth is None or tenth.number <= newest - TENTHS else newest - tenth.number

    def issued(self, age: "int | None", now: int) -> Tenth:
        if age is None:
            return self.orphan()
        tenth: "Tenth | None" = self.epoch
        number = max(now // self.width, self.epoch.number) - age
        newer: "Tenth | None" = None
        while tenth is not None and tenth.number > number:
            newer = tenth
            tenth = tenth.older
        if tenth is None or tenth.number < number:  # there are only calls in flight that began in it
            tenth = Tenth(number, tenth)
            if newer is None:
                self.epoch = tenth
            else:
                newer.older = tenth
        return tenth

    def regain(self, permit: Tenth) -> None:
        permit.running += 1
        permit.requests += 1

    def desert(self) -> None:
        """The process has forked, and the calls in flight stayed in the parent: they are forgotten here."""
        fresh: "Tenth | None" = None
        rows = []
        tenth: "Tenth | None" = self.epoch
        while tenth is not None:
            rows.append(tenth)
            tenth = tenth.older
        for old in reversed(rows):
            fresh = Tenth(old.number, fresh)
            fresh.requests = old.requests - old.running
            fresh.accepted = old.accepted
        self.epoch = fresh or self.epoch

    def body(self, now: int) -> "dict[str, Any]":
        newest = max(now // self.width, self.epoch.number)
        rows = []
        tenth: "Tenth | None" = self.epoch
        while tenth is not None and tenth.number > newest - TENTHS:
            over = tenth.requests - tenth.running
            if over:  # of those that run nothing is restored (TH6)
                rows.append([newest - tenth.number, over, tenth.accepted])
            tenth = tenth.older
        return {"asked": self.asked, "tenths": rows}

    def parse(self, read: Reader, now: int) -> "Any":
        asked = read.integer("asked")
        newest = (now - read.elapsed) // self.width
        rows = sorted(read.rows("tenths", 3), reverse=True)
        ages = [row[0] for row in rows]
        if ages and (ages[0] >= TENTHS or len(set(ages)) < len(ages)):
            read.refuse("tenths are of different ages, less than the window")
        epoch: "Tenth | None" = None
        for age, requests, accepted in rows:
            epoch = Tenth(newest - age, epoch)
            epoch.requests = requests
            epoch.accepted = accepted
        return asked, epoch or Tenth(newest, None)

    def adopt(self, parsed: "Any") -> None:
        self.asked, self.epoch = parsed
