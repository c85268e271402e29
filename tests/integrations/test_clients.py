"""HTTP clients under a policy, against a real server: rules HS1 to HS5 in `backstay_core.http.semantics`."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from backstay import (
    Bulkhead,
    Cache,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    DeadlineExceeded,
    Hedge,
    Idempotency,
    Policy,
    Retry,
    Timeout,
    deadline,
)
from backstay.errors import classify
from backstay_core.http.semantics import DRAIN, is_failure, is_repeatable, is_short
from tests.integrations.clients import CLIENTS, AsyncHttpx, Client, Httpx, Httpx2, Looping, Requests
from tests.integrations.server import GARBAGE, RESET, Answer, serving

BUSY = Answer(503, b"busy")
Make = Callable[..., Client]


@pytest.fixture(params=CLIENTS, ids=lambda client: client.name)
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes clients of one library; they are closed at the end."""
    made: list[Client] = []

    def making(policy: Any, **options: Any) -> Client:
        made.append(request.param(policy, **options))
        return made[-1]

    yield making
    for client in made:
        client.close()


def retrying(attempts: int = 3, **options: Any) -> Policy:
    return Policy("client", Retry(attempts, base=0, **options))


# HS1: who may be repeated


def test_a_failing_answer_is_asked_for_again(make: Make):
    with serving(BUSY, Answer(502)) as server:
        assert make(retrying()).send("GET", server.url) == (200, b"fine")
        assert server.methods == ["GET"] * 3


def test_the_last_answer_is_the_caller_s(make: Make):
    """… whatever its status: it is no exception here either."""
    with serving(BUSY, BUSY, Answer(503, b"still busy")) as server:
        assert make(retrying()).send("GET", server.url) == (503, b"still busy")


def test_a_request_that_is_not_idempotent_is_sent_once(make: Make):
    with serving(Answer(502), RESET) as server:
        client = make(retrying())
        assert client.send("POST", server.url, body=b"order").status == 502
        with pytest.raises(Exception, match=r".") as caught:
            client.send("POST", server.url, body=b"order")
        assert classify(caught.value).kind == "disconnect"
        assert server.methods == ["POST", "POST"]


def test_a_key_makes_it_so(make: Make):
    with serving(Answer(502), RESET) as server:
        got = make(retrying()).send("POST", server.url, body=b"order", headers={"Idempotency-Key": "7"})
        assert got.status == 200
        assert [request.body for request in server.requests] == [b"order"] * 3
        assert {request.headers["idempotency-key"] for request in server.requests} == {"7"}


def test_what_was_not_executed_is_repeated_in_any_case(make: Make):
    """A server that answers 429 or 503 with a pause has not begun."""
    with serving(Answer(429), Answer(503, headers=(("Retry-After", "0"),))) as server:
        assert make(retrying()).send("POST", server.url, body=b"order").status == 200
        assert server.methods == ["POST"] * 3


def test_nobody_there(make: Make):
    with serving() as server:
        pass
    policy = Policy("client", Retry(3, base=0), CircuitBreaker.consecutive(3))
    with pytest.raises(Exception, match=r".") as caught:
        make(policy).send("POST", server.url, body=b"order")
    assert classify(caught.value).executed == "no"
    assert policy[CircuitBreaker].state == "open", "three attempts"


def test_an_answer_that_is_no_http(make: Make):
    """Is a failure of the server, and nobody knows whether the request was executed."""
    with serving(GARBAGE, Answer(), GARBAGE) as server:
        client = make(retrying(2))
        assert client.send("GET", server.url).status == 200
        assert server.methods == ["GET", "GET"]
        with pytest.raises(Exception, match=r".") as caught:
            client.send("POST", server.url, body=b"x")
        assert classify(caught.value).kind == "disconnect"
        assert server.methods == ["GET", "GET", "POST"]


@pytest.mark.parametrize("method", ["GET", "get", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"])
def test_idempotent_methods(method: str):
    assert is_repeatable(method, ())


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "BREW", "", "GETX"])
def test_other_methods(method: str):
    assert not is_repeatable(method, ("accept", b"x"))
    assert is_repeatable(method, ("accept", b"Idempotency-Key"))


# HS2: what is a failure


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 408, 421, 425, 429, 599])
def test_statuses_that_a_policy_judges(status: int):
    assert is_failure(status)


@pytest.mark.parametrize("status", [100, 200, 204, 301, 304, 400, 401, 403, 404, 409, 422, 501, 505, 0, 1000])
def test_statuses_that_are_answers(status: int):
    assert not is_failure(status)


def test_a_breaker_counts_what_the_dependency_answers(make: Make):
    policy = Policy("client", CircuitBreaker.consecutive(2))
    with serving(Answer(404), Answer(500), Answer(404), Answer(500), Answer(500)) as server:
        client = make(policy)
        assert [client.send("GET", server.url).status for _ in range(5)] == [404, 500, 404, 500, 500]
        with pytest.raises(CircuitOpen):
            client.send("GET", server.url)
        assert len(server.requests) == 5


# Retry-After


def paused(make: Make, value: str, cap: float = 60.0) -> tuple[int, list[int]]:
    """How many requests there were, and the pauses between them in ns, as a Retry told of them."""
    policy = retrying(2, pushback_cap=cap)
    pauses: list[int] = []
    policy.on("retry", lambda event: pauses.append(event.detail))
    with serving(Answer(503, headers=(("Retry-After", value),))) as server:
        make(policy).send("GET", server.url)
        return len(server.requests), pauses


def test_retry_after_is_heeded(make: Make):
    assert paused(make, "0.02") == (2, [20_000_000])


@pytest.mark.parametrize("value", ["31536000", "9" * 100])
def test_a_pause_of_a_year_ends_the_attempts(make: Make, value: str):
    count, pauses = paused(make, value) if len(value) < 50 else paused(make, value[:12])
    assert (count, pauses) == (1, [])


@pytest.mark.parametrize("value", ["-1", "soon", ""])
def test_a_pause_that_is_none(make: Make, value: str):
    """A negative number is no Retry-After (RFC 9110, 10.2.3), so nothing was asked for."""
    assert paused(make, value) == (2, [0])


def test_what_a_year_is_is_the_policy_s_to_say(make: Make):
    assert paused(make, "0.03", cap=0.02) == (1, [])


# HS3: bodies


def test_a_body_in_pieces_is_sent_once(make: Make):
    with serving(Answer(429)) as server:
        assert make(retrying()).send("PUT", server.url, body=[b"a", b"b"]).status == 429
        assert [request.body for request in server.requests] == [b"ab"]


@pytest.mark.parametrize("kind", [Httpx, AsyncHttpx], ids=["sync", "async"])
def test_a_short_body_in_pieces_is_kept(kind: type[Client]):
    """… if it says how long it is. requests and aiohttp do not let a generator say so."""
    with serving(Answer(429)) as server:
        client = kind(retrying())
        assert client.send("PUT", server.url, body=[b"a", b"b"], headers={"Content-Length": "2"}).status == 200
        assert [request.body for request in server.requests] == [b"ab", b"ab"]
        client.close()


@pytest.mark.parametrize(("buffer", "bodies"), [(9, [b"file", b"file"]), (3, [b"file"])])
def test_a_file_in_requests(buffer: int, bodies: list[bytes]):
    with serving(Answer(429)) as server:
        client = Requests(retrying(), buffer=buffer)
        client.send("PUT", server.url, body=io.BytesIO(b"file"))
        assert [request.body for request in server.requests] == bodies
        client.close()


def test_a_long_body_in_pieces_is_not_kept():
    for kind in (Httpx, AsyncHttpx):
        with serving(Answer(429)) as server:
            client = kind(retrying(), buffer=1)
            assert client.send("PUT", server.url, body=[b"a", b"b"], headers={"Content-Length": "2"}).status == 429
            assert len(server.requests) == 1
            client.close()


# HS4: after the first byte


def test_an_answer_that_is_cut_is_not_asked_for_again(make: Make):
    policy = Policy("client", Retry(3, base=0), CircuitBreaker.consecutive(1))
    with serving(Answer(200, b"half", cut=True)) as server:
        with pytest.raises(Exception, match=r".") as caught:
            make(policy).send("GET", server.url)
        assert classify(caught.value).kind == "disconnect"
        assert len(server.requests) == 1
        assert policy[CircuitBreaker].state == "closed", "the head of an answer is an answer"


# HS5: connections


def test_answers_of_failed_attempts_give_their_connection_back(make: Make):
    with serving(BUSY, BUSY) as server:
        assert make(retrying()).send("GET", server.url).status == 200
        assert {request.connection for request in server.requests} == {1}


def test_a_failed_answer_that_is_cut_does_not_disturb(make: Make):
    with serving(Answer(503, b"half", cut=True)) as server:
        assert make(retrying()).send("GET", server.url).status == 200


def test_a_long_failed_answer_is_not_read(make: Make):
    with serving(Answer(503, b"x" * 200_000), Answer(200)) as server:
        assert make(retrying()).send("GET", server.url).status == 200
        assert [request.connection for request in server.requests] == [1, 2]


def test_of_a_packed_failed_answer_nothing_is_unpacked(make: Make):
    bomb = gzip.compress(bytes(50_000_000))
    with serving(Answer(503, bomb, headers=(("Content-Encoding", "gzip"),))) as server:
        client = make(retrying())
        tracemalloc.start()
        try:
            assert client.send("GET", server.url).status == 200
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert len(bomb) < DRAIN
    unpacked_once = client.name == "aiohttp"  # by its parser, before anybody reads
    assert peak < (75_000_000 if unpacked_once else 5_000_000)


def test_an_answer_that_is_longer_than_it_says_is_not_read_to_its_end(make: Make):
    """Of two lengths the one in pieces counts, and that has no end."""
    with serving(Answer(503, b"x" * 4096, endless=True)) as server:
        client = make(retrying())
        assert client.send("GET", server.url).status == 200


@pytest.mark.parametrize("kind", [Httpx, Httpx2])
def test_a_failed_answer_that_drips_is_not_read_after_the_deadline(kind: type[Client]):
    with serving(Answer(503, b"x" * 60_000, drip=0.01)) as server:
        client = kind(retrying())
        with deadline(0.5), pytest.raises(DeadlineExceeded):
            client.send("GET", server.url)
        client.close()
        assert server.dripped < 60_000


def test_an_open_answer_is_closed_when_the_policy_refuses(make: Make):
    """The breaker opens between two attempts: what comes out is its refusal."""
    policy = Policy("client", Retry(3, base=0), CircuitBreaker.consecutive(1))
    with serving(BUSY) as server:
        with pytest.raises(CircuitOpen):
            make(policy).send("GET", server.url)
        assert len(server.requests) == 1


def test_lengths():
    assert is_short("0")
    assert is_short("65536")
    assert not is_short("65537")
    for text in (None, "", "-1", "1.0", "٣", "9" * 13, "1e3"):
        assert not is_short(text)


# Deadlines


def test_the_time_left_is_sent_with_each_attempt(make: Make):
    with serving(BUSY) as server:
        client = make(retrying(), deadline_header="X-Request-Timeout-Ms", margin=1.0)
        client.send("GET", server.url)
        assert "x-request-timeout-ms" not in server.requests[0].headers
        within(50.0, client, server.url)
        sent = [int(request.headers["x-request-timeout-ms"]) for request in server.requests[2:]]
        assert len(sent) == 1
        assert 0 < sent[0] <= 49_000


def within(seconds: float, client: Client, url: str) -> None:
    """A request under a deadline, which a loop's runner does not pass on."""
    if not isinstance(client, Looping):
        with deadline(seconds):
            client.send("GET", url)
        return
    looping = client

    async def inside() -> None:
        with deadline(seconds):
            await looping.asend("GET", url, None, None)

    looping.runner.run(inside())


def test_a_request_that_comes_too_late_is_not_sent(make: Make):
    with serving() as server:
        client = make(Policy("client", Timeout(9)))
        with pytest.raises(DeadlineExceeded):
            within(0, client, server.url)
        assert server.requests == []


def test_an_unknown_deadline_header_is_refused_at_once():
    with pytest.raises(ConfigurationError, match="no deadline header"):
        Httpx(retrying(), deadline_header="x-deadline")


# Keys, mistakes, ends


def test_a_state_for_each_host(make: Make):
    policy = Policy("client", Retry(2, base=0), CircuitBreaker.consecutive(2), Bulkhead(5))
    with serving(*[BUSY] * 2) as bad, serving(BUSY) as good:
        client = make(policy.keyed())
        assert client.send("GET", bad.url).status == 503
        with pytest.raises(CircuitOpen):
            client.send("GET", bad.url)
        assert client.send("GET", good.url).status == 200
        assert len(good.requests) == 2


def test_a_key_has_no_password(make: Make):
    keyed = Policy("client", Retry()).keyed()
    with serving() as server:
        make(keyed).send("GET", f"http://user:secret@{server.host}/")
    assert keyed.keys() == [server.host]


def test_a_key_function_gets_the_request(make: Make):
    seen: list[Any] = []

    def method_of(request: Any) -> str:
        seen.append(request)
        return str(request.method)

    keyed = Policy("client", CircuitBreaker()).keyed(method_of)
    with serving() as server:
        make(keyed).send("GET", server.url)
    assert keyed.keys() == ["GET"]
    assert len(seen) == 1


def test_a_closed_client_is_refused(make: Make):
    with serving() as server:
        client = make(retrying())
        assert client.send("GET", server.url).status == 200
        if isinstance(client, Httpx):
            client.transport.close()
        elif isinstance(client, AsyncHttpx):
            client.runner.run(client.transport.aclose())
        elif isinstance(client, Looping):
            client.runner.run(client.aclose())
        else:
            client.close()
        with pytest.raises((ConfigurationError, RuntimeError), match=r"[cC]losed"):
            client.send("GET", server.url)
        assert len(server.requests) == 1


@pytest.mark.parametrize("what", [None, 5, Retry(), "policy"])
def test_what_is_no_policy_is_refused(make: Make, what: Any):
    with pytest.raises(ConfigurationError, match="takes a policy"):
        make(what)


def test_several_retries_are_refused(make: Make):
    with pytest.raises(ConfigurationError, match="one Retry; it has 2"):
        make(Policy("client", Retry(), Retry()))


def test_a_hedge_is_refused(make: Make):
    with pytest.raises(ConfigurationError, match="side by side"):
        make(Policy("client", Hedge(0.1, idempotent=True)))


@pytest.mark.parametrize("strategy", [Cache(60), Idempotency()], ids=["cache", "idempotency"])
def test_a_strategy_that_keeps_results_is_refused(make: Make, strategy: Any):
    """It knows nothing of the request: with one idempotency key, all would get the answer to the first of them."""
    with pytest.raises(ConfigurationError, match=f"read once .* let the {type(strategy).__name__} guard the function"):
        make(Policy("client", strategy))


def test_a_policy_without_a_retry(make: Make):
    with serving(BUSY) as server:
        assert make(Policy("client", Timeout(20))).send("GET", server.url).status == 503


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_waiting_for_a_connection_is_never_having_reached(library: Any):
    """The pool of this process was empty: the dependency is not judged, and even a POST may be sent again."""
    from backstay.integrations import httpx as one
    from backstay.integrations import httpx2 as other

    side: Any = one if library is httpx else other
    policy = Policy("client", Retry(3, base=0), CircuitBreaker.consecutive(1))
    limits = library.Limits(max_connections=1)
    with serving(Answer(200, b"x" * 500_000)) as server:
        transport = side.PolicyTransport(policy, library.HTTPTransport(limits=limits))
        pauses: list[Any] = []
        policy.on("retry", pauses.append)
        with library.Client(transport=transport, timeout=library.Timeout(60, pool=0.01)) as client:
            with client.stream("GET", server.url), pytest.raises(library.PoolTimeout) as caught:
                client.post(server.url, content=b"order")
            failure = classify(caught.value)
            assert (failure.kind, failure.executed) == ("capacity", "no")
            assert len(pauses) == 2, "tried again, though it is a POST"
            assert policy[CircuitBreaker].state == "closed"
            assert client.post(server.url, content=b"order").status_code == 200
        assert server.methods == ["GET", "POST"]
