"""What Backstay itself raises. The caller's own exceptions come out unchanged.

=========================== ===========================================================================================
`UnifiedError`              the base of all
`Rejected`                  a strategy refused the call; the dependency was not asked
  `CircuitOpen`             … its circuit breaker is open
  `BulkheadFull`            … no place came free
  `ConcurrencyLimited`      … as many calls were under way as the dependency bears
  `Throttled`               … the server refuses so much that it was not asked
  `RateLimited`             … it was not its turn yet, and it could not wait for it
  `KeyConflict`             … its idempotency key was used with other arguments
  `KeyInUse`                … a call with its idempotency key is under way, and it cannot wait for it
  `DeadlineExceeded`        … the deadline of the caller leaves no room
`Injected`                  an `Inject` made it fail on purpose
`TimedOut`                  a `Timeout` has run out (also a `TimeoutError`)
`ConfigurationError`        an option, a composition or a call that cannot mean anything (also a `ValueError`)
`SnapshotError`             a snapshot that cannot be restored (also a `ValueError`)
=========================== ===========================================================================================

`classify` says what any exception means, as a `Failure`; `register_classifier` teaches it an exception class.
"""

from __future__ import annotations

from backstay.classifier import classify, register_classifier
from backstay_core.clock import SECOND
from backstay_core.failure import ConfigurationError, Failure, SnapshotError, UnifiedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "BulkheadFull",
    "CircuitOpen",
    "ConcurrencyLimited",
    "ConfigurationError",
    "DeadlineExceeded",
    "Injected",
    "KeyConflict",
    "KeyInUse",
    "Missing",
    "RateLimited",
    "Rejected",
    "SnapshotError",
    "Throttled",
    "TimedOut",
    "UnifiedError",
    "classify",
    "error_of",
    "register_classifier",
]


class Rejected(UnifiedError):
    """A strategy refused the call: ``Rejected(where, reason, retry_after_ns)``.

    `where` names policy and strategy, `reason` is a short UPPER_SNAKE word. There is no constructor of our own: a
    refusal must cost little more than a bare ``raise``.
    """

    @property
    def where(self) -> str:
        return str(self.args[0]) if self.args else ""

    @property
    def reason(self) -> str:
        return str(self.args[1]) if len(self.args) > 1 else ""

    @property
    def retry_after(self) -> float | None:
        """Seconds after which it is worth asking again, if known."""
        ns = self._retry_after_ns
        return None if ns is None else ns / SECOND

    @property
    def _retry_after_ns(self) -> int | None:
        return self.args[2] if len(self.args) > 2 else None

    @property
    def failure(self) -> Failure:
        return Failure(
            "rejected",
            self.where,
            code=self.code,
            reason=self.reason,
            retry_after=self._retry_after_ns,
            domain="backstay",
            cause=self,
        )

    code = "UNAVAILABLE"

    def __str__(self) -> str:
        if len(self.args) < 3:  # somebody else's
            return super().__str__()
        soon = "" if self.retry_after is None else f", try again in {self.retry_after:.3g} s"
        return f"{self.where}: {self.reason.lower().replace('_', ' ')}{soon}"


class CircuitOpen(Rejected):
    """The circuit breaker is open, or half-open with all its places taken."""


class BulkheadFull(Rejected):
    """All places are taken, and the queue is full or the wait was too long."""

    code = "RESOURCE_EXHAUSTED"


class ConcurrencyLimited(Rejected):
    """As many calls are inside as the dependency bears, and the queue is full or the wait was too long."""

    code = "RESOURCE_EXHAUSTED"


class Throttled(Rejected):
    """The server refuses so many calls that this one was refused on this side."""


class RateLimited(Rejected):
    """So many calls were let in already, and the next turn is too far off; `retry_after` says how far."""

    code = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(Rejected):
    """Refused before it began: the deadline of the caller has passed."""

    code = "DEADLINE_EXCEEDED"


class KeyConflict(Rejected):
    """The idempotency key was used with other arguments, or for another function."""

    code = "FAILED_PRECONDITION"

    def __str__(self) -> str:
        return f"{self.where}: the key was used with other arguments"


class KeyInUse(Rejected):
    """A call with this idempotency key is under way, and this one cannot wait for it."""

    code = "ABORTED"

    def __str__(self) -> str:
        return f"{self.where}: a call with this key is under way"


class Missing(UnifiedError):
    """A lookup has found nothing: the call goes on. It does not come out of a policy."""

    @property
    def failure(self) -> Failure:
        return Failure("missing", domain="backstay")


class TimedOut(UnifiedError, TimeoutError):
    """A `Timeout` has run out. `seconds` is its length."""

    def __init__(self, where: str, seconds: float) -> None:
        super().__init__(f"{where}: not over after {seconds} s")
        self.where = where
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[TimedOut], tuple[str, float], dict[str, object]]:
        return type(self), (self.where, self.seconds), self.__dict__

    @property
    def failure(self) -> Failure:
        return Failure("timeout", str(self), reason="TIMED_OUT", domain="backstay", cause=self)


class Injected(UnifiedError):
    """An `Inject` made the call fail on purpose, with this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self._failure = failure

    def __reduce__(self) -> tuple[Any, ...]:
        return _injected, (self._failure.to_data(),)

    @property
    def failure(self) -> Failure:
        return self._failure


def _injected(data: dict[str, Any]) -> Injected:
    return Injected(Failure.from_data(data))


#  reason of a refusal → exception class
REFUSALS: dict[str, type[Rejected]] = {
    "CIRCUIT_OPEN": CircuitOpen,
    "FORCED_OPEN": CircuitOpen,
    "BULKHEAD_FULL": BulkheadFull,
    "BULKHEAD_WAIT": BulkheadFull,
    "RATE_LIMITED": RateLimited,
    "CONCURRENCY_FULL": ConcurrencyLimited,
    "CONCURRENCY_WAIT": ConcurrencyLimited,
    "THROTTLED": Throttled,
    "RATE_LIMIT_WAIT": RateLimited,
    "NO_TIME": DeadlineExceeded,
    "KEY_CONFLICT": KeyConflict,
    "KEY_IN_USE": KeyInUse,
}


def error_of(failure: Failure) -> BaseException:
    """The exception that a failure of Backstay's own is."""
    if isinstance(failure.cause, BaseException):
        return failure.cause
    if failure.injected:
        return Injected(failure)
    if failure.kind == "timeout":
        where, _, seconds = failure.message.rpartition(": not over after ")
        return TimedOut(where, float(seconds.removesuffix(" s")))
    return REFUSALS.get(failure.reason, Rejected)(failure.message, failure.reason, failure.retry_after)
