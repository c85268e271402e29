"""The worst case as a picture: a call whose every attempt hangs, with the longest pauses, as the step machine runs it.

Attempts are drawn with ``=``, pauses with ``.``, on one line as long as the whole call.
"""

from backstay_core.advice.bounds import longest_pauses
from backstay_core.advice.explain import seconds
from backstay_core.execution import ATTEMPT, START, WAIT, WAKE, Execution
from backstay_core.failure import NEVER
from backstay_core.policy import Policy
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.inject import Inject
from backstay_core.strategies.retry import Retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay_core.options import Options

    Segment = tuple[str, int, int]  # what, from, until, in ns

MOST_SEGMENTS = 200


def worst_timeline(strategies: "tuple[Options, ...]") -> "list[Segment]":
    """The attempts and pauses of such a call, in order; an attempt that nothing cuts short ends at NEVER."""
    steady = [_with_longest_pauses(options) for options in strategies if not isinstance(options, (Fallback, Inject))]
    call = Execution(Policy("timeline", *steady, seed=0))
    segments: "list[Segment]" = []
    actions = call.step((START,), 0)
    now = 0
    while actions and actions[-1][0] in (ATTEMPT, WAIT) and len(segments) < MOST_SEGMENTS:
        what = actions[-1][0]
        until = actions[-1][2] if what == ATTEMPT else actions[-1][1]
        segments.append(("attempt" if what == ATTEMPT else "pause", now, until))
        if until >= NEVER:
            break
        now = until
        actions = call.step((WAKE,), now)
    return segments


def _with_longest_pauses(options: "Options") -> "Options":
    """The same Retry with the pauses that chance could at worst give it, repeating timeouts whatever their kind is."""
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
            line[column] = "=" if what == "attempt" else "."
        if what == "attempt":
            line[min(width - 1, width * begin // end)] = "|"
    whole = seconds(segments[-1][2])
    return ["".join(line), "0" + whole.rjust(width - 1)]
