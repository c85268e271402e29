"""From exceptions to failures: who is asked, in which order, and what happens when somebody answers nonsense."""

import errno
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
from backstay_core.errors.classifier import MOST_CLASSES, Classifier
from backstay_core.errors.tables import NAMES
from backstay_core.errors.wrapped import MOST_MEMBERS
from backstay_core.failure import LONGEST_MESSAGE, Failure
from tests.errors.library import Response, WithAttributes, library_error

NOW = 784_111_777_000_000_000  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(errno.errorcode, lambda: NOW)


def os_error(name: str) -> OSError:
    return OSError(getattr(errno, name), name)


class Trap(Exception):
    """As wasmtime's: the trap's code is a property."""

    @property
    def trap_code(self) -> Any:
        return WithAttributes(name="OUT_OF_FUEL")


class RpcError(Exception):
    """As grpc's: code() and trailing_metadata() are methods."""

    def __init__(self, name: str, *trailing: tuple[str, Any]) -> None:
        super().__init__(name)
        self._name = name
        self._trailing = trailing

    def code(self) -> Any:
        return WithAttributes(name=self._name, value=(14, "unavailable"))

    def trailing_metadata(self) -> Any:
        return self._trailing


PUSHBACK = "grpc-retry-pushback-ms"
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


# What the user registers


class Base(Exception):
    pass


class Derived(Base):
    pass


def test_the_nearest_class_decides_and_the_latest_rule(classifier: Classifier):
    classifier.register(Derived, "throttle")
    classifier.register(Base, "missing")
    assert [classifier.kind(error) for error in (Base(), Derived())] == ["missing", "throttle"]
    classifier.register(Derived, "auth")
    assert classifier.kind(Derived()) == "auth"
    classifier.register(Derived, "throttle")  # twice is once, and the latest
    assert classifier.kind(Derived()) == "throttle"


def test_a_rule_is_asked_each_time_and_may_have_no_opinion(classifier: Classifier):
    classifier.register(Base, "conflict")
    classifier.register(Derived, lambda error: "data" if error.args else None)
    assert [classifier.kind(error) for error in (Derived(1), Derived())] == ["data", "conflict"]
    assert classifier.rule_errors == 0


def test_a_rule_comes_before_everything_else(classifier: Classifier):
    classifier.register(ConnectionResetError, "state")
    classifier.register(CircuitOpen, "state")
    classifier.register(ExceptionGroup, "state")
    for error in (os_error("ECONNRESET"), CircuitOpen("p", "CIRCUIT_OPEN", 1), ExceptionGroup("g", [ValueError()])):
        assert classifier.kind(error) == "state"


def test_what_a_rule_returns_may_be_shared(classifier: Classifier):
    shared = Failure("throttle", "one for all", retry_after=7)
    classifier.register(Base, lambda _: shared)
    one, two = Base(), Base()
    first, second = classifier.classify(one), classifier.classify(two)
    assert (first.cause, second.cause, shared.cause) == (one, two, None)
    assert first == second == shared


@pytest.mark.parametrize("answer", [7, "no such kind", object(), ""])
def test_a_nonsensical_rule_has_no_opinion(classifier: Classifier, answer: Any):
    classifier.register(Base, lambda _: answer)
    assert classifier.kind(Base()) == "unknown"
    assert classifier.rule_errors == 1


def test_a_rule_that_raises_has_no_opinion(classifier: Classifier):
    classifier.register(TimeoutError, lambda error: getattr(error, "no_such_attribute"))  # noqa: B009
    assert classifier.kind(TimeoutError()) == "timeout"
    classifier.register(Derived, classifier.classify)  # asks itself without end
    assert classifier.kind(Derived()) == "unknown"
    assert classifier.rule_errors > 1


def test_predicates_are_asked_last(classifier: Classifier):
    asked = []

    def busy_means_throttled(error: BaseException) -> str | None:
        asked.append(error)
        return "throttle" if "busy" in str(error) else None

    classifier.otherwise(busy_means_throttled)
    busy = ValueError("busy")
    assert [classifier.kind(error) for error in (busy, ValueError("x"), TimeoutError("busy"))] == [
        "throttle",
        "unknown",
        "timeout",
    ]
    assert classifier.kind(WithAttributes("busy", status_code=404)) == "missing"
    assert classifier.kind(WithAttributes("busy", status_code=0)) == "throttle"
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("cls", "rule"), [("TimeoutError", "timeout"), (int, "timeout"), (Base, "no such kind"), (Base, 7), (Base, None)]
)
def test_registrations_that_mean_nothing_are_refused(classifier: Classifier, cls: Any, rule: Any):
    with pytest.raises(ConfigurationError):
        classifier.register(cls, rule)
    assert classifier.kind(Base()) == "unknown"


@pytest.mark.parametrize("rule", ["timeout", None, 3])
def test_predicates_that_mean_nothing_are_refused(classifier: Classifier, rule: Any):
    with pytest.raises(ConfigurationError):
        classifier.otherwise(rule)


def test_a_registration_is_heard_after_the_class_was_met(classifier: Classifier):
    assert classifier.kind(Derived()) == "unknown"
    classifier.register(Base, "timeout")
    assert classifier.kind(Derived()) == "timeout"


def test_classes_made_at_run_time_do_not_pile_up(classifier: Classifier):
    for i in range(MOST_CLASSES + 10):
        classifier.classify(type(f"E{i}", (Exception,), {})())
    assert len(classifier._decisions) <= MOST_CLASSES


# Groups


def test_a_group_is_as_bad_as_its_members_together(classifier: Classifier):
    group = ExceptionGroup("g", [PermissionError(13, "x"), ExceptionGroup("h", [TimeoutError(), ConnectionError()])])
    failure = classifier.classify(group)
    assert (failure.kind, failure.severity, failure.retry, failure.executed) == ("timeout", "high", "never", "maybe")
    assert failure.cause is group


@pytest.mark.parametrize(
    ("members", "retry", "executed", "retry_after"),
    [
        ([TimeoutError()], "same", "maybe", None),
        ([TimeoutError(), WithAttributes(status=429, headers={"retry-after": "5"})], "later", "maybe", 5 * 10**9),
        ([os_error("ECONNREFUSED"), os_error("EHOSTUNREACH")], "same", "no", None),
        ([os_error("ECONNREFUSED"), ValueError()], "never", "maybe", None),
        ([RpcError("UNAVAILABLE", (PUSHBACK, "-1")), RpcError("UNAVAILABLE", (PUSHBACK, "9"))], "same", "maybe", -1),
    ],
)
def test_a_group_is_retried_if_all_members_are(
    classifier: Classifier, members: Any, retry: str, executed: str, retry_after: int | None
):
    failure = classifier.classify(ExceptionGroup("g", members))
    assert (failure.retry, failure.executed, failure.retry_after) == (retry, executed, retry_after)


class Cyclic(ExceptionGroup):
    """A group that is a member of itself."""

    @property
    def exceptions(self) -> Any:
        return (self, TimeoutError("inside"))


class Bottomless(ExceptionGroup):
    @property
    def exceptions(self) -> Any:
        return (Bottomless("g", [ValueError()]),)


class Broken(ExceptionGroup):
    @property
    def exceptions(self) -> Any:
        raise RuntimeError


def test_hostile_groups(classifier: Classifier):
    for cls, kind in ((Cyclic, "timeout"), (Bottomless, "unknown"), (Broken, "unknown")):
        assert classifier.kind(cls("g", [ValueError()])) == kind
    wide = ExceptionGroup("g", [TimeoutError()] * (3 * MOST_MEMBERS))
    assert classifier.kind(wide) == "timeout"
    wrapper = urllib.error.URLError(None)  # type: ignore[arg-type]
    wrapper.reason = ExceptionGroup("g", [wrapper])
    assert classifier.kind(wrapper) == "unknown"
    wrapper.reason = wrapper
    assert classifier.kind(wrapper) == "unknown"


# Hostile exceptions


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Wordless(Exception):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]


class Grumpy(Exception):
    """All of its attributes raise."""

    @property
    def response(self) -> Any:
        raise RuntimeError

    status_code = status = code = headers = failure = trap_code = rpc_response = response

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError


class GrumpySystemError(OSError):
    @property
    def errno(self) -> Any:  # type: ignore[override]
        raise RuntimeError


class GrumpyOwn(UnifiedError):
    @property
    def failure(self) -> Any:
        raise RuntimeError


class OddOwn(UnifiedError):
    failure = "timeout"  # type: ignore[assignment]


class OddCode(Exception):
    def code(self) -> Any:
        raise RuntimeError


@pytest.mark.parametrize("cls", [Mute, Wordless, Grumpy, GrumpySystemError, GrumpyOwn, OddOwn, OddCode])
def test_hostile_exceptions(classifier: Classifier, cls: type[Exception]):
    failure = classifier.classify(cls("x"))
    assert failure.kind == "unknown"
    assert isinstance(failure.message, str)
    assert isinstance(failure.to_data(), dict)


def test_a_message_is_made_once_when_it_is_read_and_cut(classifier: Classifier):
    made = []

    class Chatty(Exception):
        def __str__(self) -> str:
            made.append(1)
            return "x" * 10_000_000

    failure = classifier.classify(Chatty())
    assert not made
    assert len(failure.message) == len(failure.message) == LONGEST_MESSAGE
    assert len(made) == 1


def test_the_public_face():
    class Mine(Exception):
        pass

    assert backstay.errors.classify(Mine()).kind == "unknown"
    backstay.errors.register_classifier(Mine, "throttle")
    assert backstay.errors.classify(Mine("x")) == Failure("throttle", "x", reason="MINE", domain="tests")
