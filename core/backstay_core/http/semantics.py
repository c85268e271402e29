"""What HTTP says about sending a request again.

Rules:

HS1   A request may be sent again if its method is idempotent (RFC 9110, 9.2.2), or if it carries a key by which the
      server knows a repetition (``Idempotency-Key``). Methods that nobody has registered are not idempotent.
HS2   An answer is a failure of the dependency, or worth another attempt, as its status is classified
      (`backstay_core.errors.http`): 5xx but for 501 and 505, 408, 421, 425 and 429. Any other answer is an answer,
      whatever its status.
HS3   A body is sent again only if all of it is at hand. One of at most `BUFFER` bytes is kept for that; of a longer
      one that arrives in pieces there is one attempt.
HS4   An answer whose head has reached the caller is never asked for again: what goes wrong in its body is the caller's.
HS5   Before another attempt the answer of the last one is read to its end if it says that it has at most `DRAIN` bytes,
      so that its connection can be used again, and closed otherwise, or when more come than that, or the time is over.
"""

from backstay_core.errors.http import from_http_status
from backstay_core.failure import FAILED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

#  RFC 9110, 9.2.2, and QUERY (draft-ietf-httpbis-safe-method-w-body)
IDEMPOTENT_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY")
KEY_HEADERS = ("idempotency-key", "x-idempotency-key")
BUFFER = 65_536  # bytes of a request's body
DRAIN = 65_536  # … and of an answer's

_HELPS = ("same", "later", "elsewhere")


def is_repeatable(method: str, headers: "Iterable[Any]") -> bool:
    """May a request with this method and these header names be sent twice (HS1)?"""
    if method.upper() in IDEMPOTENT_METHODS:
        return True
    return any((name.decode("latin-1") if isinstance(name, bytes) else name).lower() in KEY_HEADERS for name in headers)


def is_failure(status: int) -> bool:
    """Is an answer with this status one that a policy has to judge, and not simply an answer (HS2)?"""
    if not 400 <= status <= 999:
        return False
    failure = from_http_status(status)
    return failure.verdict == FAILED or failure.retry in _HELPS


def is_short(length: "str | None", most: int = DRAIN) -> bool:
    """Does a Content-Length promise at most `most` bytes? One that is no number promises nothing."""
    return length is not None and length.isascii() and length.isdigit() and len(length) <= 12 and int(length) <= most
