"""The worst case as a picture: a call whose every attempt hangs, with the longest pauses and waits for a place, as the
step machine runs it.

Attempts are drawn with ``=``, pauses with ``.``, waits with ``:``, on one line as long as the whole call.
"""

from backstay_core.advice.bounds import longest_pauses
from backstay_core.advice.explain import seconds
from backstay_core.execution import ATTEMPT, QUEUED, START, WAIT, WAKE, Execution
from backstay_core.failure import NEUTRAL, NEVER
from backstay_core.policy import Policy
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.cache import Cache
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.hedge import Hedge
from backstay_core.strategies.idempotency import Idempotency
from backstay_core.strategies.inject import Inject
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.options import Options

    Segment = tuple[str, int, int]  # what, from, until, in ns

MOST_SEGMENTS = 200
DRAWN = {"attempt": "=", "pause": ".", "wait": ":"}


def worst_timeline(strategies: "tuple[Options, ...]") -> "list[Segment]":
    """The attempts, pauses and waits of such a call, in order; what nothing cuts short ends at NEVER."""
    alone = [
        options for options in strategies if not isinstance(options, (Cache, Fallback, Hedge, Idempotency, Inject))
    ]
    steady = [_at_its_worst(options) for options in alone]
    policy = Policy("timeline", *steady, seed=0)
    crowds = {
        i: _Crowd(layer)
        for i, layer in enumerate(policy.layers)
        if _lets_wait(policy.options()[: i + 1], layer.options)
    }
    call = Execution(policy, wake=_nothing)
    segments: "list[Segment]" = []
    actions = call.step((START,), 0)
    now = 0
    while actions and actions[-1][0] in (ATTEMPT, WAIT) and len(segments) < MOST_SEGMENTS:
        what = actions[-1][0]
        until = actions[-1][2] if what == ATTEMPT else actions[-1][1]
        waits = call.mode == QUEUED
        segments.append(("attempt" if what == ATTEMPT else "wait" if waits else "pause", now, until))
        if until >= NEVER:
            break
        now = until
        if waits:
            crowds[call.at].make_way(now)
        actions = call.step((WAKE,), now)
    return segments


def _lets_wait(outside: "tuple[Options, ...]", options: "Options") -> bool:
    """Is this a bulkhead whose wait ends by itself, or never? One that ends with the Timeout around it is left free:
    all that there would be to see is that wait."""
    if not isinstance(options, Bulkhead) or not options.queue:
        return False
    return options.wait_ns is not None or not any(isinstance(other, Timeout) for other in outside)


def _nothing() -> None:
    """The call looks again by itself."""


class _Crowd:
    """Other calls at a bulkhead of one place: it is always taken, until the very end of the time that a call may wait
    for it (BH5), and taken again by the next one as soon as the call has left."""

    def __init__(self, places: "Any") -> None:
        self.places = places
        self.inside = places.admit(0)
        self.next: "Any" = None

    def make_way(self, now: int) -> None:
        """The call that waits is let in; another one queues behind it."""
        inside = self.inside if self.next is None else self.next.permit
        self.next = self.places.admit(now, _nothing)
        self.places.settle(inside, now, NEUTRAL)


def _at_its_worst(options: "Options") -> "Options":
    """The same Retry with the pauses that chance could at worst give it, repeating timeouts whatever their kind is; the
    same bulkhead with one place."""
    if isinstance(options, Bulkhead) and options.queue:
        return Bulkhead(1, queue=2, wait=options.values()["wait"])
    if not isinstance(options, Retry) or options.attempts == 1:
        return options
    pauses = longest_pauses(options)
    return Retry(
        options.attempts,
        idempotent=True,
        backoff="exponential",
        base=pauses[0] / 1e9,
        factor=max(1.0, min(1000.0, pauses[1] / pauses[0])) if len(pauses) > 1 and pauses[0] else 1.0,
        cap=max(pauses) / 1e9,
        total=options.values()["total"],
    )


def draw(segments: "list[Segment]", width: int = 60) -> "list[str]":
    """The picture, at most `width` wide: the line, and the time under its ends."""
    if not segments:
        return []
    end = segments[-1][2] if segments[-1][2] < NEVER else max(2 * segments[-1][1], 1)
    line = ["="] * width
    for what, begin, until in segments:
        for column in range(width * begin // end, width * min(until, end) // end):
            line[column] = DRAWN[what]
        if what == "attempt":
            line[min(width - 1, width * begin // end)] = "|"
    whole = seconds(segments[-1][2])
    return ["".join(line), "0" + whole.rjust(width - 1)]
