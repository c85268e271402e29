"""A real HTTP server on loopback that answers by a script, and remembers what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """`cut`: the connection ends after the body, which is shorter than announced. `endless`: it comes again and again,
    in pieces, until the other side has had enough. `hold`: waited for before it. `drip`: so
    many seconds pass after each byte of the body."""

    status: int = 200
    body: bytes = b"fine"
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    endless: bool = False
    hold: threading.Event | None = None
    drip: float = 0.0


RESET = Answer(0, b"")  # the connection ends without an answer
GARBAGE = Answer(0, b"\0\xff no HTTP\r\n\r\n")


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes
    connection: int  # a number for each


class Server:
    """`script` is used up, one answer a request; then everything is fine."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.requests: list[Request] = []
        self.connections = 0
        self.dripped = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                with outer.lock:
                    outer.connections += 1
                    self.number = outer.connections

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = b"".join(self.chunks()) if "chunked" in headers.get("transfer-encoding", "") else b""
                body = body or self.rfile.read(int(headers.get("content-length", 0)))
                with outer.lock:
                    outer.requests.append(Request(self.command, self.path, headers, body, self.number))
                    answer = outer.script.pop(0) if outer.script else Answer()
                if answer.hold is not None:
                    answer.hold.wait(60)
                if not answer.status:
                    self.wfile.write(answer.body)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + 1000 * answer.cut))
                if answer.endless:
                    self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                with suppress(ConnectionError):
                    while answer.endless:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(answer.body), answer.body))
                if answer.endless:
                    self.close_connection = True
                    return
                if answer.drip:
                    with suppress(ConnectionError):
                        for byte in answer.body:
                            self.wfile.write(bytes([byte]))
                            outer.dripped += 1
                            time.sleep(answer.drip)
                    self.close_connection = True
                    return
                self.wfile.write(answer.body)
                self.close_connection = self.close_connection or answer.cut

            def chunks(self) -> Iterator[bytes]:
                while size := int(self.rfile.readline(), 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()

            do_GET = do_POST = do_PUT = do_DELETE = answer

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.host = f"127.0.0.1:{self.http.server_port}"
        self.url = f"http://{self.host}"

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]


@contextmanager
def serving(*script: Answer) -> Iterator[Server]:
    server = Server(*script)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
