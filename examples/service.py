"""A FastAPI service with a guarded upstream: it answers in time, says when to come back, and ties its log together.

The upstream is down. The first request finds that out, the second is answered from the open circuit, without a call.
Every refusal becomes a 503 with Retry-After in one place; every request has a correlation id, in log and answer.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from backstay import Bulkhead, CircuitBreaker, Policy, Rejected, Retry, Timeout
from backstay.logging import CorrelationFilter, correlated, log_events

UPSTREAM = "http://127.0.0.1:1"  # nobody listens there

stock = Policy(
    "stock",
    Timeout(2.0),
    Retry(2, idempotent=True, base=0.01),
    CircuitBreaker.consecutive(2, open_jitter=0),
    Bulkhead(20, queue=20, wait=0.2),
    Timeout(0.5),
)
app = FastAPI()


@app.middleware("http")
async def name_the_request(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    with correlated(request.headers.get("x-request-id")) as request_id:
        response = await answer(request)
        response.headers["x-request-id"] = request_id.id
        return response


@app.exception_handler(Rejected)
async def come_back_later(request: Request, refused: Rejected) -> JSONResponse:
    headers = {} if refused.retry_after is None else {"Retry-After": f"{refused.retry_after:.0f}"}
    return JSONResponse({"refused": refused.reason}, 503, headers)


@app.exception_handler(httpx.TransportError)
async def upstream_failed(request: Request, error: httpx.TransportError) -> JSONResponse:
    return JSONResponse({"failed": type(error).__name__}, 502)


@stock
async def count(shelf: str) -> str:
    async with httpx.AsyncClient(base_url=UPSTREAM, timeout=0.5) as client:
        response = await client.get(f"/stock/{shelf}")
        response.raise_for_status()
        return response.text


@app.get("/stock/{shelf}")
async def stock_of(shelf: str) -> dict[str, str]:
    return {"shelf": shelf, "stock": await count(shelf)}


async def main() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(CorrelationFilter())  # for lines of others, which know of no correlation id
    logging.basicConfig(handlers=[handler], format="%(levelname)s %(correlation_id)s %(message)s")
    stock.on("*", log_events(logging.getLogger("shop")))
    config = uvicorn.Config(app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[config.bind_socket()]))
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for number in (1, 2):
            answer = await client.get("/stock/A1", headers={"x-request-id": f"req-{number}"})
            said = answer.headers.get("retry-after", "-")
            print(answer.headers["x-request-id"], answer.status_code, answer.json(), "retry after", said)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    asyncio.run(main())
