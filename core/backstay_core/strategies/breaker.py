"""The state machine of a circuit breaker; its rules are numbered in `circuit_breaker`.

Everything that changes the state of a breaker is in this file.
"""

from backstay_core.failure import FAILED, FAILED_SLOW, NEUTRAL, OK, SLOW, Failure
from backstay_core.options import PPM
from backstay_core.rng import stream
from backstay_core.state import Reader
from backstay_core.strategies.contract import Gate, Permit, Refusal, Ticket
from backstay_core.strategies.priority import ANYBODY, Caller
from backstay_core.strategies.window import SLICES, CallWindow, Probes, TimeWindow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.strategies.circuit_breaker import CircuitBreaker

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half_open"
STATES = (CLOSED, OPEN, HALF_OPEN)

#  from       event         to          when
TRANSITIONS = (
    (CLOSED, "opened", OPEN, "a failed or slow call leaves the window at or over its rate"),
    (OPEN, "probing", HALF_OPEN, "first call after the open period"),
    (HALF_OPEN, "closed", CLOSED, "close_after probes have passed"),
    (HALF_OPEN, "reopened", OPEN, "a probe failed or was slow"),
    (HALF_OPEN, "renewed", HALF_OPEN, "first call after the probes have hung for half_open_for"),
)

AUTO = "auto"
#  mode           admits all  records  changes state
MODES = {
    AUTO:            (False,  True,    True),
    "forced_open":   (False,  False,   False),
    "forced_closed": (True,   True,    False),
    "disabled":      (True,   False,   False),
    "metrics_only":  (True,   True,    True),
}  # fmt: skip


class Breaker(Gate):
    """The state of one circuit breaker.

    `closed` is the window while calls may pass without asking, else None: the healthy path reads this one attribute.
    """

    __slots__ = ("closed", "epoch", "mode", "opened", "reopened", "seed", "state", "until")
    options: "CircuitBreaker"

    def __init__(self, options: "CircuitBreaker", seed: int = 0) -> None:
        super().__init__(options)
        self.seed = seed
        self.mode = AUTO
        self.state = CLOSED
        self.until = 0  # open: when probing may begin
        self.opened = 0  # how often it has opened; numbers the jitter's streams
        self.reopened = 0  # re-openings since it was last closed
        self.closed: "CallWindow | TimeWindow | None" = self._window(0)
        self.epoch: "CallWindow | TimeWindow | Probes" = self.closed

    def admit(
        self, now: int, wake: "Callable[[], object] | None" = None, caller: Caller = ANYBODY
    ) -> "Permit | Refusal":
        """A permit or a `Refusal`; a breaker never lets wait."""
        window = self.closed
        if window is not None:
            return window
        if now < self.until and self.mode == AUTO:  # the common refusal, first
            self.tell(now, "refused")
            return Refusal("CIRCUIT_OPEN", self.until - now)
        permit = self._probe(now) if MODES[self.mode][2] else None
        if permit is not None:
            return permit
        if MODES[self.mode][0]:
            return Probes(now)  # an epoch of its own: nobody will read its outcome
        if self.mode != AUTO:
            return Refusal("FORCED_OPEN")
        self.tell(now, "refused")
        return Refusal("CIRCUIT_OPEN")

    def _probe(self, now: int) -> "Permit | None":
        options = self.options
        hung = options.half_open_for_ns
        limit = options.probes
        needed = options.close_after
        fresh = Probes(now)
        event = ""
        # -- straight line
        epoch = self.epoch
        if self.state is OPEN:
            if now < self.until:
                return None
            self.epoch = epoch = fresh
            self.state = HALF_OPEN
            event = "probing"
        elif self.state is CLOSED:
            return epoch  # closed by another thread meanwhile
        elif epoch.in_flight >= limit or epoch.in_flight + epoch.passed >= needed:  # type: ignore[union-attr]
            if now - epoch.since < hung:
                return None
            self.epoch = epoch = fresh
            event = "renewed"
        epoch.in_flight = epoch.in_flight + 1  # type: ignore[union-attr]
        epoch.since = now
        # -- end
        if event:
            self.tell(now, event, None)
        return epoch

    def judge(self, failure: Failure, took: int) -> int:
        """The verdict on a call that failed after `took` ns (CB14, CB15)."""
        if failure.kind == "cancelled" or failure.kind == "rejected":
            return NEUTRAL
        matcher = self.options.on_matches
        verdict = failure.verdict if matcher is None else FAILED if matcher.matches(failure) else OK
        return self._timed(verdict, took)

    def judge_value(self, value: "Any", took: int, late: bool) -> int:
        """The verdict on a call that returned `value` after `took` ns; `late`: past a Timeout inside (CB15, CB16)."""
        match = self.options.results_match
        if match is not None and match(value):
            return self._timed(FAILED, took)
        return SLOW if late else self._timed(OK, took)

    def _timed(self, verdict: int, took: int) -> int:
        slow = self.options.slow_call_ns
        if slow is None or took < slow or verdict == NEUTRAL:
            return verdict
        return SLOW if verdict == OK else FAILED_SLOW

    def settle(self, permit: "Permit", now: int, verdict: int) -> None:
        """The call that held `permit` has ended with `verdict`."""
        window = self.closed
        if window is not None and permit is window:
            if verdict != NEUTRAL:
                window.add(now, verdict)
                if verdict != OK:
                    options = self.options
                    bad = window.bad - window.gone
                    if bad >= options.least_bad and bad * PPM >= options.least_ppm * window.seen:
                        self.evaluate(window, now)
            return
        needed = self.options.close_after
        fresh = self._window(now)
        opening = Probes(now)
        event = ""
        period = 0
        if verdict != OK and verdict != NEUTRAL:
            period = self._open_period(self.reopened + 1)
        # -- straight line
        epoch = self.epoch
        if permit is not epoch or self.state is not HALF_OPEN:
            return  # CB13
        epoch.in_flight = epoch.in_flight - 1  # type: ignore[union-attr]
        if verdict == OK:
            passed = epoch.passed + 1  # type: ignore[union-attr]
            epoch.passed = passed  # type: ignore[union-attr]
            if passed >= needed:
                self.epoch = self.closed = fresh
                self.state = CLOSED
                self.reopened = 0
                event = "closed"
        elif verdict != NEUTRAL:
            self.epoch = opening
            self.state = OPEN
            self.reopened = self.reopened + 1
            self.opened = self.opened + 1
            self.until = now + period
            event = "reopened"
        # -- end
        if event:
            self.tell(now, event, period or None)

    def evaluate(self, window: "CallWindow | TimeWindow", now: int) -> None:
        """Open if the window is at or over a rate (CB3)."""
        options = self.options
        counted = window.bad  # before the window is counted: what comes meanwhile is not taken for gone
        calls, failed, slow = window.counts(now)
        window.gone = counted - failed - slow
        if calls < options.minimum or not MODES[self.mode][2]:
            return
        if failed * PPM < options.failure_rate_ppm * calls and slow * PPM < options.slow_rate_ppm * calls:
            return
        period = self._open_period(0)
        fresh = Probes(now)
        # -- straight line
        if self.closed is not window:
            return  # another thread was first
        self.closed = None
        self.epoch = fresh
        self.state = OPEN
        self.reopened = 0
        self.opened = self.opened + 1
        self.until = now + period
        # -- end
        self.tell(now, "opened", period)

    def _open_period(self, reopened: int) -> int:
        options = self.options
        period = options.open_for_ns
        for _ in range(reopened):
            grown = period * options.open_growth_ppm // PPM
            if period >= options.open_cap_ns or grown == period:
                break
            period = grown
        period = min(period, options.open_cap_ns)
        most = period * options.open_jitter_ppm // PPM
        return period + stream(self.seed, self.opened).below(most + 1) if most else period

    def _window(self, now: int) -> "CallWindow | TimeWindow":
        seconds = self.options.window_seconds_ns
        if seconds is None:
            return CallWindow(now, self.options.window_calls)
        return TimeWindow(now, -(-seconds // SLICES))

    def force_open(self, now: int) -> None:
        self._switch("forced_open", now)

    def force_closed(self, now: int) -> None:
        self._switch("forced_closed", now)

    def disable(self, now: int) -> None:
        self._switch("disabled", now)

    def metrics_only(self, now: int) -> None:
        self._switch("metrics_only", now)

    def auto(self, now: int) -> None:
        self._switch(AUTO, now)

    def _switch(self, mode: str, now: int) -> None:
        window = self._window(now)
        asks = mode == "forced_open" or mode == "disabled"
        nobody = Probes(now)
        # -- straight line
        self.mode = mode
        self.reopened = 0
        self.until = 0
        self.state = CLOSED
        self.epoch = nobody if asks else window
        self.closed = None if asks else window
        # -- end
        self.tell(now, mode, None)

    def poll(self, ticket: "Ticket", now: int) -> "Ticket":
        raise TypeError("a circuit breaker never lets wait")

    abandon = poll

    def orphan(self) -> Probes:  # CB13
        return Probes(0)

    def body(self, now: int) -> "dict[str, Any]":
        epoch = self.epoch
        body: "dict[str, Any]" = {
            "mode": self.mode,
            "state": self.state,
            "age": max(0, now - epoch.since),
            "remaining": max(0, self.until - now) if self.state is OPEN else 0,
            "opened": self.opened,
            "reopened": self.reopened,
        }
        body.update(epoch.to_data(now))
        return body

    def parse(self, read: Reader, now: int) -> "Any":
        forced = read.word("mode", tuple(sorted(MODES)))
        state = read.word("state", STATES)
        since = now - read.integer("age") - read.elapsed
        until = now + read.integer("remaining") - read.elapsed
        opened = read.integer("opened")
        reopened = read.integer("reopened")
        asks = forced == "forced_open" or forced == "disabled"
        epoch: "CallWindow | TimeWindow | Probes"
        epoch = Probes(since) if state != CLOSED or asks else self._window(since)
        epoch.load(read, now - read.elapsed)
        options = self.options
        if isinstance(epoch, Probes) and (epoch.in_flight > options.probes or epoch.passed >= options.close_after):
            read.refuse("more probes than the options allow")
        held = None if read.revive or type(self.epoch) is not type(epoch) else self.epoch
        return forced, STATES[STATES.index(state)], until, opened, reopened, epoch, held

    def adopt(self, parsed: "Any") -> None:
        self.mode, self.state, self.until, self.opened, self.reopened, self.epoch, held = parsed
        if held is not None:  # resumed: calls in flight hold this epoch, it lives on
            held.become(self.epoch)
            self.epoch = held
        self.closed = None if isinstance(self.epoch, Probes) else self.epoch
