"""HTTP clients under a policy, each as a function that sends requests: the same tests hold for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import aiohttp
import httpx
import httpx2
import requests

from backstay.integrations import aiohttp as aiohttp_side
from backstay.integrations import httpx as httpx_side
from backstay.integrations import httpx2 as httpx2_side
from backstay.integrations import requests as requests_side


class Got(NamedTuple):
    status: int
    body: bytes


class Client:
    """One client, used in one test: `send` any number of requests, then `close`."""

    name = ""

    def __init__(self, policy: Any, **options: Any) -> None:
        raise NotImplementedError

    def send(self, method: str, url: str, *, body: Any = None, headers: Any = None) -> Got:
        """`body` may be bytes, or a list of bytes, which is sent in pieces."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def pieces(body: Any) -> Any:
    """A generator for a list."""
    return iter(body) if isinstance(body, list) else body


class Requests(Client):
    name = "requests"

    def __init__(self, policy: Any, **options: Any) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.adapter = requests_side.PolicyAdapter(policy, **options)
        self.session.mount("http://", self.adapter)

    def send(self, method: str, url: str, *, body: Any = None, headers: Any = None) -> Got:
        response = self.session.request(method, url, data=pieces(body), headers=headers, timeout=60)
        return Got(response.status_code, response.content)

    def close(self) -> None:
        self.session.close()


class Httpx(Client):
    name = "httpx"
    LIBRARY: Any = httpx
    SIDE: Any = httpx_side

    def __init__(self, policy: Any, **options: Any) -> None:
        self.transport = self.SIDE.PolicyTransport(policy, **options)
        self.client = self.LIBRARY.Client(transport=self.transport, timeout=60)

    def send(self, method: str, url: str, *, body: Any = None, headers: Any = None) -> Got:
        response = self.client.request(method, url, content=pieces(body), headers=headers)
        return Got(response.status_code, response.content)

    def close(self) -> None:
        self.client.close()


class Httpx2(Httpx):
    name = "httpx2"
    LIBRARY = httpx2
    SIDE = httpx2_side


async def apieces(body: list[bytes]) -> AsyncIterator[bytes]:
    for piece in body:
        yield piece


class Looping(Client):
    """An async client on a loop of its own."""

    def __init__(self, policy: Any, **options: Any) -> None:
        self.runner = asyncio.Runner()
        try:
            self.runner.run(self.begin(policy, options))
        except BaseException:
            self.runner.close()
            raise

    async def begin(self, policy: Any, options: Any) -> None:
        raise NotImplementedError

    async def asend(self, method: str, url: str, body: Any, headers: Any) -> Got:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError

    def send(self, method: str, url: str, *, body: Any = None, headers: Any = None) -> Got:
        return self.runner.run(self.asend(method, url, apieces(body) if isinstance(body, list) else body, headers))

    def close(self) -> None:
        self.runner.run(self.aclose())
        self.runner.close()


class AsyncHttpx(Looping):
    name = "httpx async"
    LIBRARY: Any = httpx
    SIDE: Any = httpx_side

    async def begin(self, policy: Any, options: Any) -> None:
        self.transport = self.SIDE.AsyncPolicyTransport(policy, **options)
        self.client = self.LIBRARY.AsyncClient(transport=self.transport, timeout=60)

    async def asend(self, method: str, url: str, body: Any, headers: Any) -> Got:
        response = await self.client.request(method, url, content=body, headers=headers)
        return Got(response.status_code, response.content)

    async def aclose(self) -> None:
        await self.client.aclose()


class AsyncHttpx2(AsyncHttpx):
    name = "httpx2 async"
    LIBRARY = httpx2
    SIDE = httpx2_side


class Aiohttp(Looping):
    name = "aiohttp"

    async def begin(self, policy: Any, options: Any) -> None:
        self.middleware = aiohttp_side.PolicyMiddleware(policy, **options)
        self.session = aiohttp.ClientSession(middlewares=(self.middleware,))

    async def asend(self, method: str, url: str, body: Any, headers: Any) -> Got:
        async with self.session.request(method, url, data=body, headers=headers) as response:
            return Got(response.status, await response.read())

    async def aclose(self) -> None:
        await self.session.close()


CLIENTS: tuple[type[Client], ...] = (Requests, Httpx, Httpx2, AsyncHttpx, AsyncHttpx2, Aiohttp)
Make = Callable[..., Client]
__all__ = ["CLIENTS", "Client", "Got", "Iterator", "Make"]
