"""The middleware for wasi:http under ``wasmtime serve``, before an upstream whose answers are scripted."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.wasm.javascript import ROOT, missing

WASMTIME = ROOT / "build" / "serve" / "wasmtime_cli" / "wasmtime"
ONE_INSTANCE = ("--max-instance-reuse-count", "1000000", "--idle-instance-timeout", "3600s")


def wasmtime() -> Path:
    """The program, installed as requirements/serve.txt says."""
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # this may run under make
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    command = ["make", "--no-print-directory", "http-tools"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        missing("wasmtime", f"`make http-tools` failed:\n{run.stdout}{run.stderr}")
    return WASMTIME


@dataclass
class Reply:
    """What the upstream does with a request. `sent`: how many bytes of the body, if not all, until it breaks off once
    `cut` is set; `hangs`: no answer."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    chunked: bool = False
    sent: int | None = None
    cut: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False


@dataclass
class Asked:
    """A request as the upstream saw it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    gone: threading.Event = field(default_factory=threading.Event)  # its client has closed the connection


class Upstream:
    """A server in a thread. It answers by `script`, and by 200 when that is over; a `barrier` holds answers back."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.asked: list[Asked] = []
        self.barrier: asyncio.Barrier | None = None
        self.arrived = threading.Semaphore(0)
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),))
        self._thread.start()
        self._ready.wait()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()

    def shut(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        body = b""
        if ("transfer-encoding", "chunked") in headers:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(dict(headers).get("content-length", "0")))
        method, target, _ = first.split(" ")
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        reply = self.script.pop(0) if self.script else Reply()
        self.arrived.release()
        if self.barrier is not None:
            await self.barrier.wait()
        if reply.hangs:
            await reader.read()
            asked.gone.set()
            return
        length = ("transfer-encoding", "chunked") if reply.chunked else ("content-length", str(len(reply.body)))
        head = [f"HTTP/1.1 {reply.status} So", *(f"{name}: {value}" for name, value in (*reply.headers, length))]
        body = b"" if method == "HEAD" else reply.body[: reply.sent]
        if reply.chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) + (b"0\r\n\r\n" if reply.sent is None else b"")
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        await writer.drain()
        if reply.sent is not None:
            await asyncio.to_thread(reply.cut.wait, 600)


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


class Served:
    """A server that runs. `log` is what it has said."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.log: list[str] = []

    def ask(
        self,
        method: str = "GET",
        target: str = "/",
        body: Any = None,
        headers: Any = (),
        *,
        begun: Callable[[], object] = int,
    ) -> Answer:
        """The answer to a request; `begun` is called when its head has come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            given = list(headers)
            if isinstance(body, bytes):
                given.append(("content-length", str(len(body))))
            elif body is not None:
                given.append(("transfer-encoding", "chunked"))
            for name, value in given:
                connection.putheader(name, value)
            connection.endheaders(body, encode_chunked=body is not None and not isinstance(body, bytes))
            response = connection.getresponse()
            begun()
            return Answer(response.status, [(k.lower(), v) for k, v in response.getheaders()], response.read())
        finally:
            connection.close()

    def statuses(self, count: int, *, at_once: bool = False) -> list[int]:
        """The statuses of `count` requests, one after the other or all at the same time."""
        with ThreadPoolExecutor(count if at_once else 1) as pool:
            return list(pool.map(lambda _: self.ask().status, range(count)))


@contextmanager
def running(command: list[Any]) -> Iterator[Served]:
    """Run a server; it is ended by its process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    served = Served(0)
    reader = threading.Thread(target=served.log.extend, args=(process.stderr,))
    try:
        first = process.stderr.readline()  # it is said once connections are taken
        assert first.startswith("Serving HTTP on http://127.0.0.1:"), first + process.stderr.read()
        served.port = int(first.strip().strip("/").rpartition(":")[2])
        reader.start()
        yield served
    finally:
        process.terminate()
        process.wait()
        if reader.ident:
            reader.join()
        process.stderr.close()


def serving(component: Path, upstream: str, strategies: Any, *options: str) -> AbstractContextManager[Served]:
    """Serve `component`, which is compiled, on a free port."""
    document = json.dumps({"policies": {"upstream": {"strategies": strategies}}})
    command: list[Any] = [WASMTIME, "serve", "--allow-precompiled", "-S", "cli", "--addr", "127.0.0.1:0"]
    command += ["--env", f"BACKSTAY_UPSTREAM={upstream}", "--env", f"BACKSTAY_POLICY={document}", *options, component]
    return running(command)
