"""The middleware for wasi:http: a component of its own, run by ``wasmtime serve`` between a client and an upstream."""

from __future__ import annotations

import asyncio
import http.client
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from backstay_wasm import wasi
from backstay_wasm.build import BuildError, build_http
from tests.wasm.javascript import ROOT, missing
from tests.wasm.serving import ONE_INSTANCE, WASMTIME, Reply, Served, Upstream, running, serving, wasmtime

RETRY = {"kind": "retry", "attempts": 3, "base": 0.001}
BREAKER = {"kind": "circuit_breaker", "window_calls": 4, "minimum_calls": 4, "open_for": 3600, "open_jitter": 0}
ONE_CALL = {"kind": "rate_limit", "limit": 1, "per": 3600.0}  # so one 200 from each instance
BIG = bytes(range(256)) * 1000


@pytest.fixture(scope="session")
def middleware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The component, compiled."""
    program = wasmtime()
    place = tmp_path_factory.mktemp("http")
    try:
        component = build_http(place / "backstay-http.wasm")
    except BuildError as error:
        if "npm" in str(error):
            missing("what the build needs", str(error))
        raise
    compiled = component.with_suffix(".cwasm")
    subprocess.run([program, "compile", component, "-o", compiled], check=True, capture_output=True)
    return compiled


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.shut()


@pytest.fixture
def serve(middleware: Path, upstream: Upstream) -> Iterator[Callable[..., Served]]:
    with ExitStack() as stack:

        def start(*strategies: Any, options: tuple[str, ...] = ONE_INSTANCE, url: str | None = None) -> Served:
            where = url or f"http://127.0.0.1:{upstream.port}/base"
            return stack.enter_context(serving(middleware, where, strategies, *options))

        yield start


def test_a_healthy_request_passes_unchanged(serve: Any, upstream: Upstream):
    served = serve({"kind": "timeout", "seconds": 600}, RETRY, BREAKER)
    mine = [("x-one", "1"), ("x-one", "2"), ("keep-alive", "max=1"), ("content-type", "a/b")]
    upstream.script = [Reply(201, BIG, (("x-two", "a"), ("x-two", "b"), ("date", "then"), ("keep-alive", "max=1")))]
    answer = served.ask("POST", "/p%20a/th?q=1&q=%2F", b"\0\xffbody", mine)
    assert (answer.status, answer.body) == (201, BIG)
    assert sorted(answer.headers) == [
        ("content-length", str(len(BIG))), ("date", "then"), ("x-two", "a"), ("x-two", "b"),
    ]  # fmt: skip
    (asked,) = upstream.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/base/p%20a/th?q=1&q=%2F", b"\0\xffbody")
    assert sorted(asked.headers) == [
        ("content-length", "6"), ("content-type", "a/b"), ("host", f"127.0.0.1:{upstream.port}"),
        ("x-one", "1"), ("x-one", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "reply", "body"),
    [
        ("GET", Reply(chunked=True, body=b"in pieces"), b"in pieces"),
        ("HEAD", Reply(body=b"not sent"), b""),
        ("GET", Reply(404, b"nothing"), b"nothing"),
        ("PURGE", Reply(body=b"a method of nobody's"), b"a method of nobody's"),
        ("DELETE", Reply(204), b""),
    ],
)
def test_answers_of_all_shapes(serve: Any, upstream: Upstream, method: str, reply: Reply, body: bytes):
    upstream.script = [reply]
    answer = serve(RETRY).ask(method)
    assert (answer.status, answer.body) == (reply.status, body)
    assert [asked.method for asked in upstream.asked] == [method]


def test_what_may_be_sent_again_is(serve: Any, upstream: Upstream):
    served = serve(RETRY)
    failing = [Reply(503), Reply(503)]
    upstream.script = [*failing, Reply(body=b"third")]
    assert served.ask("PUT", body=b"kept").body == b"third"
    assert [asked.body for asked in upstream.asked] == [b"kept"] * 3
    upstream.asked.clear()
    upstream.script = [*failing, Reply(503, b"last")]
    assert served.ask("GET").body == b"last"
    assert len(upstream.asked) == 3
    upstream.asked.clear()
    upstream.script = failing[:]
    assert served.ask("POST", body=b"once").status == 503
    assert len(upstream.asked) == 1
    upstream.script = failing[:]
    assert served.ask("POST", body=b"again", headers=[("Idempotency-Key", "k")]).status == 200
    assert [asked.body for asked in upstream.asked[1:]] == [b"again"] * 3


@pytest.mark.parametrize("body", [BIG, iter([BIG[:70_000], BIG[70_000:]])], ids=["whole", "chunked"])
def test_a_long_body_is_sent_once(serve: Any, upstream: Upstream, body: Any):
    upstream.script = [Reply(503)]
    assert serve(RETRY).ask("PUT", body=body).status == 503
    (asked,) = upstream.asked
    assert asked.body == BIG


def test_a_pause_that_is_too_long_ends_the_retries(serve: Any, upstream: Upstream):
    upstream.script = [Reply(503, headers=(("retry-after", "61"),)), Reply(429, headers=(("retry-after", "0"),))]
    served = serve(RETRY)
    answer = served.ask()
    assert (answer.status, answer.header("retry-after"), len(upstream.asked)) == (503, "61", 1)
    assert served.ask().status == 200
    assert len(upstream.asked) == 3


def test_a_breaker_opens_and_refuses(serve: Any, upstream: Upstream):
    """An answer is out before its instance is free, so the next request may meet another one: there are a few."""
    served = serve(BREAKER)
    upstream.script = [Reply(500, b"broken")] * 400
    answers = [served.ask() for _ in range(200)]
    refused = [answer for answer in answers if answer.status == 503]
    assert [answer.body for answer in answers[:4]] == [b"broken"] * 4
    assert refused
    assert refused[0].body == b"the service is busy\n"
    assert 1 <= int(refused[0].header("retry-after") or "") <= 3600
    assert len(upstream.asked) == 200 - len(refused)


def test_a_timeout_lets_go_of_the_upstream(serve: Any, upstream: Upstream):
    upstream.script = [Reply(hangs=True)]
    assert serve({"kind": "timeout", "seconds": 0.05}).ask().status == 504
    assert upstream.asked[0].gone.wait(60)


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [(204, 204, b""), ({"status": 200, "headers": {"x-sub": "yes"}, "body": "later"}, 200, b"later")],
)
def test_a_fallback_answers(serve: Any, upstream: Upstream, value: Any, status: int, body: bytes):
    upstream.script = [Reply(503)] * 3
    answer = serve({"kind": "fallback", "value": value}, RETRY).ask()
    assert (answer.status, answer.body) == (status, body)
    assert answer.header("x-sub") == ("yes" if body else None)
    assert len(upstream.asked) == 3


def test_an_upstream_that_gives_no_answer(serve: Any, upstream: Upstream):
    with_nobody = Upstream()
    with_nobody.shut()
    served = serve(RETRY, url=f"http://127.0.0.1:{with_nobody.port}")
    answer = served.ask("POST", body=b"x")
    assert (answer.status, answer.body) == (502, b"the upstream gave no answer\n")
    assert served.log == []


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_that_breaks_off_is_broken_off(middleware: Path, upstream: Upstream, chunked: bool):
    reply = Reply(body=BIG, sent=1000, chunked=chunked)
    upstream.script = [reply]
    with serving(middleware, f"http://127.0.0.1:{upstream.port}", [RETRY], *ONE_INSTANCE) as served:
        with pytest.raises(http.client.IncompleteRead):
            served.ask(begun=reply.cut.set)
        assert served.ask().status == 200
    assert not any("worker failed" in line or "backstay:" in line for line in served.log)  # a trap, an exception
    assert len(upstream.asked) == 2


def test_the_documented_command(middleware: Path, upstream: Upstream):
    page = (ROOT / "docs" / "wasm.md").read_text(encoding="utf-8")
    command = shlex.split(
        "wasmtime serve" + page.partition("\nwasmtime serve")[2].partition("```")[0].replace("\\\n", " ")
    )
    here = {
        "wasmtime": WASMTIME,
        "127.0.0.1:8080": "127.0.0.1:0",
        "BACKSTAY_UPSTREAM=http://127.0.0.1:8000": f"BACKSTAY_UPSTREAM=http://127.0.0.1:{upstream.port}",
        "build/backstay-http.wasm": middleware,
    }
    assert here.keys() <= set(command)
    upstream.script = [Reply(503)]
    with running([*(here.get(word, word) for word in command), "--allow-precompiled"]) as served:
        assert served.ask().status == 200
    assert len(upstream.asked) == 2


# -- which instance answers: each lets one request through


def test_one_after_the_other_they_meet_few_instances(serve: Any, upstream: Upstream):
    assert serve(ONE_CALL).statuses(100).count(200) < 50  # two, as a rule


def test_at_the_same_time_each_meets_its_own_instance(serve: Any, upstream: Upstream):
    served = serve(ONE_CALL)
    upstream.barrier = asyncio.Barrier(6)  # no answer before six requests are here
    assert served.statuses(6, at_once=True) == [200] * 6


def test_a_bulkhead_sees_one_request_at_a_time(serve: Any, upstream: Upstream):
    upstream.barrier = asyncio.Barrier(4)
    assert serve({"kind": "bulkhead", "limit": 1}).statuses(4, at_once=True) == [200] * 4


def test_an_instance_is_replaced_by_one_that_knows_nothing(serve: Any, upstream: Upstream):
    served = serve(ONE_CALL, options=("--max-instance-reuse-count", "5", "--idle-instance-timeout", "3600s"))
    assert served.statuses(50).count(200) >= 10


def test_by_default_every_request_has_an_instance(serve: Any, upstream: Upstream):
    assert serve(ONE_CALL, options=()).statuses(5) == [200] * 5


# -- what is wrong


def test_a_wrong_policy_is_said_on_standard_error(middleware: Path, upstream: Upstream):
    with serving(
        middleware, f"http://127.0.0.1:{upstream.port}", [{"kind": "hedge", "after": 1}], *ONE_INSTANCE
    ) as served:
        answer = served.ask()
        assert (answer.status, answer.body) == (500, b"the middleware failed\n")
    assert upstream.asked == []
    assert any("BACKSTAY_POLICY: a hedge cannot stand in a policy here" in line for line in served.log)


def test_another_archive_is_not_unpacked(tmp_path: Path):
    (tmp_path / "x.tgz").write_bytes(b"another")
    with pytest.raises(wasi.WasiError, match="its checksum is another"):
        wasi.unpack(tmp_path / "x.tgz", tmp_path)


def test_the_build_says_that_npm_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="npm is missing"):
        build_http(tmp_path / "x.wasm")
