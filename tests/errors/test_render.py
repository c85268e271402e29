"""Failures for others: the members that the standards ask for, and the way back."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay_core.canonical import dumps
from backstay_core.errors.http import from_http_status
from backstay_core.errors.jsonrpc import from_jsonrpc
from backstay_core.errors.received import from_aip193, from_problem
from backstay_core.errors.redaction import MASK, Redactor
from backstay_core.errors.render import aip193, grpc_number, headers, jsonrpc, line, problem, status_of
from backstay_core.failure import CODES, EXECUTED, KINDS, RETRIES, SEVERITIES, ConfigurationError, Failure

THROTTLED = Failure("throttle", "too much", reason="QUOTA", domain="stock", retry_after=1_500_000_000)

FAILURES = st.builds(
    Failure,
    st.sampled_from(sorted(KINDS)),
    st.text(st.characters(codec="utf-8", exclude_characters=":="), max_size=30),
    code=st.one_of(st.none(), st.sampled_from(CODES)),
    retry=st.one_of(st.none(), st.sampled_from(RETRIES)),
    executed=st.one_of(st.none(), st.sampled_from(EXECUTED)),
    severity=st.one_of(st.none(), st.sampled_from(SEVERITIES)),
    retry_after=st.one_of(st.none(), st.just(-1), st.integers(0, 10**6).map(lambda ms: ms * 1_000_000)),
    reason=st.from_regex("([A-Z][A-Z0-9]{0,9}(_[A-Z0-9]{1,9})?)?", fullmatch=True),
    domain=st.from_regex("[a-z]{0,9}", fullmatch=True),
)


def test_the_members_of_rfc_9457():
    body = problem(THROTTLED, types="https://example.org/", instance="/orders/7")
    assert body == {
        "type": "https://example.org/throttle",
        "title": "Resource exhausted",
        "status": 429,
        "detail": "too much",
        "instance": "/orders/7",
        "code": "RESOURCE_EXHAUSTED",
        "kind": "throttle",
        "reason": "QUOTA",
        "domain": "stock",
        "retry_after_ms": 1500,
    }
    assert problem(Failure("missing")) == {
        "type": "about:blank", "title": "Not found", "status": 404, "code": "NOT_FOUND", "kind": "missing"
    }  # fmt: skip


@given(FAILURES)
def test_extension_members_are_names_that_rfc_9457_allows(failure: Failure):
    body = problem(failure)
    own = ("type", "title", "status", "detail", "instance")
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9_]{2,}", name) for name in body if name not in own)
    assert isinstance(body["status"], int)
    assert 400 <= body["status"] <= 599


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        # the two examples of RFC 9457, section 3
        (
            {
                "type": "https://example.com/probs/out-of-credit",
                "title": "You do not have enough credit.",
                "status": 403,
                "detail": "Your current balance is 30, but that costs 50.",
                "instance": "/account/12345/msgs/abc",
                "balance": 30,
                "accounts": ["/account/12345", "/account/67890"],
            },
            "permission",
        ),
        (
            {
                "type": "https://example.net/validation-error",
                "title": "Your request is not valid.",
                "status": 422,
                "errors": [{"detail": "must be a positive integer", "pointer": "#/age"}],
            },
            "validation",
        ),
        ({"status": 503, "kind": "no such kind", "code": "UNAVAILABLE"}, "unavailable"),
        ({"kind": "timeout", "code": "DEADLINE_EXCEEDED", "retry": "sometimes"}, "timeout"),
    ],
)
def test_problems_of_others(body: dict[str, Any], kind: str):
    failure = from_problem(body)
    assert failure.kind == kind
    assert failure.message == body.get("detail", body.get("title", failure.message))


def test_a_problem_may_come_with_headers():
    assert from_problem({"status": 503}, {"Retry-After": "3"}).retry_after == 3 * 10**9


def test_the_form_of_aip_193():
    assert aip193(THROTTLED) == {
        "error": {
            "code": 429,
            "message": "too much",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "QUOTA",
                    "domain": "stock",
                    "metadata": {"kind": "throttle"},
                },
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"},
            ],
        }
    }


@given(FAILURES)
def test_error_info_is_as_aip_193_wants_it(failure: Failure):
    info = aip193(failure)["error"]["details"][0]
    assert re.fullmatch("[A-Z][A-Z0-9_]*[A-Z0-9]|[A-Z]", info["reason"])
    assert len(info["reason"]) <= 63
    assert all(isinstance(value, str) for value in info["metadata"].values())
    assert info["domain"]


@pytest.mark.parametrize(
    ("error", "kind", "pause"),
    [
        ({"code": 404, "message": "no", "status": "NOT_FOUND"}, "missing", None),
        ({"code": 409, "message": "no", "status": "ALREADY_EXISTS"}, "conflict", None),
        ({"code": 503, "message": "no"}, "unavailable", None),
        ({"code": 503, "status": "NO_SUCH"}, "unavailable", None),
        (
            {
                "status": "UNAVAILABLE",
                "details": [
                    7,
                    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.25s"},
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "MOVED", "metadata": None},
                ],
            },
            "unavailable",
            250_000_000,
        ),
        (
            {
                "status": "UNAVAILABLE",
                "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": 3}],
            },
            "unavailable",
            None,
        ),
    ],
)
def test_aip_193_of_others(error: dict[str, Any], kind: str, pause: int | None):
    for body in (error, {"error": error}):
        failure = from_aip193(body)
        assert (failure.kind, failure.retry_after) == (kind, pause)


def test_a_json_rpc_error_object():
    assert jsonrpc(THROTTLED) == {
        "code": -32005,
        "message": "too much",
        "data": {
            "code": "RESOURCE_EXHAUSTED",
            "kind": "throttle",
            "reason": "QUOTA",
            "domain": "stock",
            "retry_after_ms": 1500,
            "backoff_seconds": 2,
        },
    }


@given(FAILURES)
def test_the_way_there_and_back(failure: Failure):
    def wire(value: Any) -> Any:
        return json.loads(dumps(value))

    plain = Failure.from_data(failure.to_data())
    there = from_problem(wire(problem(failure)))
    for again in (there, from_jsonrpc(wire(jsonrpc(failure)))):
        if not failure.message:  # the title stands in for it
            again = Failure.from_data(dict(again.to_data(), message=""))
        assert again == plain
    back = from_aip193(wire(aip193(failure)))
    assert (back.kind, back.code, back.retry, back.executed, back.severity) == (
        failure.kind, failure.code, failure.retry, failure.executed, failure.severity
    )  # fmt: skip
    if failure.retry_after is not None and failure.retry_after >= 0:
        assert back.retry_after == failure.retry_after


SECRETS = Failure(
    "auth",
    "password=hunter2",
    reason="X",
    domain="https://u:hunter2@h",
    context={"token": "hunter2", "url": "https://u:hunter2@h", "deep": [{"cookie": "hunter2"}]},
)


def test_nothing_secret_leaves():
    everything = [
        problem(SECRETS, instance="/x?token=hunter2", with_context=True),
        aip193(SECRETS, with_context=True),
        jsonrpc(SECRETS, with_context=True),
        line(SECRETS),
    ]
    assert "hunter2" not in dumps(everything)
    assert dumps(everything).count(MASK) >= 12


def test_context_stays_unless_it_is_asked_for():
    failure = Failure("state", "x", context={"shelf": "A1"})
    for rendered in (problem, aip193, jsonrpc):
        assert "A1" not in dumps(rendered(failure))
        assert "A1" in dumps(rendered(failure, with_context=True))
    assert problem(failure, with_context=True, redactor=Redactor(("shelf",)))["context"] == {"shelf": MASK}
    assert from_problem(problem(failure, with_context=True)).context == {"shelf": "A1"}


@pytest.mark.parametrize(
    ("pause", "seconds"), [(None, None), (-1, None), (0, "0"), (1, "1"), (1_000_000_000, "1"), (1_000_000_001, "2")]
)
def test_retry_after_is_rounded_up(pause: int | None, seconds: str | None):
    failure = Failure("throttle", retry_after=pause)
    assert headers(failure) == ({} if seconds is None else {"Retry-After": seconds})
    if seconds is not None:
        assert from_http_status(429, headers(failure)).retry_after >= failure.retry_after  # type: ignore[operator]


def test_statuses_and_numbers():
    assert [status_of(Failure(kind)) for kind in ("missing", "throttle", "timeout", "rejected")] == [404, 429, 504, 503]
    assert [grpc_number(Failure(kind)) for kind in ("cancelled", "auth", "internal")] == [1, 16, 13]


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (Failure("missing"), "missing (NOT_FOUND, low); it was not executed"),
        (
            Failure("timeout", "no\nanswer", injected=True),
            "timeout (DEADLINE_EXCEEDED, medium): no answer; it may have been executed; injected",
        ),
        (
            Failure("throttle", retry_after=250_000_000),
            "throttle (RESOURCE_EXHAUSTED, medium); it was not executed; the server asks for a pause of 0.250s",
        ),
        (
            Failure("result", retry_after=-1),
            "result (UNKNOWN, medium); it was executed; the server asks to be left alone",
        ),
    ],
)
def test_a_line_for_people(failure: Failure, text: str):
    assert line(failure) == text


@pytest.mark.parametrize("body", [None, 7, "x", [], {}, {"status": 200}, {"status": "503"}, {"error": {}}])
def test_what_is_no_failure_is_refused(body: Any):
    with pytest.raises(ConfigurationError):
        from_problem(body)
    with pytest.raises(ConfigurationError):
        from_aip193(body)
