"""ASGI and FastAPI applications under a policy, behind a real server (uvicorn) on loopback: rules AS1 to AS6 in
`backstay.integrations.asgi`."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI, HTTPException

from backstay import (
    Bulkhead,
    CircuitBreaker,
    ConfigurationError,
    Fallback,
    Policy,
    RateLimit,
    Retry,
    Timeout,
    deadline,
    remaining,
)
from backstay.integrations.asgi import PolicyMiddleware, refusal_of
from backstay.integrations.fastapi import guarded
from backstay.integrations.httpx import PolicyTransport

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:uvicorn", "ignore::DeprecationWarning:websockets")


class Site:
    """What the handlers do; `release` lets the slow ones go on."""

    def __init__(self) -> None:
        self.handled = 0
        self.left: list[float | None] = []
        self.entered = threading.Semaphore(0)
        self.release = asyncio.Event()
        self.cancelled = False

    async def handle(self, path: str) -> int:
        self.handled += 1
        self.left.append(remaining())
        self.entered.release()
        if path == "/slow":
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        if path == "/broken":
            raise RuntimeError("a bug")
        return 500 if path == "/failing" else 200


def asgi(site: Site, policy: Any, options: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        status = await site.handle(scope["path"])
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"fi", "more_body": True})
        if scope["path"] == "/stuck":
            await site.release.wait()
        await send({"type": "http.response.body", "body": b"ne"})

    return PolicyMiddleware(app, policy, **options)


def fastapi(site: Site, policy: Any, options: Any) -> Any:
    app = FastAPI()

    @app.get("/{name}", dependencies=[Depends(guarded(policy, **options))])
    async def handler(name: str) -> str:
        status = await site.handle("/" + name)
        if status != 200:
            raise HTTPException(status)
        return "fine"

    return app


@contextmanager
def running(app: Any, loop_site: Site) -> Iterator[str]:
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        loop_site.release = asyncio.Event()
        task = asyncio.ensure_future(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        ready.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    ready.wait(60)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loops[0].call_soon_threadsafe(loop_site.release.set)
        server.should_exit = True
        thread.join()


Serve = Callable[..., Any]


@pytest.fixture(params=[asgi, fastapi], ids=lambda make: make.__name__)
def serve(request: pytest.FixtureRequest) -> Serve:
    def serving(site: Site, policy: Any, **options: Any) -> Any:
        return running(request.param(site, policy, options), site)

    return serving


@pytest.fixture
def web() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60, trust_env=False) as client:
        yield client


def test_a_request_is_handled(serve: Serve, web: httpx.Client):
    site = Site()
    with serve(site, Policy("server", Timeout(50), Bulkhead(5))) as url:
        assert web.get(url + "/").status_code in (200, 404)  # FastAPI has no route for it
        assert web.get(url + "/fine").status_code == 200
    left = site.left[-1]
    assert left is not None
    assert 0 < left <= 50


def test_a_full_server_sheds(serve: Serve, web: httpx.Client):
    site = Site()
    with serve(site, Policy("server", Bulkhead(1)), retry_after=2.5) as url:
        outcomes: list[int] = []
        thread = threading.Thread(target=lambda: outcomes.append(web.get(url + "/slow").status_code))
        thread.start()
        assert site.entered.acquire(timeout=60)
        refused = web.get(url + "/fine")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "3")
        assert site.handled == 1
        site.release._loop.call_soon_threadsafe(site.release.set)  # type: ignore[attr-defined]
        thread.join()
        assert outcomes == [200]
        assert web.get(url + "/fine").status_code == 200


def test_the_unimportant_are_turned_away_first(serve: Serve, web: httpx.Client):
    def priority_of(what: Any) -> str:
        headers = (
            dict(what["headers"]) if isinstance(what, dict) else {b"x-priority": what.headers["x-priority"].encode()}
        )
        return str(headers[b"x-priority"].decode())

    policy = Policy("server", RateLimit(10, per=1_000_000.0, shed=0.5))
    with serve(Site(), policy, priority=priority_of, tenant=lambda what: "acme") as url:

        def status(priority: str) -> int:
            return web.get(url + "/fine", headers={"X-Priority": priority}).status_code

        assert [status("normal") for _ in range(9)] == [200] * 8 + [503]
        assert (status("background"), status("critical")) == (503, 200)


def test_retry_after_is_what_the_refusal_says(serve: Serve, web: httpx.Client):
    site = Site()
    with serve(site, Policy("server", CircuitBreaker.consecutive(2, open_for=4000, open_jitter=0))) as url:
        assert [web.get(url + "/failing").status_code for _ in range(3)] == [500, 500, 503]
        refused = web.get(url + "/fine")
        assert refused.status_code == 503
        assert 3000 < int(refused.headers["retry-after"]) <= 4000
    assert site.handled == 2


def test_the_deadline_of_the_client_holds(serve: Serve, web: httpx.Client):
    site = Site()
    with serve(site, Policy("server", Bulkhead(5)), margin=1.0) as url:
        web.get(url + "/fine", headers={"X-Request-Timeout-Ms": "900000"})
        web.get(url + "/fine", headers={"grpc-timeout": "700S"})
        web.get(url + "/fine", headers={"X-Request-Timeout-Ms": "9e3"})
    first, second, third = site.left
    assert first is not None
    assert second is not None
    assert 800 < first <= 899
    assert 600 < second <= 699
    assert third is None


def test_what_comes_too_late_is_not_handled(serve: Serve, web: httpx.Client):
    site = Site()
    with serve(site, Policy("server", Bulkhead(5)), least=0.5) as url:
        for value in ("0", "500"):
            assert web.get(url + "/fine", headers={"X-Request-Timeout-Ms": value}).status_code == 504
        assert web.get(url + "/fine", headers={"X-Request-Timeout-Ms": "600000"}).status_code == 200
    assert site.handled == 1


def test_from_client_to_server(serve: Serve):
    """One process tells the other, over a real connection."""
    site = Site()
    with serve(site, Policy("server", Bulkhead(5))) as url:
        transport = PolicyTransport(Policy("client", Timeout(200)), deadline_header="x-request-timeout-ms", margin=20.0)
        with httpx.Client(transport=transport, timeout=60) as client, deadline(100):
            assert client.get(url + "/fine").status_code == 200
    [left] = site.left
    assert left is not None
    assert 0 < left <= 80


def test_a_timeout_before_the_answer(serve: Serve, web: httpx.Client):
    site = Site()
    with serve(site, Policy("server", Timeout(0.05))) as url:
        assert web.get(url + "/slow").status_code == 504
    assert site.cancelled == bool(site.handled), "whoever was let in is cancelled"


def test_a_timeout_after_the_answer_has_begun(web: httpx.Client):
    site = Site()
    with (
        running(asgi(site, Policy("server", Timeout(0.2)), {}), site) as url,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        web.get(url + "/stuck")


def test_a_bug_of_the_application(serve: Serve, web: httpx.Client):
    site = Site()
    policy = Policy("server", CircuitBreaker.consecutive(1))
    with serve(site, policy) as url:
        assert web.get(url + "/broken").status_code == 500
        assert policy[CircuitBreaker].state == "open"


def test_a_state_for_each_path(serve: Serve, web: httpx.Client):
    site = Site()

    def path_of(what: Any) -> str:
        return str(what["path"] if isinstance(what, dict) else what.url.path)

    with serve(site, Policy("server", CircuitBreaker.consecutive(1)).keyed(path_of)) as url:
        assert [web.get(url + "/failing").status_code for _ in range(2)] == [500, 503]
        assert web.get(url + "/fine").status_code == 200


@pytest.mark.parametrize("strategy", [Retry(), Fallback(0)])
def test_a_request_is_handled_once(strategy: Any):
    for make in (asgi, fastapi):
        with pytest.raises(ConfigurationError, match="handled once"):
            make(Site(), Policy("server", strategy), {})


def test_what_is_no_policy_is_refused():
    for make in (asgi, fastapi):
        with pytest.raises(ConfigurationError, match="takes a policy"):
            make(Site(), None, {})
        with pytest.raises(ConfigurationError, match="no deadline header"):
            make(Site(), Policy("server"), {"accepted": ("x",)})


@pytest.mark.parametrize(
    "options",
    [
        *({name: value} for name in ("least", "margin", "retry_after") for value in (-1, math.inf, math.nan, "1")),
        {"priority": 5},
        {"tenant": 5},
    ],
    ids=repr,
)
def test_options_that_could_not_be_used_are_refused_at_once(options: dict[str, Any]):
    for make in (asgi, fastapi):
        with pytest.raises(ConfigurationError, match=f"{next(iter(options))}=…"):
            make(Site(), Policy("server"), options)


def test_other_scopes_pass():
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    middleware: Any = PolicyMiddleware(app, Policy("server", Bulkhead(1)))
    for kind in ("lifespan", "websocket"):
        asyncio.run(middleware({"type": kind}, None, None))
    assert seen == ["lifespan", "websocket"]


def test_retry_after_is_whole_seconds_rounded_up():
    from backstay import BulkheadFull, CircuitOpen

    assert refusal_of(CircuitOpen("p", "CIRCUIT_OPEN", 1_200_000_000))[1] == {"retry-after": "2"}
    assert refusal_of(CircuitOpen("p", "CIRCUIT_OPEN", 1))[1] == {"retry-after": "1"}
    assert refusal_of(BulkheadFull("p", "BULKHEAD_FULL", None), 7.0)[1] == {"retry-after": "7"}
