"""Several failures at once (an `ExceptionGroup`, the parts of a batch) as one.

The kind is that of a member that a breaker counts rather than of one that it does not; among those, of the severest,
and then of the first. Severity is the worst of all; `executed` is the worst of all; a further attempt can help only if
it can help all members; and it waits for the member that asks for the longest pause.
"""

from backstay_core.failure import EXECUTED, FAILED, SEVERITIES, ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#  What helps a group must be enough for each member: the later in this list, the more it takes.
_EFFORT = ("same", "later", "elsewhere", "refresh", "higher", "never")


def merge(failures: "Sequence[Failure]", message: "str | None" = None) -> Failure:
    """One failure for all. Raises `ConfigurationError` if there are none."""
    if not failures:
        raise ConfigurationError("a group of failures has at least one member")
    leader = failures[0]
    for failure in failures:
        if _rank(failure) > _rank(leader):
            leader = failure
    pauses = [failure.retry_after for failure in failures if failure.retry_after is not None]
    return Failure(
        leader.kind,
        f"{len(failures)} failures: {leader.message}"[:2000] if message is None else message,
        code=leader.code,
        severity=SEVERITIES[max(SEVERITIES.index(failure.severity) for failure in failures)],
        retry=_EFFORT[max(_EFFORT.index(failure.retry) for failure in failures)],
        executed=EXECUTED[max(EXECUTED.index(failure.executed) for failure in failures)],
        retry_after=None if not pauses else min(pauses) if min(pauses) < 0 else max(pauses),
        reason=leader.reason,
        domain=leader.domain,
        injected=all(failure.injected for failure in failures),
    )


def _rank(failure: Failure) -> "tuple[bool, int]":
    return failure.verdict == FAILED, SEVERITIES.index(failure.severity)
