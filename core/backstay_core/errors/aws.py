"""Errors of AWS services, by code, in the words that botocore's `ClientError` carries."""

from backstay_core.errors.http import from_http_status, pause_of
from backstay_core.errors.words import upper_snake
from backstay_core.failure import ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_THROTTLE = (
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException", "RequestThrottled",
    "TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "SlowDown",
    "PriorRequestNotComplete", "EC2ThrottledException",
)  # fmt: skip

#  service error code → kind
CODES = {
    **dict.fromkeys(_THROTTLE, "throttle"),
    "RequestTimeout": "timeout", "RequestTimeoutException": "timeout",
    "ServiceUnavailable": "unavailable", "ServiceUnavailableException": "unavailable", "Unavailable": "unavailable",
    "InternalFailure": "internal", "InternalServerError": "internal", "InternalError": "internal",
    "InternalServerException": "internal", "ServiceException": "internal",
    "ExpiredToken": "auth", "ExpiredTokenException": "auth", "RequestExpired": "auth", "InvalidClientTokenId": "auth",
    "UnrecognizedClientException": "auth", "RequestTimeTooSkewed": "auth",
    "AccessDenied": "permission", "AccessDeniedException": "permission", "UnauthorizedOperation": "permission",
    "OptInRequired": "permission", "SignatureDoesNotMatch": "permission",
    "ResourceNotFound": "missing", "ResourceNotFoundException": "missing", "NoSuchKey": "missing",
    "NoSuchBucket": "missing", "NotFoundException": "missing",
    "ConditionalCheckFailed": "conflict", "ConditionalCheckFailedException": "conflict",
    "TransactionConflict": "conflict", "TransactionConflictException": "conflict",
    "TransactionCanceledException": "conflict", "ConflictException": "conflict",
    "OperationAborted": "conflict", "ResourceInUseException": "conflict",
    "InvalidState": "state", "InvalidStateException": "state", "PreconditionFailed": "state",
    "ValidationException": "validation", "ValidationError": "validation", "InvalidParameterValue": "validation",
    "InvalidParameterException": "validation", "MissingParameter": "validation", "MalformedQueryString": "validation",
    "UnknownOperation": "unsupported", "UnknownOperationException": "unsupported", "InvalidAction": "unsupported",
    "NotImplemented": "unsupported",
}  # fmt: skip


def from_aws(
    code: str, status: "int | None" = None, headers: "Any" = None, now: "int | None" = None, message: str = ""
) -> Failure:
    """The failure that the service error `code` is; one that the table lacks is judged by its HTTP `status`.

    `headers` may hold ``x-amz-retry-after`` (ms). Raises `ConfigurationError` unless `code` is text.
    """
    if not isinstance(code, str):
        raise ConfigurationError(f"an AWS error code is text; got {type(code).__name__}")
    kind = CODES.get(code)
    pause = None if headers is None else pause_of(headers, now)
    fields: "dict[str, Any]" = {}
    if kind is None:
        kind = "unknown"
        if isinstance(status, int) and not isinstance(status, bool) and 300 <= status <= 999:
            found = from_http_status(status, headers, now)
            kind = found.kind
            fields = {"code": found.code, "retry": found.retry, "executed": found.executed}
    reason = upper_snake(code) or "AWS"
    return Failure(kind, message or code[:200] or "AWS", reason=reason, domain="aws", retry_after=pause, **fields)
