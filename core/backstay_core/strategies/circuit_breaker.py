"""Circuit breaker: stop calling what keeps failing, and find out cheaply when it works again.

Rules (conformance vectors and docs/correctness.md cite these numbers):

CB1   A closed breaker admits every call.
CB2   It counts the verdicts of the last `window_calls` calls, or with `window_seconds` of the calls that ended in the
      current tenth of the window and the nine tenths before it (tenths of absolute time).
CB3   It opens when a call that failed (or was slow) leaves at least `minimum_calls` in the window, of which a share of
      at least `failure_rate` failed, or of at least `slow_rate` was slow. A plain success never opens it, not even the
      one that completes the minimum.
CB4   An open breaker refuses every call for `open_for` and says how long it is still to be.
CB5   The first call after that makes it half-open and is its first probe.
CB6   Half-open, it admits a call while fewer than `probes` are in flight and those, with the ones that have passed, are
      fewer than `close_after`; it refuses the others.
CB7   When `close_after` probes have passed it closes, with an empty window.
CB8   A probe that fails (or is slow) opens it again at once.
CB9   Each re-opening multiplies the open period by `open_growth`, up to `open_cap`; closing resets it.
CB10  A share of the open period, drawn between 0 and `open_jitter`, is added to it, so that many clients do not probe
      at the same instant.
CB11  A neutral verdict counts nowhere; a neutral probe gives its place back.
CB12  When the latest probe was admitted `half_open_for` ago and no place has come free, the probes hang: they are
      forgotten, and the call that asks starts a new half-open epoch.
CB13  The outcome of a call that was admitted in an earlier epoch changes nothing.
CB14  A failure counts as the classification of its kind says (failed, succeeded or neutral). With `on`, what it names
      has failed and the rest has succeeded, except that a cancelled or rejected call stays neutral.
CB15  A call that takes `slow_call` or longer is slow, whether it succeeds or fails; so is a success that came after a
      Timeout inside the breaker had run out, where the call could not be interrupted.
CB16  A result that `results` names is a failed call.
CB17  `force_open` refuses every call until `auto`.
CB18  `force_closed` admits every call and counts it, and does not open, until `auto`.
CB19  `disable` admits every call and counts nothing, until `auto`.
CB20  `metrics_only` admits every call and otherwise lives through its states as usual, until `auto`.
CB21  `auto` begins anew: closed, with an empty window and no growth. So does each of the other four before it applies.
"""

from backstay_core.clock import to_ns
from backstay_core.failure import ConfigurationError
from backstay_core.options import PPM, Field, Options
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.contract import GATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self


class CircuitBreaker(Options):
    """Options of a circuit breaker; times in seconds, rates between 0 and 1."""

    KIND = "circuit_breaker"
    ROLE = GATE
    FIELDS = (
        Field("failure_rate", "ratio", "share of failed calls in the window that opens it", least=1e-6, most=1),
        Field("window_calls", "count", "length of the window in calls", least=1, most=100_000),
        Field("window_seconds", "seconds", "length in time, instead of calls", least=1e-6, optional=True),
        Field("minimum_calls", "count", "calls in the window before rates mean anything (default: a tenth of the "
              "window, at least 5, at most the window; 10 for a window in time)", least=1, optional=True),
        Field("open_for", "seconds", "how long it refuses before it probes", least=0),
        Field("open_growth", "ratio", "factor on the open period for each re-opening in a row", least=1),
        Field("open_cap", "seconds", "longest open period (default: 10 × open_for)", optional=True),
        Field("open_jitter", "ratio", "largest random share added to an open period", most=1),
        Field("probes", "count", "calls in flight at once while half-open", least=1),
        Field("close_after", "count", "probes that must pass to close", least=1),
        Field("half_open_for", "seconds", "how long probes may hang (default: open_for)", least=1e-9, optional=True),
        Field("slow_call", "seconds", "a call of at least this length is slow", least=1e-9, optional=True),
        Field("slow_rate", "ratio", "share of slow calls in the window that opens it", least=1e-6, most=1),
        Field("on", "failures", "which failures count (default: by classification)", optional=True),
        Field("results", "results", "which results count as failed", optional=True),
    )  # fmt: skip

    failure_rate_ppm: int
    window_calls: int
    window_seconds_ns: "int | None"
    minimum: int
    least_ppm: int  # of the calls in the window: when fewer failed or were slow,
    least_bad: int  # or fewer in all, it cannot open
    open_for_ns: int
    open_growth_ppm: int
    open_cap_ns: int
    open_jitter_ppm: int
    probes: int
    close_after: int
    half_open_for_ns: int
    slow_call_ns: "int | None"
    slow_rate_ppm: int
    on_matches: "Any"
    results_match: "Callable[[Any], bool] | None"

    def __init__(
        self,
        failure_rate: float = 0.5,
        window_calls: int = 100,
        *,
        window_seconds: "float | None" = None,
        minimum_calls: "int | None" = None,
        open_for: float = 30.0,
        open_growth: float = 2.0,
        open_cap: "float | None" = None,
        open_jitter: float = 0.1,
        probes: int = 1,
        close_after: int = 1,
        half_open_for: "float | None" = None,
        slow_call: "float | None" = None,
        slow_rate: float = 1.0,
        on: "Any" = None,
        results: "Any" = None,
    ) -> None:
        self._set(
            failure_rate=failure_rate,
            window_calls=window_calls,
            window_seconds=window_seconds,
            minimum_calls=minimum_calls,
            open_for=open_for,
            open_growth=open_growth,
            open_cap=open_cap,
            open_jitter=open_jitter,
            probes=probes,
            close_after=close_after,
            half_open_for=half_open_for,
            slow_call=slow_call,
            slow_rate=slow_rate,
            on=on,
            results=results,
        )
        if window_seconds is not None:
            least = 10
        else:
            least = min(window_calls, max(5, window_calls // 10))
            if minimum_calls is not None and minimum_calls > window_calls:
                raise ConfigurationError(
                    f"CircuitBreaker(minimum_calls=…) must be at most window_calls, {window_calls}; got {minimum_calls}"
                )
        if open_cap is not None and open_cap < open_for:
            raise ConfigurationError(
                f"CircuitBreaker(open_cap=…) must be at least open_for, {open_for}; got {open_cap}"
            )
        minimum = least if minimum_calls is None else minimum_calls
        least_ppm = min(self.failure_rate_ppm, self.slow_rate_ppm)
        self._derive(
            minimum=minimum,
            least_ppm=least_ppm,
            least_bad=max(1, -(-least_ppm * minimum // PPM)),
            open_cap_ns=10 * self.open_for_ns if open_cap is None else to_ns(open_cap),
            half_open_for_ns=max(1, self.open_for_ns) if half_open_for is None else to_ns(half_open_for),
        )

    @classmethod
    def consecutive(cls, failures: int, **options: "Any") -> "Self":
        """Opens after so many failures in a row: a window of that many calls, all of which must have failed."""
        return cls(1.0, failures, minimum_calls=failures, **options)

    def state(self, seed: int = 0) -> "Breaker":
        """A fresh breaker with these options. `seed` feeds the jitter of its open periods."""
        return Breaker(self, seed)
