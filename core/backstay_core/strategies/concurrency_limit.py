"""Concurrency limit: a bulkhead that finds out by itself how many calls the dependency bears at once.

Rules:

CL1   At most `limit` calls are inside. The limit is `initial` at first and always between `least` and `most`; when it
      shrinks, the calls that are inside stay and count.
CL2   With all places taken a call waits, or is refused, as at a bulkhead (BH2 to BH6).
CL3   Every call that was inside gives its place back once; one that was admitted before the state was revived gives
      back nothing and is no outcome.
CL4   Outcomes are collected in windows: a window ends with the first outcome that comes `window` after its beginning
      or later and is at least its `window_calls`-th; then the limit is set anew. Outcomes are successes and *signs of
      overload*: failures of kind timeout, throttle or capacity, or what `on` names, and calls of `slow_call` or longer.
      What else fails counts nowhere, nor does a call that is cancelled or refused further in, even if `on` names that.
CL5   When at least the share `overload_rate` of a window are signs of overload, the limit is multiplied by `backoff`,
      or by 1 − half that share (in millionths, rounded up) if this is less.
CL6   The limit grows only if all its places were taken at some time in the window: one that nobody needs stays.
CL7   *aimd* adds 1 after each window.
CL8   *vegas* takes the limit × (1 − baseline / mean time) for the length of the queue at the dependency. With d the
      number of digits of the limit, less 1, at least 1: it adds 6 d up to a length of d, and d up to less than 3 d; it
      takes d away over 6 d.
CL9   *gradient2* goes half-way to the limit × gradient + its square root (rounded down), where gradient is `tolerance`
      × baseline / mean time, but between ½ and 1.
CL10  The mean time is that of the successes of a window; the baseline is that of the first window, which does nothing
      else, and then of the latest probe that saw no overload.
CL11  A probe takes the place of a window when `probe_every`, and twenty times what the last probe took, have passed
      since the last probe, or the limit has doubled since then: only a quarter of the limit (rounded up, but `least`)
      is open, and only calls that began in it count. After it the limit is what it was.

Why the probes: a baseline that follows the mean time drifts up with the queue that the limit itself makes, and the
limit with it, without end; the lowest time ever seen, on the other hand, chokes a dependency that has become slower. A
quarter of the limit makes no queue, so what a probe sees is the dependency's own doing, and a limit that is wrong can
at most double before it is found out. Where calls take long, `window_calls` of them take long in a probe; twenty times
that between them bounds what they cost.

Why half the share: a limit that has settled where few calls time out is far too high once the dependency is slower, and
then nothing is in time; with `backoff` alone it would take many windows to come down from there.

Sources: Vegas and gradient2 are those of Netflix' concurrency-limits, with whole windows for single samples; the probes
are like those of Envoy's adaptive concurrency filter; half the share of signs is what DCTCP takes away (RFC 8257). How
the limit is set is in `measuring`.
"""

from backstay_core.failure import NEUTRAL, ConfigurationError, Failure
from backstay_core.options import PPM, Field, Options
from backstay_core.state import Reader
from backstay_core.strategies.contract import GATE
from backstay_core.strategies.measuring import AIMD, ALGORITHMS, GRADIENT2, Window
from backstay_core.strategies.priority import FAIR, SHED, withheld
from backstay_core.strategies.queue import QUEUE, WAIT, Queue, Room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OVERLOAD = ("timeout", "throttle", "capacity")
PAUSE = 20  # before the next probe, in lengths of the last (CL11)


class ConcurrencyLimit(Options):
    """Options of a concurrency limit; times in seconds."""

    KIND = "concurrency_limit"
    ROLE = GATE
    FIELDS = (
        Field("initial", "count", "the limit to begin with", least=1, most=1_000_000),
        Field("algorithm", "choice", "how the limit is set", choices=tuple(ALGORITHMS)),
        Field("least", "count", "smallest limit", least=1, most=1_000_000),
        Field("most", "count", "greatest limit", least=1, most=1_000_000),
        QUEUE,
        WAIT,
        SHED,
        FAIR,
        Field("window", "seconds", "shortest window", least=1e-6),
        Field("window_calls", "count", "outcomes in a window, at least", least=1, most=1_000_000),
        Field("tolerance", "ratio", "how much slower than the baseline is all right (gradient2)", least=1, most=3),
        Field("backoff", "ratio", "factor on the limit after overload, at most", least=0, most=0.999999),
        Field("overload_rate", "ratio", "share of signs of overload that is overload", least=1e-6, most=1),
        Field("slow_call", "seconds", "a call of at least this length is a sign of overload", least=1e-9,
              optional=True),
        Field("probe_every", "seconds", "longest time between probes (not for aimd)", least=1e-6),
        Field("on", "failures", "which failures are signs of overload (default: timeout, throttle, capacity)",
              optional=True),
    )  # fmt: skip

    initial: int
    algorithm: str
    least: int
    most: int
    queue: int
    wait_ns: "int | None"
    shed_ppm: int
    fair: bool
    window_ns: int
    window_calls: int
    tolerance_ppm: int
    backoff_ppm: int
    overload_rate_ppm: int
    slow_call_ns: "int | None"
    probe_every_ns: int
    on_matches: "Any"

    def __init__(
        self,
        initial: int = 20,
        *,
        algorithm: str = GRADIENT2,
        least: int = 1,
        most: int = 1000,
        queue: int = 0,
        wait: "float | None" = None,
        shed: float = 0.0,
        fair: bool = False,
        window: float = 1.0,
        window_calls: int = 20,
        tolerance: float = 1.5,
        backoff: float = 0.9,
        overload_rate: float = 0.1,
        slow_call: "float | None" = None,
        probe_every: float = 30.0,
        on: "Any" = None,
    ) -> None:
        self._set(
            initial=initial,
            algorithm=algorithm,
            least=least,
            most=most,
            queue=queue,
            wait=wait,
            shed=shed,
            fair=fair,
            window=window,
            window_calls=window_calls,
            tolerance=tolerance,
            backoff=backoff,
            overload_rate=overload_rate,
            slow_call=slow_call,
            probe_every=probe_every,
            on=on,
        )
        if not least <= initial <= most:
            raise ConfigurationError(
                f"ConcurrencyLimit(initial=…) must be at least least, {least}, and at most most, {most}; got {initial}"
            )

    def state(self, seed: int = 0) -> "Slots":
        """A fresh state with these options; `seed` is not used: nothing is drawn."""
        return Slots(self)


class Slots(Queue):
    """The state of one concurrency limit. `estimate` is the limit in millionths, but for a probe."""

    __slots__ = ("baseline", "estimate", "limit", "probed", "probing", "rest", "usual", "window")
    FULL = "CONCURRENCY_FULL"
    OVER = "CONCURRENCY_WAIT"
    options: ConcurrencyLimit

    def __init__(self, options: ConcurrencyLimit) -> None:
        self.limit = options.initial  # that applies now
        super().__init__(options)
        self.estimate = options.initial * PPM
        self.baseline = 0  # ns; 0: none yet
        self.usual = options.initial  # the limit at the last probe
        self.probed = 0  # when that was
        self.rest = options.probe_every_ns  # until the next one
        self.probing = False
        self.window = Window(None)

    def places(self) -> int:
        return self.limit

    def judge(self, failure: Failure, took: int) -> int:
        """The verdict on a call that failed: −1 for a sign of overload, else NEUTRAL (CL4)."""
        if failure.kind == "cancelled" or failure.kind == "rejected":
            return NEUTRAL
        matcher = self.options.on_matches
        if matcher.matches(failure) if matcher is not None else failure.kind in OVERLOAD:
            return -1
        return NEUTRAL

    def judge_value(self, value: "Any", took: int, late: bool) -> int:
        """The verdict on a call that returned: 1 + its time, or −1 if that is a sign of overload (CL4)."""
        slow = self.options.slow_call_ns
        return 1 + took if slow is None or took < slow else -1

    def settle(self, permit: "Any", now: int, verdict: int) -> None:
        inside = self.limit - self.epoch.free - self.waiting
        super().settle(permit, now, verdict)
        self.measure(permit, now, verdict, inside)

    def measure(self, permit: "Any", now: int, verdict: int, inside: int) -> None:
        """Take note of an outcome, with so many calls inside, and set the limit if it ends the window."""
        window = self.window
        took = verdict - 1 if verdict > 0 else 0
        since = now if window.since is None else window.since
        if verdict == NEUTRAL or permit is not self.epoch or (self.probing and now - took < since):
            return
        # -- straight line
        window.calls = window.calls + 1
        window.signs = window.signs + (verdict < 0)
        window.time = window.time + took
        window.peak = inside if inside > (peak := window.peak) else peak
        # -- end
        options = self.options
        window.since = since
        if window.calls >= options.window_calls and now - since >= options.window_ns:
            self.set_anew(window, since, now)

    def set_anew(self, window: Window, since: int, now: int) -> None:
        """The window that began at `since` is over (CL5 to CL11)."""
        options = self.options
        estimate, baseline, usual = self.estimate, self.baseline, self.usual
        probed, rest = self.probed, self.rest
        good = window.calls - window.signs
        mean = max(1, window.time // good) if good else 0
        overloaded = window.signs * PPM >= options.overload_rate_ppm * window.calls
        probing = False
        if overloaded:
            estimate = estimate * min(options.backoff_ppm, PPM - window.signs * PPM // (2 * window.calls)) // PPM
        elif self.probing or not baseline:
            baseline = mean
        else:
            wanted = ALGORITHMS[options.algorithm](estimate, baseline, mean, options)
            if wanted <= estimate or window.peak >= self.limit:
                estimate = wanted
        estimate = max(options.least * PPM, min(options.most * PPM, estimate))
        limit = estimate // PPM
        if self.probing or not self.baseline:
            probed = now
            usual = limit
            rest = options.probe_every_ns
            if self.probing:
                rest = max(rest, PAUSE * (now - since))
        elif options.algorithm != AIMD and (now - probed >= rest or limit >= 2 * usual):
            probing = True
            limit = max(options.least, -(-limit // 4))
        kept = withheld(options, limit)
        fresh = Window(now)
        # -- straight line
        if self.window is not window:
            return  # another thread was first
        epoch = self.epoch
        epoch.free = epoch.free + limit - self.limit
        self.limit = limit
        self.withheld = kept
        self.estimate = estimate
        self.baseline = baseline
        self.usual = usual
        self.probed = probed
        self.rest = rest
        self.probing = probing
        self.window = fresh
        # -- end
        self.hand_over()
        self.tell(now, "limit", limit)

    def body(self, now: int) -> "dict[str, Any]":
        return dict(
            self.line(),
            inside=self.inside,
            limit=self.limit,
            estimate=self.estimate,
            baseline=self.baseline,
            usual=self.usual,
            probed=max(0, now - self.probed),
            rest=self.rest,
            probing=int(self.probing),
            window=self.window.body(now),
        )

    def parse(self, read: Reader, now: int) -> "Any":
        options = self.options
        then = now - read.elapsed
        inside = read.integer("inside", most=options.most)  # the limit may have shrunk
        limit = read.integer("limit", least=options.least, most=options.most)
        estimate = read.integer("estimate", least=options.least * PPM, most=options.most * PPM)
        baseline = read.integer("baseline")
        usual = read.integer("usual", least=options.least, most=options.most)
        probed = then - read.integer("probed")
        rest = read.integer("rest")
        probing = read.integer("probing", most=1) == 1
        line = self.parse_line(read)
        window = Window.load(read.part(read.nested("window"), "window"), then, options.most)
        epoch = Room(limit) if read.revive else self.epoch  # CL3
        free = limit if read.revive else limit - max(inside, self.inside)
        return line, limit, estimate, baseline, usual, probed, rest, probing, epoch, free, window

    def adopt(self, parsed: "Any") -> None:
        (
            self.round, self.limit, self.estimate, self.baseline, self.usual, self.probed, self.rest, self.probing,
            epoch, free, self.window,
        ) = parsed  # fmt: skip
        epoch.free = free
        self.epoch = epoch
        self.withheld = withheld(self.options, self.limit)
