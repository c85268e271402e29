"""Failures for others to read: RFC 9457 problem details, AIP-193 errors, JSON-RPC error objects, and lines for people.

All of it has been cleaned (`redaction`) and is plain data for canonical JSON. `received` reads it back.
"""

from backstay_core.clock import SECOND
from backstay_core.errors.grpc import NUMBERS
from backstay_core.errors.redaction import REDACTOR, Redactor
from backstay_core.errors.words import upper_snake
from backstay_core.failure import KINDS, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#  code → HTTP status (AIP-193, google.rpc.Code) and title
HTTP = {
    "CANCELLED": (499, "Cancelled"),
    "UNKNOWN": (500, "Unknown error"),
    "INVALID_ARGUMENT": (400, "Invalid argument"),
    "DEADLINE_EXCEEDED": (504, "Deadline exceeded"),
    "NOT_FOUND": (404, "Not found"),
    "ALREADY_EXISTS": (409, "Already exists"),
    "PERMISSION_DENIED": (403, "Permission denied"),
    "RESOURCE_EXHAUSTED": (429, "Resource exhausted"),
    "FAILED_PRECONDITION": (400, "Failed precondition"),
    "ABORTED": (409, "Aborted"),
    "OUT_OF_RANGE": (400, "Out of range"),
    "UNIMPLEMENTED": (501, "Not implemented"),
    "INTERNAL": (500, "Internal error"),
    "UNAVAILABLE": (503, "Unavailable"),
    "DATA_LOSS": (500, "Data loss"),
    "UNAUTHENTICATED": (401, "Unauthenticated"),
}

#  code → JSON-RPC error code; what is absent is the server error -32000
JSON_RPC = {
    "INVALID_ARGUMENT": -32602,
    "OUT_OF_RANGE": -32602,
    "UNIMPLEMENTED": -32601,
    "INTERNAL": -32603,
    "UNKNOWN": -32603,
    "DATA_LOSS": -32603,
    "NOT_FOUND": -32001,
    "RESOURCE_EXHAUSTED": -32005,
}

PROBLEM_JSON = "application/problem+json"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"

_EXECUTED = {"no": "; it was not executed", "maybe": "; it may have been executed", "yes": "; it was executed"}


def problem(
    failure: Failure,
    *,
    types: str = "",
    instance: str = "",
    with_context: bool = False,
    redactor: Redactor = REDACTOR,
) -> "dict[str, Any]":
    """RFC 9457 problem details, to be sent as `PROBLEM_JSON`.

    `types` is the start of the URI that explains a kind of problem, which the kind is appended to; without it the type
    is ``about:blank`` and the title that of the code. `instance` identifies this occurrence. The failure's context goes
    out only `with_context`. The extension members are those of the failure: ``code``, ``kind``, ``reason``, ``domain``,
    ``retry``, ``executed``, ``severity``, and ``retry_after_ms``.
    """
    status, title = HTTP[failure.code]
    body: "dict[str, Any]" = {
        "type": types + failure.kind if types else "about:blank",
        "title": title,
        "status": status,
    }
    if failure.message:
        body["detail"] = redactor.scrub(failure.message)
    if instance:
        body["instance"] = redactor.scrub(instance)
    body.update(_extension(failure, redactor, with_context))
    return body


def aip193(failure: Failure, *, with_context: bool = False, redactor: Redactor = REDACTOR) -> "dict[str, Any]":
    """The JSON form of ``google.rpc.Status`` (AIP-193), with ErrorInfo, and RetryInfo where a pause is asked for.

    ErrorInfo's metadata is a map of texts: what the code does not say of the failure, and its context `with_context`.
    """
    metadata: "dict[str, str]" = {}
    for name, value in _extension(failure, redactor, with_context).items():
        if name == "context":
            for key in value:
                if key not in metadata:
                    metadata[key] = value[key] if isinstance(value[key], str) else redactor.scrub(str(value[key]))
        elif name not in ("code", "reason", "domain", "retry_after_ms"):
            metadata[name] = value
    info = {
        "@type": ERROR_INFO,
        "reason": upper_snake(failure.reason) or failure.code,
        "domain": redactor.scrub(failure.domain) or "backstay",
        "metadata": metadata,
    }
    details: "list[dict[str, Any]]" = [info]
    if failure.retry_after is not None and failure.retry_after >= 0:
        details.append({"@type": RETRY_INFO, "retryDelay": _duration(failure.retry_after)})
    status, title = HTTP[failure.code]
    message = redactor.scrub(failure.message) or title
    return {"error": {"code": status, "message": message, "status": failure.code, "details": details}}


def jsonrpc(failure: Failure, *, with_context: bool = False, redactor: Redactor = REDACTOR) -> "dict[str, Any]":
    """A JSON-RPC 2.0 error object; its ``data`` holds the members of the failure, and ``backoff_seconds`` (rounded up)
    where a pause is asked for."""
    data = _extension(failure, redactor, with_context)
    if failure.retry_after is not None and failure.retry_after >= 0:
        data["backoff_seconds"] = -(-failure.retry_after // SECOND)
    message = redactor.scrub(failure.message) or HTTP[failure.code][1]
    return {"code": JSON_RPC.get(failure.code, -32000), "message": message, "data": data}


def headers(failure: Failure) -> "dict[str, str]":
    """The response headers that belong to it: Retry-After in whole seconds, rounded up."""
    if failure.retry_after is None or failure.retry_after < 0:
        return {}
    return {"Retry-After": str(-(-failure.retry_after // SECOND))}


def status_of(failure: Failure) -> int:
    """The HTTP status to answer with."""
    return HTTP[failure.code][0]


def grpc_number(failure: Failure) -> int:
    """The gRPC status code as it is on the wire."""
    return NUMBERS[failure.code]


def line(failure: Failure, redactor: Redactor = REDACTOR) -> str:
    """One line for people: ``timeout (DEADLINE_EXCEEDED, medium): read timed out; it may have been executed``."""
    told = [f"{failure.kind} ({failure.code}, {failure.severity})"]
    message = " ".join(redactor.scrub(failure.message).split())
    told.append(f": {message}" if message else "")
    told.append(_EXECUTED[failure.executed])
    pause = failure.retry_after
    if pause is not None:
        told.append("; the server asks " + ("to be left alone" if pause < 0 else f"for a pause of {_duration(pause)}"))
    if failure.injected:
        told.append("; injected")
    return "".join(told)


def _extension(failure: Failure, redactor: Redactor, with_context: bool) -> "dict[str, Any]":
    extension: "dict[str, Any]" = {"code": failure.code, "kind": failure.kind}
    row = KINDS[failure.kind]
    for name, default in (("retry", row[2]), ("executed", row[3]), ("severity", row[4])):
        value = getattr(failure, name)
        if value != default:
            extension[name] = value
    if failure.reason:
        extension["reason"] = redactor.scrub(failure.reason)
    if failure.domain:
        extension["domain"] = redactor.scrub(failure.domain)
    if failure.retry_after is not None:
        extension["retry_after_ms"] = -1 if failure.retry_after < 0 else -(-failure.retry_after // 1_000_000)
    if with_context and failure.context:
        extension["context"] = redactor.clean(failure.context)
    return extension


def _duration(ns: int) -> str:
    """Seconds as protobuf's JSON has them: ``3s``, ``0.250s``, ``0.000000001s``."""
    seconds, rest = divmod(ns, SECOND)
    if not rest:
        return f"{seconds}s"
    digits = f"{rest:09d}"
    for places in (3, 6):
        if not digits[places:].strip("0"):
            return f"{seconds}.{digits[:places]}s"
    return f"{seconds}.{digits}s"
