"""Rate limit: so many calls in so much time, and no more than the server is willing to take.

Rules:

RL1   *token_bucket*: the bucket starts with `burst` tokens (default: `limit`) and gains one every `per` / `limit`, up
      to `burst`. A call takes one; without one it does not enter.
RL2   *leaky_bucket*: calls enter one by one, at least `per` / `limit` apart.
RL3   *fixed_window*: of the calls that begin in one period, at most `limit` enter; periods are the multiples of `per`
      on the clock.
RL4   *sliding_window*: a call enters if the calls of its period, it included, and those of the period before, as far as
      it is less than `per` ago (counted as if they had come evenly), are at most `limit`.
RL5   *sliding_log*: of all the times of length `per`, open at the end, none sees more than `limit` calls enter.
RL6   A call that cannot enter yet waits if fewer than `queue` are waiting and if its turn comes within `wait`, else it
      is refused and told when it would have been its turn. Turns come in the order of coming; while somebody waits
      nobody else enters; whoever comes to be the first who waits looks anew when his turn will be. (With `shed` and
      `fair` the rules PR2 to PR4 of `priority` say who is first.)
RL7   A call that has waited for `wait`, or until its caller's deadline, is refused. A Timeout that runs out while the
      call waits fires. A turn that comes in the same instant is taken.
RL8   A call that is abandoned while it waits gives up its turn to the one behind it.
RL9   With `decrease`, pushback multiplies the limit by it, down to the share `floor` (and at least to one call): so
      many calls in a period, or so many more tokens for each. It empties a bucket to one token. Pushback is a failure
      of kind *throttle*, or what `on` names, of a call that was let in after the last pushback.
RL10  From then on the limit grows again, evenly, from nothing to all in `recovery`.
RL11  After pushback nobody enters before the time that the server asked for, of which `pushback_cap` counts at most.
RL12  A call that was let in before the state was revived pushes nothing back.

Token bucket and leaky bucket are the generic cell rate algorithm (ITU-T I.371); the sliding window is the estimate of
two counters that web gateways use. How each counts is in `pacing`, whose turn it is in `turns`.
"""

from backstay_core.failure import ConfigurationError
from backstay_core.options import Field, Options
from backstay_core.strategies.contract import GATE
from backstay_core.strategies.pacing import LEAKY_BUCKET, TOKEN_BUCKET, WAYS
from backstay_core.strategies.priority import FAIR, SHED
from backstay_core.strategies.queue import QUEUE, WAIT
from backstay_core.strategies.turns import Pace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class RateLimit(Options):
    """Options of a rate limit: `limit` calls in `per` seconds."""

    KIND = "rate_limit"
    ROLE = GATE
    FIELDS = (
        Field("limit", "count", "calls in a period", least=1, most=1_000_000),
        Field("per", "seconds", "the period", least=1e-6, most=31_622_400),
        Field("algorithm", "choice", "how calls are counted", choices=tuple(WAYS)),
        Field("burst", "count", "tokens that find room in the bucket (default: limit)", least=1, most=1_000_000,
              optional=True),
        QUEUE,
        WAIT,
        SHED,
        FAIR,
        Field("decrease", "ratio", "factor on the limit when the server pushes back (default: it is not heard)",
              least=0, most=0.999999, optional=True),
        Field("floor", "ratio", "share of the limit that pushback leaves at least", least=1e-6, most=1),
        Field("recovery", "seconds", "how long the limit takes to grow from nothing to all", least=1e-6),
        Field("pushback_cap", "seconds", "longest pause a server may ask for", least=0),
        Field("on", "failures", "which failures are pushback (default: kind throttle)", optional=True),
    )  # fmt: skip

    limit: int
    per_ns: int
    algorithm: str
    room: int  # in the bucket
    queue: int
    wait_ns: "int | None"
    shed_ppm: int
    fair: bool
    decrease_ppm: "int | None"
    floor_ppm: int
    recovery_ns: int
    pushback_cap_ns: int
    on_matches: "Any"

    def __init__(
        self,
        limit: int,
        per: float = 1.0,
        *,
        algorithm: str = TOKEN_BUCKET,
        burst: "int | None" = None,
        queue: int = 0,
        wait: "float | None" = None,
        shed: float = 0.0,
        fair: bool = False,
        decrease: "float | None" = None,
        floor: float = 0.05,
        recovery: float = 60.0,
        pushback_cap: float = 60.0,
        on: "Any" = None,
    ) -> None:
        self._set(
            limit=limit,
            per=per,
            algorithm=algorithm,
            burst=burst,
            queue=queue,
            wait=wait,
            shed=shed,
            fair=fair,
            decrease=decrease,
            floor=floor,
            recovery=recovery,
            pushback_cap=pushback_cap,
            on=on,
        )
        if burst is not None and algorithm != TOKEN_BUCKET:
            raise ConfigurationError(f"RateLimit(burst=…) is for the token_bucket; {algorithm} has none")
        if on is not None and decrease is None:
            raise ConfigurationError("RateLimit(on=…) says what is pushback, which nobody hears without decrease=…")
        if shed and algorithm == LEAKY_BUCKET:
            raise ConfigurationError("RateLimit(shed=…) withholds tokens of a bucket; leaky_bucket has but one")
        self._derive(room=1 if algorithm == LEAKY_BUCKET else limit if burst is None else burst)

    def state(self, seed: int = 0) -> "Pace":
        """A fresh state with these options; `seed` is not used: nothing is drawn."""
        return Pace(self)
