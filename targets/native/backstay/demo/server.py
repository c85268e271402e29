"""The upstream as a real HTTP server on loopback. What it does when, `upstream` decides.

While the upstream is down its listening socket is closed and connections are refused. A socket that is bound but does
not listen keeps the port meanwhile: a free one could be given to another program, or to one of our own clients, which
would then be connected to itself.
"""

from __future__ import annotations

import asyncio
import os
import socket

from backstay.demo.client import HOST, answer_to
from backstay.demo.upstream import Upstream
from backstay_core.clock import SECOND

STATUS = {True: b"200 OK", False: b"503 Service Unavailable"}


def bound_socket(port: int) -> socket.socket:
    """A socket bound to `port` (0: any free one) that does not listen."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let others share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((HOST, port))
    except BaseException:
        sock.close()
        raise
    return sock


class Server:
    """Serves one `Upstream`; time is that of the running loop, counted from `begin`."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.began = 0.0
        self.socket = bound_socket(0)
        self.port: int = self.socket.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._clock = asyncio.get_running_loop().time

    def now(self) -> int:
        """ns since the demo began."""
        return int((self._clock() - self.began) * SECOND)

    async def run(self, began: float) -> None:
        """Go through the phases, until cancelled."""
        self.began = began
        scenario = self.upstream.scenario
        for phase, start in zip(scenario.phases, scenario.starts, strict=False):
            await asyncio.sleep(began + start / SECOND - self._clock())
            if phase.listens and self._server is None:
                self._server = await asyncio.start_server(self._serve, sock=self.socket, backlog=1024)
            elif not phase.listens and self._server is not None:
                self._server.close()
                self._server = None
                self.socket = bound_socket(self.port)

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            self._server.close()
        self.socket.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._answer(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request. Its turn has been counted even if the caller goes before the answer."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            number = int(head.split(None, 2)[1].removeprefix(b"/"))
            reply = self.upstream.take(self.now(), number)
            if reply is None:
                return
            try:
                async with asyncio.timeout_at(self.began + reply.at / SECOND):
                    await reader.read()
            except TimeoutError:
                body = answer_to(number) if reply.ok else b"try later"
                writer.write(
                    b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                    % (STATUS[reply.ok], len(body), body)
                )
                await writer.drain()
        except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError):
            pass  # the caller has gone, or it was not one of ours
        finally:
            writer.close()
