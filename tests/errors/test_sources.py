"""What each source of errors calls a kind of failure: the whole taxonomy, row by row."""

import enum

import pytest

from backstay_core.errors.aws import from_aws
from backstay_core.errors.grpc import GRPC, NUMBERS, from_grpc
from backstay_core.errors.http import TITLES, from_http_status
from backstay_core.errors.jsonrpc import from_jsonrpc
from backstay_core.errors.render import HTTP
from backstay_core.errors.system import from_errno
from backstay_core.errors.wasm import TRAPS, from_wasm_trap
from backstay_core.errors.words import upper_snake
from backstay_core.failure import CODES, FAILED, KINDS, NEUTRAL, OK, ConfigurationError, Failure

#  kind → HTTP statuses, JSON-RPC codes, AWS codes, errno names, Wasmtime's trap codes
TAXONOMY: dict[str, tuple[list[int], list[int], list[str], list[str], list[str]]] = {
    "cancelled": ([499], [], [], ["ECANCELED"], []),
    "validation": (
        [400, 411, 413, 414, 415, 416, 422, 406, 417, 431],
        [-32700, -32600, -32602],
        ["ValidationException"],
        ["EINVAL", "ENAMETOOLONG"],
        ["BAD_CONVERSION_TO_INTEGER", "COMPILE_ERROR", "LINK_ERROR"],
    ),
    "auth": ([401, 407, 511], [], ["ExpiredToken", "RequestExpired"], [], []),
    "permission": ([403, 402, 451], [], ["AccessDenied"], ["EACCES", "EPERM", "EROFS", "ENOTCAPABLE"], []),
    "missing": ([404, 410], [-32001], ["ResourceNotFoundException"], ["ENOENT", "ESRCH"], ["MISSING_EXPORT"]),
    "conflict": (
        [409],
        [],
        ["ConditionalCheckFailedException", "TransactionConflictException"],
        ["EEXIST", "EBUSY", "ETXTBSY"],
        [],
    ),
    "state": ([412, 424, 428], [], ["InvalidStateException"], ["ENOTEMPTY", "ENOTCONN"], ["CANNOT_ENTER_COMPONENT"]),
    "throttle": (
        [429, 529],
        [-32005],
        [
            "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottledException",
            "TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException",
            "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "RequestThrottled", "SlowDown",
            "PriorRequestNotComplete", "EC2ThrottledException",
        ],
        ["EAGAIN"],
        ["BACKPRESSURE_OVERFLOW"],
    ),
    "capacity": (
        [507],
        [],
        [],
        ["ENOMEM", "ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "ENOBUFS"],
        ["OUT_OF_FUEL", "ALLOCATION_TOO_LARGE", "STACK_OVERFLOW", "MEMORY_GROW"],
    ),
    "timeout": ([408, 504, 524], [], ["RequestTimeout", "RequestTimeoutException"], ["ETIMEDOUT"], ["INTERRUPT"]),
    "connect": (
        [521, 522, 523],
        [],
        [],
        ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "EAI_AGAIN"],
        [],
    ),
    "disconnect": ([], [], [], ["ECONNRESET", "EPIPE", "ECONNABORTED", "ESHUTDOWN"], []),
    "unavailable": ([502, 503, 421, 425], [-32000, -32099, -32050], ["ServiceUnavailable"], [], []),
    "internal": (
        [500, 506, 508, 598, 700],
        [-32603],
        ["InternalFailure", "InternalServerError"],
        ["EIO"],
        [
            "UNREACHABLE", "MEMORY_OUT_OF_BOUNDS", "TABLE_OUT_OF_BOUNDS", "INDIRECT_CALL_TO_NULL", "BAD_SIGNATURE",
            "INTEGER_OVERFLOW", "INTEGER_DIVISION_BY_ZERO",
        ],
    ),
    "data": ([], [], [], ["EBADMSG"], []),
    "unsupported": (
        [405, 501, 505],
        [-32601],
        ["UnknownOperationException"],
        ["ENOSYS", "EOPNOTSUPP"],
        ["DISABLED_OPCODE", "MISSING_IMPORT"],
    ),
}  # fmt: skip

VERDICTS = {
    NEUTRAL: ("cancelled", "throttle", "capacity", "rejected", "programming"),
    OK: ("validation", "auth", "permission", "missing", "conflict", "state", "unsupported"),
    FAILED: ("timeout", "connect", "disconnect", "unavailable", "internal", "data", "unknown", "result"),
}


def rows(column: int) -> list:
    return [(value, kind) for kind, columns in TAXONOMY.items() for value in columns[column]]


@pytest.mark.parametrize(("status", "kind"), rows(0))
def test_http_status(status: int, kind: str):
    failure = from_http_status(status)
    assert failure.kind == kind
    assert failure.reason == f"HTTP_{status}"
    assert failure.message == f"HTTP {status} {TITLES[status]}" if status in TITLES else f"HTTP {status}"


@pytest.mark.parametrize(("code", "kind"), rows(1))
def test_jsonrpc_code(code: int, kind: str):
    assert from_jsonrpc({"code": code, "message": "no"}).kind == kind


@pytest.mark.parametrize(("code", "kind"), rows(2))
def test_aws_code(code: str, kind: str):
    failure = from_aws(code)
    assert (failure.kind, failure.reason) == (kind, upper_snake(code))


@pytest.mark.parametrize(("name", "kind"), rows(3))
def test_errno(name: str, kind: str):
    failure = from_errno(name)
    assert (failure.kind, failure.reason, failure.domain) == (kind, name, "system")


@pytest.mark.parametrize(("name", "kind"), rows(4))
def test_wasm_trap_by_name(name: str, kind: str):
    for text in (name, f"TrapCode.{name}"):
        failure = from_wasm_trap(text)
        assert (failure.kind, failure.reason) == (kind, name)


@pytest.mark.parametrize(
    ("name", "kind", "part"), [(name, kind, part) for name, kind, parts in TRAPS for part in parts]
)
def test_wasm_trap_by_text(name: str, kind: str, part: str):
    failure = from_wasm_trap(f"error while executing at wasm backtrace:\n 0: f\n\nCaused by:\n  {part}\n")
    assert (failure.kind, failure.reason) == (kind, name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("unreachable", "UNREACHABLE"),
        ("divide by zero", "INTEGER_DIVISION_BY_ZERO"),
        ("divide result unrepresentable", "INTEGER_OVERFLOW"),
        ("memory access out of bounds", "MEMORY_OUT_OF_BOUNDS"),
        ("table index is out of bounds", "TABLE_OUT_OF_BOUNDS"),
        ("null function or function signature mismatch", "BAD_SIGNATURE"),
        ("float unrepresentable in integer range", "BAD_CONVERSION_TO_INTEGER"),
        ("RangeError: Maximum call stack size exceeded", "STACK_OVERFLOW"),
        ("something new", "TRAP"),
    ],
)
def test_the_words_of_v8(text: str, reason: str):
    assert from_wasm_trap(text).reason == reason


def test_a_trap_is_no_reason_to_use_the_instance_again():
    trap = from_wasm_trap("UNREACHABLE")
    assert (trap.retry, trap.executed) == ("elsewhere", "maybe")
    assert from_wasm_trap("UNKNOWN IMPORT: unknown import: `a::b` has not been defined").executed == "no"


@pytest.mark.parametrize("code", CODES)
def test_every_canonical_code_is_a_grpc_failure(code: str):
    failure = from_grpc(code)
    assert (failure.code, failure.reason) == (code, code)
    assert code in GRPC
    assert code in NUMBERS
    assert code in HTTP


def test_http_and_grpc_agree_on_verdicts():
    for code, (status, _) in HTTP.items():
        if code not in ("UNKNOWN", "DATA_LOSS", "OUT_OF_RANGE", "FAILED_PRECONDITION"):  # share 500 and 400 with others
            assert from_http_status(status).verdict == from_grpc(code).verdict, code


def test_what_a_breaker_makes_of_each_kind():
    assert {kind: Failure(kind).verdict for kind in KINDS} == {
        kind: verdict for verdict, kinds in VERDICTS.items() for kind in kinds
    }


@pytest.mark.parametrize(
    ("failure", "field", "value"),
    [
        (from_http_status(408), "executed", "no"),
        (from_http_status(416), "code", "OUT_OF_RANGE"),
        (from_http_status(503), "retry", "same"),
        (from_http_status(503, {"Retry-After": "1"}), "kind", "throttle"),
        (from_http_status(503, {"Retry-After": "1"}), "code", "UNAVAILABLE"),
        (from_http_status(413), "retry", "never"),
        (from_http_status(413, {"Retry-After": "1"}), "retry", "later"),
        (from_http_status(302), "kind", "unsupported"),
        (from_grpc("ALREADY_EXISTS"), "retry", "never"),
        (from_grpc("ABORTED"), "retry", "higher"),
        (from_grpc("UNAVAILABLE", pushback_ms=250), "retry_after", 250_000_000),
        (from_grpc("UNAVAILABLE", pushback_ms=-5), "retry_after", -1),
        (from_errno("EEXIST"), "code", "ALREADY_EXISTS"),
        (from_errno("EWHATEVER"), "kind", "unknown"),
        (from_aws("Novel", 503), "kind", "unavailable"),
        (from_aws("Novel", 418), "kind", "unsupported"),
        (from_aws("Novel"), "kind", "unknown"),
        (from_aws("SlowDown", 503, {"x-amz-retry-after": "1500"}), "retry_after", 1_500_000_000),
        (from_jsonrpc({"code": 429, "message": "slow down"}), "kind", "throttle"),
        (from_jsonrpc({"code": 77, "message": "?"}), "kind", "unknown"),
        (from_jsonrpc({"message": "no code"}), "kind", "data"),
        (from_jsonrpc({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "?"}}), "kind", "unsupported"),
    ],
)
def test_what_differs_from_the_row(failure: Failure, field: str, value: object):
    assert getattr(failure, field) == value


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        ({"backoff_seconds": 30}, 30),
        ({"backoff_seconds": 0}, 0),
        ({"backoff_seconds": 1.5}, 1.5),
        ({"backoff_seconds": "2"}, 2),
        ({"rate": {"backoff_seconds": 24, "allowed_rps": 1}}, 24),
        ({"backoff_seconds": 1e300}, 10 * 365 * 86_400),
        ({"backoff_seconds": -1}, None),
        ({"backoff_seconds": float("nan")}, None),
        ({"backoff_seconds": True}, None),
        ({"backoff_seconds": "soon"}, None),
        ({"rate": 3}, None),
        ("text", None),
        (None, None),
    ],
)
def test_jsonrpc_backoff(data: object, seconds: float | None):
    pause = from_jsonrpc({"code": -32005, "message": "limit exceeded", "data": data}).retry_after
    assert pause == (None if seconds is None else int(seconds * 1e9))


def test_other_families_of_servers_have_other_codes():
    solana = {-32005: ("unavailable", "NODE_BEHIND")}
    assert from_jsonrpc({"code": -32005, "message": "behind by 42 slots"}, solana).reason == "NODE_BEHIND"
    with pytest.raises(ConfigurationError, match=r"codes\[-32005\]"):
        from_jsonrpc({"code": -32005, "message": ""}, {-32005: ("node_behind", "")})


def test_an_int_enum_is_a_status():
    assert from_http_status(enum.IntEnum("Status", {"TEAPOT": 418}).TEAPOT).reason == "HTTP_418"  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [0, 99, 1000, -404, True, 404.0, "404", None, 1 << 80, 200, 204, 101])
def test_what_is_no_failing_status_is_refused(status: object):
    with pytest.raises(ConfigurationError, match="HTTP status"):
        from_http_status(status)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["OK", "unavailable", "", 14, None, "X" * 10_000])
def test_what_is_no_grpc_failure_is_refused(code: object):
    with pytest.raises(ConfigurationError, match="a gRPC failure is one of") as refused:
        from_grpc(code)  # type: ignore[arg-type]
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("name", ["econnreset", "", "E", "ECONN RESET", 104, None, "E" + "X" * 100, "connection reset"])
def test_what_is_no_errno_name_is_refused(name: object):
    with pytest.raises(ConfigurationError, match="errno name"):
        from_errno(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("ConnectTimeout", "CONNECT_TIMEOUT"),
        ("HTTPError", "HTTP_ERROR"),
        ("gaierror", "GAIERROR"),
        ("EC2ThrottledException", "EC2_THROTTLED_EXCEPTION"),
        ("not.a word", "NOT_A_WORD"),
        ("_private", "PRIVATE"),
        ("Ünïcode", "N_CODE"),
        ("", ""),
        ("x" * 500, "X" * 63),
    ],
)
def test_reasons_are_upper_snake(name: str, word: str):
    assert upper_snake(name) == word
