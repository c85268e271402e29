"""Groups, and exceptions that defend themselves against being looked at."""

import urllib.error
from typing import Any

import pytest

from backstay import UnifiedError
from backstay_core.errors.classifier import Classifier
from backstay_core.errors.wrapped import MOST_MEMBERS
from backstay_core.failure import LONGEST_MESSAGE
from tests.errors.library import PUSHBACK, RpcError, WithAttributes, os_error

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
