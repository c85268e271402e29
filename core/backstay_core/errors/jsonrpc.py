"""JSON-RPC 2.0 error objects as failures.

The codes from -32768 to -32000 are the specification's; -32000 to -32099 belong to the server, and what they mean there
differs between families of servers. The table here has the meanings of EIP-1474 (Ethereum) and of the Language Server
Protocol; pass `codes` to put others before them.
"""

from backstay_core.clock import SECOND
from backstay_core.errors.http import LONGEST_PAUSE, from_http_status, retry_after
from backstay_core.errors.members import own_failure
from backstay_core.failure import KINDS, ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#  error code → (kind, reason)
CODES = {
    -32700: ("validation", "PARSE_ERROR"),
    -32600: ("validation", "INVALID_REQUEST"),
    -32601: ("unsupported", "METHOD_NOT_FOUND"),
    -32602: ("validation", "INVALID_PARAMS"),
    -32603: ("internal", "INTERNAL_ERROR"),
    -32001: ("missing", "RESOURCE_NOT_FOUND"),
    -32002: ("unavailable", "RESOURCE_UNAVAILABLE"),
    -32003: ("state", "TRANSACTION_REJECTED"),
    -32004: ("unsupported", "METHOD_NOT_SUPPORTED"),
    -32005: ("throttle", "LIMIT_EXCEEDED"),
    -32006: ("unsupported", "VERSION_NOT_SUPPORTED"),
    -32029: ("throttle", "TOO_MANY_REQUESTS"),
    -32097: ("throttle", "TOO_MANY_REQUESTS"),
    -32800: ("cancelled", "REQUEST_CANCELLED"),
    -32801: ("conflict", "CONTENT_MODIFIED"),
    -32802: ("cancelled", "SERVER_CANCELLED"),
    3: ("state", "EXECUTION_REVERTED"),
    4001: ("cancelled", "USER_REJECTED"),
    4100: ("permission", "UNAUTHORIZED"),
    4200: ("unsupported", "UNSUPPORTED_METHOD"),
    4900: ("connect", "DISCONNECTED"),
    4901: ("connect", "CHAIN_DISCONNECTED"),
}

SERVER_ERRORS = (-32099, -32000)


def from_jsonrpc(error: "Mapping[str, Any]", codes: "Mapping[int, tuple[str, str]] | None" = None) -> Failure:
    """The failure that a JSON-RPC error object (or a whole response that has one) is.

    ``data.backoff_seconds``, also inside ``data.rate``, becomes the pause that the server asks for; 0 leaves the pause
    to the caller. An error object without a whole number as code is *data*: the answer itself is broken. Raises
    `ConfigurationError` unless `error` is a dict.
    """
    if not isinstance(error, dict):
        raise ConfigurationError(f"a JSON-RPC error is an object; got {type(error).__name__}")
    inner = error.get("error")
    if isinstance(inner, dict) and "code" not in error:
        error = inner
    code = error.get("code")
    message = error.get("message")
    text = message if isinstance(message, str) and message else "JSON-RPC error"
    if isinstance(code, bool) or not isinstance(code, int):
        return Failure("data", text[:2000], reason="MALFORMED_ERROR", domain="jsonrpc")
    data = error.get("data")
    pause = backoff(data)
    own = own_failure(data, text[:2000]) if isinstance(data, dict) else None
    if own is not None:  # the other side knows Backstay's kinds
        if own.retry_after is None:
            own.retry_after = pause
        return own
    kind, reason, fields = _meaning(int(code), codes)
    return Failure(kind, text[:2000], reason=reason, domain="jsonrpc", retry_after=pause, **fields)


def is_code(code: int) -> bool:
    """Is this number certainly a JSON-RPC error code?"""
    return -32768 <= code <= -32000 or code in (-32800, -32801, -32802)


def backoff(data: "Any") -> "int | None":
    """The pause in ns that the ``data`` of an error object asks for, or None."""
    if not isinstance(data, dict):
        return None
    rate = data.get("rate")
    for holder in (data, rate if isinstance(rate, dict) else data):
        seconds = holder.get("backoff_seconds")
        if isinstance(seconds, str):
            return retry_after(seconds)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            continue
        if seconds >= 0:  # also leaves out NaN
            return LONGEST_PAUSE * SECOND if seconds >= LONGEST_PAUSE else int(seconds * SECOND + 0.5)
    return None


def _meaning(code: int, codes: "Mapping[int, tuple[str, str]] | None") -> "tuple[str, str, dict[str, Any]]":
    known = codes.get(code) if codes is not None else None
    if known is None:
        known = CODES.get(code)
    if known is not None:
        kind, reason = known
        if kind not in KINDS:
            raise ConfigurationError(f"codes[{code}] must be a kind of failure and a reason; got {known!r}")
        return kind, reason, {}
    if SERVER_ERRORS[0] <= code <= SERVER_ERRORS[1]:
        return "unavailable", f"SERVER_ERROR_{-code}", {}
    if 400 <= code <= 599:  # servers repeat the HTTP status here, most often of a part of a batch
        found = from_http_status(code)
        return found.kind, found.reason, {"code": found.code, "retry": found.retry, "executed": found.executed}
    if -(10**9) < code < 10**9:
        return "unknown", f"CODE_{code}" if code >= 0 else f"CODE_MINUS_{-code}", {}
    return "unknown", "CODE", {}
