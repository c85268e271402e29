"""Cache: a value that is known already, instead of the call.

The values stay with the host: a lookup is an operation, and what it finds, for which key and for how long it counts is
the host's affair (`backstay.keeping` says how the native host does it).

Rules:

CA1   A lookup comes first. What it finds is the result, and nothing inside is asked.
CA2   A lookup that fails lets the call go on, whatever it fails with: a cache never breaks a call.
CA3   With `stale_for`, a failure that `on` names (default: any but a cancelled call) leads to a second lookup, for what
      is stale. What it finds is the result; if it fails, the failure of the call comes out and not its own.
CA4   A lookup is an operation like an attempt: deadlines and cancellation outside apply to it. Inside a Timeout that
      has run out by then nothing begins (TO5); only the second lookup does, like a substitute (FB5).

What it means for a value to be fresh or stale, and the names: RFC 9111 and RFC 5861.
"""

from backstay_core.failure import Failure
from backstay_core.options import Field, Options
from backstay_core.strategies.contract import LOOKUP, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Cache(Options):
    """Options of a cache; times in seconds."""

    KIND = "cache"
    ROLE = LOOKUP
    EXCLUSIVE = False  # when a fetch fails, who waited for it may fetch by himself
    FIELDS = (
        Field("fresh_for", "seconds", "how long a value counts", least=1e-9),
        Field("refresh_for", "seconds", "how much longer it is given while a new one is fetched", least=0),
        Field("stale_for", "seconds", "how much longer it stands in for a failure", least=0),
        Field("entries", "count", "most values that are kept", least=1),
        Field("key", "function", "function of the call's arguments (default: the arguments)", optional=True),
        Field("on", "failures", "which failures a stale value stands in for", optional=True),
        Field("results", "results", "results that are not kept", optional=True),
        Field("negative", "flag", "whether None is kept"),
        Field("single", "flag", "whether calls with one key wait for the one that fetches"),
    )

    fresh_for_ns: int
    refresh_for_ns: int
    stale_for_ns: int
    entries: int
    key: "Callable[..., Any] | None"
    on_matches: "Any"
    results_match: "Callable[[Any], bool] | None"
    negative: bool
    single: bool

    def __init__(
        self,
        fresh_for: float,
        *,
        refresh_for: float = 0,
        stale_for: float = 0,
        entries: int = 1000,
        key: "Any" = None,
        on: "Any" = None,
        results: "Any" = None,
        negative: bool = False,
        single: bool = True,
    ) -> None:
        self._set(
            fresh_for=fresh_for,
            refresh_for=refresh_for,
            stale_for=stale_for,
            entries=entries,
            key=key,
            on=on,
            results=results,
            negative=negative,
            single=single,
        )

    def state(self, seed: int = 0) -> "Cached":
        return Cached(self)


class Keeper(State):
    """The state of a strategy that looks before a call is made. `kept` is the host's: where it keeps what it knows."""

    __slots__ = ("kept",)
    ROLE = LOOKUP

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.kept: "Any" = None

    def goes_on(self, failure: Failure) -> bool:
        """Does the call go on after a lookup that failed so?"""
        raise NotImplementedError(type(self).__name__)

    def looks_again(self, failure: Failure) -> bool:
        """Is there a second lookup after this failure of the call?"""
        return False


class Cached(Keeper):
    """The state of a Cache."""

    __slots__ = ()
    options: Cache

    def goes_on(self, failure: Failure) -> bool:
        return True

    def looks_again(self, failure: Failure) -> bool:
        options = self.options
        if not options.stale_for_ns:
            return False
        matcher = options.on_matches
        if matcher is None:
            return failure.kind != "cancelled"
        matched: bool = matcher.matches(failure)
        return matched
