"""The table of failures is part of the interface: every cell of it, written down a second time."""

from typing import Any

import pytest

from backstay_core import failure as module
from backstay_core.failure import (
    CODES,
    EXECUTED,
    FAILED,
    GROUPS,
    KINDS,
    NEUTRAL,
    OK,
    RETRIES,
    SEVERITIES,
    ConfigurationError,
    Failure,
    kinds_of,
)  # fmt: skip

TABLE = """
cancelled    CANCELLED            neutral  never    maybe  low
validation   INVALID_ARGUMENT     ok       never    no     low
auth         UNAUTHENTICATED      ok       refresh  no     medium
permission   PERMISSION_DENIED    ok       never    no     high
missing      NOT_FOUND            ok       never    no     low
conflict     ABORTED              ok       higher   no     low
state        FAILED_PRECONDITION  ok       never    no     medium
throttle     RESOURCE_EXHAUSTED   neutral  later    no     medium
capacity     RESOURCE_EXHAUSTED   neutral  later    no     high
timeout      DEADLINE_EXCEEDED    failed   same     maybe  medium
connect      UNAVAILABLE          failed   same     no     medium
disconnect   UNAVAILABLE          failed   same     maybe  medium
unavailable  UNAVAILABLE          failed   same     maybe  high
internal     INTERNAL             failed   never    maybe  high
data         DATA_LOSS            failed   never    yes    critical
unsupported  UNIMPLEMENTED        ok       never    no     medium
rejected     UNAVAILABLE          neutral  never    no     medium
programming  INTERNAL             neutral  never    maybe  critical
unknown      UNKNOWN              failed   never    maybe  high
result       UNKNOWN              failed   never    yes    medium
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
VERDICTS = {"ok": OK, "failed": FAILED, "neutral": NEUTRAL}

#  The canonical codes of gRPC, without OK
GRPC = """
CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED
FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED
"""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_kind(row: list[str]):
    kind, code, verdict, retry, executed, severity = row
    failure = Failure(kind)
    stated = (failure.code, failure.retry, failure.executed, failure.severity)
    assert stated == (code, retry, executed, severity)
    assert failure.verdict == VERDICTS[verdict]


def test_there_are_no_other_kinds():
    assert list(KINDS) == [row[0] for row in ROWS]


def test_words():
    assert list(CODES) == GRPC.split()
    assert SEVERITIES == ("low", "medium", "high", "critical")
    assert RETRIES == ("never", "same", "later", "refresh", "elsewhere", "higher")
    assert EXECUTED == ("no", "maybe", "yes")


def test_groups():
    kinds = sorted(row[0] for row in ROWS if row[0] not in ("cancelled", "rejected"))
    assert {
        "transport_errors": ("connect", "disconnect", "timeout", "unavailable"),
        "any_failure": tuple(kinds),
    } == GROUPS


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_kind_says_need_not_be_said_again(kind: str):
    failure = Failure(kind, "text")
    assert failure.to_data() == {"kind": kind, "message": "text"}
    assert Failure.from_data(failure.to_data()) == failure


SAID: list[dict[str, Any]] = [
    {"code": "OUT_OF_RANGE"},
    {"retry": "elsewhere"},
    {"executed": "yes"},
    {"severity": "critical"},
    {"retry_after": -1},
    {"retry_after": 0},
    {"reason": "WORD"},
    {"domain": "domain"},
    {"context": {"a": 1}},
    {"injected": True},
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: next(iter(said)))
def test_what_is_said_is_kept(said: dict[str, Any]):
    failure = Failure("connect", "text", **said)
    assert failure.to_data() == {"kind": "connect", "message": "text", **said}
    assert failure == Failure.from_data(failure.to_data())
    assert failure != Failure("connect", "text")


def test_numbers_that_frames_and_snapshots_know():
    names = ("NEUTRAL", "OK", "FAILED", "SLOW", "FAILED_SLOW", "NEVER")
    assert [getattr(module, name) for name in names] == [0, 1, -1, 2, -2, 2**62]


def test_a_fingerprint_groups_what_is_the_same_trouble():
    failure = Failure("connect", "text", domain="db", reason="REFUSED", retry_after=5)
    assert failure.fingerprint == "db/connect/UNAVAILABLE/REFUSED"


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


TEXTS = [
    (None, ""),
    (ValueError("text"), "text"),
    ("x" * 2000, "x" * 2000),
    ("x" * 2001, "x" * 1997 + "..."),
    (Speechless(), "Speechless"),
]


@pytest.mark.parametrize(("cause", "text"), TEXTS, ids=["none", "error", "longest", "too long", "speechless"])
def test_a_message_of_none_is_the_text_of_the_cause(cause: Any, text: str):
    failure = Failure("unknown", None, cause=cause)
    assert failure.message == text
    assert failure.message == text, "and it stays so"
    assert failure.cause is cause
    assert Failure("unknown", "own text", cause=cause).message == "own text"


WRONG: list[dict[str, Any]] = [
    {"kind": "none"},
    {"code": "OK"},
    {"retry": "always"},
    {"executed": "perhaps"},
    {"severity": "fatal"},
    {"cause": "x"},
    {"_message": "x"},
    {"colour": "red"},
    {"retry_after": True},
    {"retry_after": 1.0},
    {"retry_after": "1"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_no_failure_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ConfigurationError):
        Failure.from_data({"kind": "connect", **wrong})


def test_a_kind_that_does_not_exist_is_refused_by_name():
    with pytest.raises(ConfigurationError, match=r"one of auth, cancelled, .*; got 'none'"):
        Failure("none")
    with pytest.raises(ConfigurationError, match="'none' is no kind of failure"):
        kinds_of(["connect", "none"])


def test_kinds_and_groups_come_out_sorted_and_once():
    assert kinds_of(("timeout", "transport_errors", "auth")) == (
        "auth", "connect", "disconnect", "timeout", "unavailable",
    )  # fmt: skip
