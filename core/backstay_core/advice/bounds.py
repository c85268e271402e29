"""The worst case of a policy: how long a call may take and how many attempts it may make.

Computed from the options alone, from the inside out, with the rules of the strategies:

* an operation may take for ever; a Timeout bounds what is inside it, where it can be interrupted;
* a Retry may make all its attempts, each at its worst, with the longest pauses between them: its own at most (RT6), and
  what the server asks for on top (RT7), which is counted apart because only a server that asks can cause it; with
  `total` no attempt begins after it (RT8);
* a gate with a queue may let wait for as long as `wait` allows;
* a Hedge may make all its attempts, the last of which begins after the time to wait before each;
* a substitute that is a function is an operation of its own.
"""

from backstay_core.failure import NEVER
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.hedge import Hedge
from backstay_core.strategies.rate_limit import RateLimit
from backstay_core.strategies.retry import CONSTANT, LINEAR, Retry
from backstay_core.strategies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay_core.options import Options


class Bounds:
    """`ns` is the longest time (NEVER: unbounded), `attempts` the most attempts (counted up to as large a number)."""

    __slots__ = ("attempts", "ns")

    def __init__(self, ns: int, attempts: int) -> None:
        self.ns = min(ns, NEVER)
        self.attempts = min(attempts, NEVER)

    def __repr__(self) -> str:
        return f"Bounds(ns={'NEVER' if self.ns >= NEVER else self.ns}, attempts={self.attempts})"


def longest_pauses(retry: Retry) -> "list[int]":
    """The longest pause, in ns, after each attempt but the last, without what a server asks for (RT6)."""
    pauses = []
    pause = retry.base_ns
    for made in range(1, retry.attempts):
        if retry.backoff == CONSTANT or not retry.base_ns:
            longest = retry.base_ns
        elif retry.backoff == LINEAR:
            longest = retry.base_ns * made
        elif retry.backoff == "decorrelated":
            longest = min(3 * pause, retry.cap_ns)
            pause = longest
        else:
            longest = pause
            pause = min(pause * retry.factor_ppm // 1_000_000, retry.cap_ns)
        pauses.append(min(longest, retry.cap_ns))
        if longest >= retry.cap_ns or retry.backoff == CONSTANT or not retry.base_ns:  # and so are all that follow
            pauses.extend(pauses[-1:] * (retry.attempts - 1 - made))
            break
    return pauses


def worst_case(strategies: "tuple[Options, ...]", pushback: bool = False) -> Bounds:
    """The worst case of strategies, outermost first. `pushback`: the server asks for the longest pauses it may."""
    bounds = Bounds(NEVER, 1)
    for options in reversed(strategies):
        bounds = _around(options, bounds, pushback)
    return bounds


def _around(options: "Options", inner: Bounds, pushback: bool) -> Bounds:
    if isinstance(options, Timeout):
        return Bounds(min(options.seconds_ns, inner.ns), inner.attempts)
    if isinstance(options, Retry):
        pauses = longest_pauses(options)
        asked = options.pushback_cap_ns * len(pauses) if pushback else 0
        ns = inner.ns * options.attempts + sum(pauses) + asked
        if options.total_ns is not None:
            ns = min(ns, options.total_ns + inner.ns)
        return Bounds(ns, inner.attempts * options.attempts)
    if isinstance(options, Hedge):
        if not options.idempotent:
            return inner
        later = (options.attempts - 1) * options.after_ns if options.quantile_ppm is None else 0
        return Bounds(inner.ns + later, inner.attempts * options.attempts)
    if isinstance(options, (Bulkhead, ConcurrencyLimit, RateLimit)):
        if not options.queue:
            return inner
        return Bounds(NEVER if options.wait_ns is None else inner.ns + options.wait_ns, inner.attempts)
    if isinstance(options, Fallback) and callable(options.value):
        return Bounds(NEVER, inner.attempts)
    return inner
