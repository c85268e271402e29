"""gRPC status codes as failures."""

from backstay_core.clock import MILLISECOND
from backstay_core.failure import ConfigurationError, Failure

#  status code → kind
GRPC = {
    "CANCELLED": "cancelled",
    "UNKNOWN": "unknown",
    "INVALID_ARGUMENT": "validation",
    "DEADLINE_EXCEEDED": "timeout",
    "NOT_FOUND": "missing",
    "ALREADY_EXISTS": "conflict",
    "PERMISSION_DENIED": "permission",
    "RESOURCE_EXHAUSTED": "throttle",
    "FAILED_PRECONDITION": "state",
    "ABORTED": "conflict",
    "OUT_OF_RANGE": "validation",
    "UNIMPLEMENTED": "unsupported",
    "INTERNAL": "internal",
    "UNAVAILABLE": "unavailable",
    "DATA_LOSS": "data",
    "UNAUTHENTICATED": "auth",
}

#  status code → number on the wire
NUMBERS = {
    "OK": 0, "CANCELLED": 1, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8, "FAILED_PRECONDITION": 9, "ABORTED": 10,
    "OUT_OF_RANGE": 11, "UNIMPLEMENTED": 12, "INTERNAL": 13, "UNAVAILABLE": 14, "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}  # fmt: skip


def from_grpc(code_name: str, message: str = "", pushback_ms: "int | None" = None) -> Failure:
    """The failure that the gRPC status `code_name` ("UNAVAILABLE") is.

    `pushback_ms` is the server's ``grpc-retry-pushback-ms``; a negative one asks not to be tried again. Raises
    `ConfigurationError` for what is no code, and for OK, which is no failure.
    """
    if not isinstance(code_name, str) or code_name not in GRPC:
        shown = repr(code_name[:40]) if isinstance(code_name, str) else type(code_name).__name__
        raise ConfigurationError(f"a gRPC failure is one of {', '.join(GRPC)}; got {shown}")
    pause = None
    if isinstance(pushback_ms, int) and not isinstance(pushback_ms, bool):
        pause = max(-1, min(pushback_ms * MILLISECOND, 1 << 61))
    return Failure(
        GRPC[code_name],
        message or code_name,
        code=code_name,
        retry="never" if code_name == "ALREADY_EXISTS" else None,
        reason=code_name,
        domain="grpc",
        retry_after=pause,
    )
