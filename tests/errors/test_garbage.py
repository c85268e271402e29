"""Whatever goes in, a failure or a `ConfigurationError` comes out, within bounds."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.errors import classify
from backstay_core.canonical import dumps
from backstay_core.errors.aws import from_aws
from backstay_core.errors.grpc import from_grpc
from backstay_core.errors.http import from_http_status
from backstay_core.errors.jsonrpc import from_jsonrpc
from backstay_core.errors.received import from_aip193, from_problem
from backstay_core.errors.redaction import REDACTOR
from backstay_core.errors.render import aip193, jsonrpc, line, problem
from backstay_core.errors.system import from_errno
from backstay_core.errors.wasm import from_wasm_trap
from backstay_core.failure import CODES, KINDS, ConfigurationError, Failure
from tests.errors.library import WithAttributes

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=5), st.builds(object)
)
NAMES = st.one_of(
    st.text(max_size=10),
    st.sampled_from(
        [
            *("code", "message", "data", "error", "status", "details", "kind", "reason", "domain", "retry_after_ms"),
            *("backoff_seconds", "rate", "metadata", "@type", "retryDelay", "detail", "title", "context", "executed"),
        ]
    ),
)
KNOWN = st.sampled_from([*KINDS, *CODES, -32005, -32000, 503, 429, "type.googleapis.com/google.rpc.ErrorInfo", "3.5s"])
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(SCALARS, KNOWN),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5), st.tuples(inner, inner)
    ),
    max_leaves=12,
)
STATUSES = st.one_of(st.integers(300, 999), ANYTHING)

SOURCES: list[tuple[Callable[..., Failure], list[Any]]] = [
    (from_http_status, [STATUSES, ANYTHING, st.one_of(st.none(), st.integers(0, 1 << 62))]),
    (from_jsonrpc, [ANYTHING]),
    (from_jsonrpc, [st.fixed_dictionaries({"code": st.one_of(st.integers(), KNOWN)}, optional={"data": ANYTHING})]),
    (from_grpc, [st.one_of(KNOWN, ANYTHING), st.text(max_size=5), ANYTHING]),
    (from_aws, [st.one_of(st.text(), ANYTHING), STATUSES, ANYTHING]),
    (from_errno, [st.one_of(st.from_regex("E[A-Z]{1,9}", fullmatch=True), ANYTHING)]),
    (from_wasm_trap, [st.one_of(st.text(), ANYTHING)]),
    (from_problem, [st.one_of(ANYTHING, st.dictionaries(NAMES, st.one_of(KNOWN, ANYTHING)))]),
    (from_aip193, [st.one_of(ANYTHING, st.dictionaries(NAMES, st.one_of(KNOWN, ANYTHING)))]),
]


def complaint_or_failure(function: Callable[..., Failure], values: tuple[Any, ...]) -> Failure | str:
    try:
        return function(*values)
    except ConfigurationError as error:
        return str(error)


@pytest.mark.parametrize(
    ("function", "arguments"), SOURCES, ids=[f"{f.__name__}-{i}" for i, (f, _) in enumerate(SOURCES)]
)
def test_any_input(function: Callable[..., Failure], arguments: list[Any]):
    @given(st.tuples(*arguments))
    def check(values: tuple[Any, ...]) -> None:
        failure = complaint_or_failure(function, values)
        if isinstance(failure, str):
            assert 0 < len(failure) < 1000
            return
        assert isinstance(failure, Failure)
        assert failure.retry_after is None or -1 <= failure.retry_after < 1 << 62
        assert len(failure.message) <= 10_000
        for rendered in (problem(failure), aip193(failure), jsonrpc(failure)):
            dumps(rendered)
        assert "\n" not in line(failure)
        clean = REDACTOR.clean(failure.to_data())
        assert Failure.from_data(clean).kind == failure.kind

    check()


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["response", "status_code", "status", "code", "rpc_response", "trap_code", "headers", "data"]),
    st.one_of(ANYTHING, st.integers(400, 599), st.builds(WithAttributes), st.just(lambda: None), st.just(int)),
)


@given(st.text(max_size=20), ATTRIBUTES)
def test_any_attributes(text: str, attributes: dict[str, Any]):
    error = WithAttributes(text, **attributes)
    failure = classify(error)
    assert failure.cause is error
    assert failure.message == text
    dumps(aip193(failure))
