"""Failures as others sent them: RFC 9457 problem details and AIP-193 errors (`jsonrpc` reads JSON-RPC).

Members that `render` writes are believed where they fit a failure; without them the HTTP status, or the canonical code,
says what it is.
"""

from backstay_core.errors.grpc import GRPC, from_grpc
from backstay_core.errors.http import from_http_status, retry_after
from backstay_core.errors.members import own_failure, text_member
from backstay_core.errors.render import ERROR_INFO, RETRY_INFO
from backstay_core.failure import ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def from_problem(body: "dict[str, Any]", headers: "Any" = None, now: "int | None" = None) -> Failure:
    """The failure that an ``application/problem+json`` body is. `headers` and `now` as for `from_http_status`.

    Raises `ConfigurationError` unless it is an object that has a failing status or the members of a failure.
    """
    if not isinstance(body, dict):
        raise ConfigurationError(f"problem details are an object; got {type(body).__name__}")
    detail = text_member(body, "detail") or text_member(body, "title")
    own = own_failure(body, detail)
    if own is not None:
        return own
    return from_http_status(body.get("status"), headers, now, detail)  # type: ignore[arg-type]  # it checks


def from_aip193(body: "dict[str, Any]") -> Failure:
    """The failure that an AIP-193 error is; the object around it (``{"error": …}``) may be there.

    Raises `ConfigurationError` unless it is an object with a canonical status or a failing HTTP code.
    """
    if not isinstance(body, dict):
        raise ConfigurationError(f"an AIP-193 error is an object; got {type(body).__name__}")
    inner = body.get("error")
    error = inner if isinstance(inner, dict) else body
    message = text_member(error, "message")
    status = error.get("status")
    members: "dict[str, Any]" = {"code": status}
    pause = None
    details = error.get("details")
    for detail in details[:20] if isinstance(details, list) else []:
        if not isinstance(detail, dict):
            continue
        if detail.get("@type") == ERROR_INFO:
            metadata = detail.get("metadata")
            members.update(metadata if isinstance(metadata, dict) else {})
            members.update(code=status, reason=detail.get("reason"), domain=detail.get("domain"))
        elif detail.get("@type") == RETRY_INFO:
            delay = detail.get("retryDelay")
            pause = retry_after(delay[:-1]) if isinstance(delay, str) and delay.endswith("s") else None
    failure = own_failure(members, message)
    if failure is None and isinstance(status, str) and status in GRPC:
        failure = from_grpc(status, message)
        failure.reason = text_member(members, "reason") or failure.reason
        failure.domain = text_member(members, "domain") or failure.domain
    if failure is None:
        failure = from_http_status(error.get("code"), message=message)  # type: ignore[arg-type]  # it checks
    if pause is not None:
        failure.retry_after = pause
    return failure
