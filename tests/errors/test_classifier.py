"""From exceptions to failures: each exception that is known, through whatever it is known by."""

import http.client
import json
import socket
import ssl
import urllib.error
from email.message import Message
from typing import Any

import pytest

import backstay.errors
from backstay import CircuitOpen, ConfigurationError, TimedOut, UnifiedError
from backstay_core.errors.classifier import Classifier
from backstay_core.errors.tables import NAMES
from backstay_core.failure import Failure
from tests.errors.library import PUSHBACK, Response, RpcError, WithAttributes, library_error, os_error


class Trap(Exception):
    """As wasmtime's: the trap's code is a property."""

    @property
    def trap_code(self) -> Any:
        return WithAttributes(name="OUT_OF_FUEL")


MaxRetryError = library_error("urllib3.exceptions.MaxRetryError")
NewConnectionError = library_error(
    "urllib3.exceptions.NewConnectionError", library_error("urllib3.exceptions.HTTPError")
)

EXCEPTIONS: list[tuple[BaseException, str, str]] = [
    # Python
    (TimeoutError("slow"), "timeout", "TIMEOUT_ERROR"),
    (ConnectionRefusedError("no errno"), "connect", "CONNECTION_REFUSED_ERROR"),
    (ConnectionError("lost"), "disconnect", "CONNECTION_ERROR"),
    (EOFError(), "disconnect", "EOF_ERROR"),
    (MemoryError(), "capacity", "MEMORY_ERROR"),
    (RecursionError(), "programming", "RECURSION_ERROR"),
    (TypeError(), "programming", "TYPE_ERROR"),
    (UnboundLocalError(), "programming", "UNBOUND_LOCAL_ERROR"),
    (ModuleNotFoundError(), "programming", "MODULE_NOT_FOUND_ERROR"),
    (KeyboardInterrupt(), "cancelled", "KEYBOARD_INTERRUPT"),
    (SystemExit(1), "cancelled", "SYSTEM_EXIT"),
    (BaseException("nobody knows"), "cancelled", "BASE_EXCEPTION"),
    (ValueError("x"), "unknown", "VALUE_ERROR"),
    (json.JSONDecodeError("x", "", 0), "unknown", "JSON_DECODE_ERROR"),
    # errno
    (os_error("ECONNREFUSED"), "connect", "ECONNREFUSED"),
    (os_error("EHOSTUNREACH"), "connect", "EHOSTUNREACH"),
    (os_error("EMFILE"), "capacity", "EMFILE"),
    (os_error("EPIPE"), "disconnect", "EPIPE"),
    (os_error("EINTR"), "cancelled", "EINTR"),
    (OSError("no errno at all"), "unknown", "OS_ERROR"),
    (OSError(99_999, "not known here"), "unknown", "OS_ERROR"),
    (OSError([], "not even a number"), "unknown", "OS_ERROR"),
    (ConnectionResetError(99_999, "the class is known"), "disconnect", "CONNECTION_RESET_ERROR"),
    # numbers that look like an errno and are none
    (socket.gaierror(8, "EAI_NONAME on macOS, ENOEXEC to errno"), "connect", "GAIERROR"),
    (ssl.SSLError(1, "EPERM to errno"), "disconnect", "SSL_ERROR"),
    (ssl.SSLCertVerificationError(1, "bad certificate"), "permission", "SSL_CERT_VERIFICATION_ERROR"),
    (http.client.RemoteDisconnected("gone"), "disconnect", "REMOTE_DISCONNECTED"),
    # HTTP
    (WithAttributes(status_code=429), "throttle", "HTTP_429"),
    (WithAttributes(status=502), "unavailable", "HTTP_502"),
    (WithAttributes(code=404), "missing", "HTTP_404"),
    (WithAttributes(response=Response(401)), "auth", "HTTP_401"),
    (WithAttributes(response=WithAttributes(status=504)), "timeout", "HTTP_504"),
    (urllib.error.HTTPError("u", 410, "Gone", Message(), None), "missing", "HTTP_410"),
    (library_error("requests.exceptions.HTTPError", OSError)("403"), "unknown", "HTTP_ERROR"),
    (WithAttributes(status_code=200), "unknown", "WITH_ATTRIBUTES"),
    (WithAttributes(code=1006), "unknown", "WITH_ATTRIBUTES"),
    (WithAttributes(status="503"), "unknown", "WITH_ATTRIBUTES"),
    # JSON-RPC, gRPC, AWS, WASM
    (WithAttributes(code=-32005, data={"backoff_seconds": 1}), "throttle", "LIMIT_EXCEEDED"),
    (WithAttributes(rpc_response={"error": {"code": -32601}}), "unsupported", "METHOD_NOT_FOUND"),
    (WithAttributes(rpc_response={"result": 1}), "unknown", "WITH_ATTRIBUTES"),
    (RpcError("UNAVAILABLE"), "unavailable", "UNAVAILABLE"),
    (RpcError("NOVEL"), "unknown", "RPC_ERROR"),
    (WithAttributes(response={"Error": {"Code": "SlowDown"}}), "throttle", "SLOW_DOWN"),
    (WithAttributes(response={"Error": {"Code": "X"}, "ResponseMetadata": {"HTTPStatusCode": 409}}), "conflict", "X"),
    (WithAttributes(response={"Error": "text"}), "unknown", "WITH_ATTRIBUTES"),
    (Trap("backtrace"), "capacity", "OUT_OF_FUEL"),
    (library_error("wasmtime._error.WasmtimeError")("unknown import: `a::b`"), "unsupported", "MISSING_IMPORT"),
    # what only passes on another one
    (urllib.error.URLError(os_error("ECONNREFUSED")), "connect", "ECONNREFUSED"),
    (urllib.error.URLError(socket.gaierror(-2, "Name or service not known")), "connect", "GAIERROR"),
    (urllib.error.URLError("unknown url type"), "unknown", "URL_ERROR"),
    (
        library_error("requests.exceptions.ConnectionError", OSError)(MaxRetryError("no reason")),
        "disconnect",
        "CONNECTION_ERROR",
    ),
    # Backstay's own
    (CircuitOpen("p: circuit_breaker", "CIRCUIT_OPEN", 1), "rejected", "CIRCUIT_OPEN"),
    (TimedOut("p: timeout", 1.0), "timeout", "TIMED_OUT"),
    (ConfigurationError("p"), "programming", "CONFIGURATION_ERROR"),
    (UnifiedError("?"), "unknown", "UNIFIED_ERROR"),
]


@pytest.mark.parametrize(("error", "kind", "reason"), EXCEPTIONS, ids=lambda value: str(value)[:40] or "-")
def test_exceptions(classifier: Classifier, error: BaseException, kind: str, reason: str):
    for _ in range(2):  # the second time from memory
        failure = classifier.classify(error)
        assert (failure.kind, failure.reason) == (kind, reason)
        assert failure.cause is error
        assert classifier.kind(error) == kind


@pytest.mark.parametrize("name", NAMES)
def test_every_library_error_of_the_table(classifier: Classifier, name: str):
    if name.startswith("backstay"):
        return
    package, _, cls = name.partition(".")
    error = library_error(f"{package}.somewhere.deep.{cls}")("x")
    full = library_error(name)("x")
    for subclass in (full, type("Mine", (type(full),), {"__module__": "mine"})("x")):
        assert classifier.kind(subclass) == NAMES[name]
    if name.count(".") == 1:
        assert classifier.kind(error) == NAMES[name]


def test_a_refused_connection_through_requests_and_urllib3(classifier: Classifier):
    refused = NewConnectionError("refused")
    retries = MaxRetryError("too many")
    retries.reason = refused
    error = library_error("requests.exceptions.ConnectionError", OSError)(retries)
    failure = classifier.classify(error)
    assert (failure.kind, failure.executed, failure.cause) == ("connect", "no", error)


def test_retry_after_reaches_the_failure(classifier: Classifier):
    headers = {"Retry-After": "Sun, 06 Nov 1994 08:49:40 GMT"}
    assert classifier.classify(WithAttributes(response=Response(503, headers))).retry_after == 3_000_000_000
    assert Classifier({}).classify(WithAttributes(response=Response(503, headers))).retry_after is None
    assert classifier.classify(WithAttributes(status=429, headers=[(b"retry-after", b"2")])).retry_after == 2 * 10**9


@pytest.mark.parametrize(("value", "pause"), [("250", 250_000_000), (b"0", 0), ("-1", -1), ("soon", -1), ("²", -1)])
def test_grpc_pushback(classifier: Classifier, value: object, pause: int):
    error = RpcError("UNAVAILABLE", ("other", "1"), (PUSHBACK, value))
    assert classifier.classify(error).retry_after == pause


def test_the_public_face():
    class Mine(Exception):
        pass

    assert backstay.errors.classify(Mine()).kind == "unknown"
    backstay.errors.register_classifier(Mine, "throttle")
    assert backstay.errors.classify(Mine("x")) == Failure("throttle", "x", reason="MINE", domain="tests")
