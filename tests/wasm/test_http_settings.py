"""What the middleware for wasi:http goes by, outside a component: it knows nothing of WASI."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from backstay_core.failure import ConfigurationError, Failure

FILE = Path(__file__).parents[2] / "targets" / "wasm" / "http" / "settings.py"
spec = importlib.util.spec_from_file_location("http_settings", FILE)
assert spec is not None
assert spec.loader is not None
settings: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(settings)

URL = "http://127.0.0.1:8000"
RETRY = {"kind": "retry", "budget": {"ratio": 0.1}}
BREAKER = {"kind": "circuit_breaker"}


def made(*strategies: Any, url: str = URL, policy: str | None = None) -> Any:
    document = json.dumps({"policies": {"p": {"strategies": strategies}}})
    return settings.Settings({"BACKSTAY_UPSTREAM": url, "BACKSTAY_POLICY": policy or document}, 7)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://h", (False, "h", "")),
        ("http://h:8000/", (False, "h:8000", "")),
        ("https://h:8000/a/b/", (True, "h:8000", "/a/b")),
    ],
)
def test_upstreams(url: str, found: Any):
    assert settings.upstream_of(url) == found


@pytest.mark.parametrize(
    "url", ["", "h:8000", "ftp://h", "http://", "http:///a", "http://u:p@h", "http://h/?q", "http://h/#f"]
)
def test_what_is_no_upstream(url: str):
    with pytest.raises(ConfigurationError, match="BACKSTAY_UPSTREAM must be") as caught:
        made(url=url)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("strategies", "message"),
    [
        ([{"kind": "hedge", "after": 1}], "a hedge cannot stand"),
        ([{"kind": "cache", "fresh_for": 1}], "a cache cannot stand"),
        ([RETRY, RETRY], "at most one retry"),
        ([{"kind": "retri"}], "BACKSTAY_POLICY: .*did you mean 'retry'"),
        *(
            ([{"kind": "fallback", "value": value}], "a fallback's value is a status")
            for value in ("x", 100, 600, True, {}, {"status": 200, "x": 1}, {"status": 200, "body": 1},
                          {"status": 200, "headers": {"a": 1}})
        ),
    ],
)  # fmt: skip
def test_what_is_no_policy_here(strategies: Any, message: str):
    with pytest.raises(ConfigurationError, match=message):
        made(*strategies)


@pytest.mark.parametrize("policy", ["{", "{}", '{"policies": {"a": {}, "b": {}}}'])
def test_what_is_no_document_here(policy: str):
    with pytest.raises(ConfigurationError, match="BACKSTAY_POLICY"):
        made(policy=policy)


def test_requests_share_gates_and_budget_and_differ_in_what_is_sent_again():
    found = made(RETRY, BREAKER)
    put = found.policy_for("PUT", [], True)
    post = found.policy_for("POST", [("a", b"")], True)
    keyed = found.policy_for("POST", [("Idempotency-Key", b"")], True)
    long = found.policy_for("PUT", [], False)
    assert put is keyed
    assert len({put, post, long}) == 3
    assert [policy.layers[0].options.idempotent for policy in (put, post, long)] == [True, False, False]
    assert [policy.layers[0].options.attempts for policy in (put, post, long)] == [3, 3, 1]
    for other in (post, long):
        assert other.layers[1] is put.layers[1]
        assert other.layers[0].budget is put.layers[0].budget
        assert other.seed != put.seed


@pytest.mark.parametrize(
    ("failure", "status", "pause"),
    [
        (Failure("timeout"), 504, None),
        (Failure("rejected", reason="NO_TIME"), 504, None),
        (Failure("rejected"), 503, b"1"),
        (Failure("rejected", retry_after=0), 503, b"1"),
        (Failure("rejected", retry_after=1_000_000_001), 503, b"2"),
        (Failure("connect"), 502, None),
    ],
)
def test_refusals(failure: Failure, status: int, pause: Any):
    answer = settings.refusal_of(failure)
    headers = dict(answer.headers)
    assert (answer.status, headers.get("retry-after")) == (status, pause)
    assert int(headers["content-length"]) == len(answer.body) > 0


def test_the_heads_of_a_connection_stay_with_it():
    headers = [
        ("Transfer-Encoding", b"chunked"),
        ("keep-alive", b"max=1"),
        ("TE", b"trailers"),
        ("Host", b"h"),
        ("x", b"1"),
        ("x", b"2"),
    ]
    assert settings.passed_on(headers) == [("x", b"1"), ("x", b"2")]
