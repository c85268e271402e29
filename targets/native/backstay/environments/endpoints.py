"""Probe endpoints for a kubelet, or for whoever asks over HTTP whether this program is well.

========== =================================================================================== ========================
path       200 while                                                                           else 503
========== =================================================================================== ========================
/startupz  `started` was called                                                                starting
/livez     no liveness check fails: a kubelet restarts what does not answer 200 here           the names of the checks
/readyz    started, not draining, no readiness check fails, health better than `unready_at`    why not
========== =================================================================================== ========================

How full memory or disk is says nothing of liveness: a restart in a loop makes that worse.

Who asks is not known, so the answer says which check failed and how, and not what an exception says: that is logged.
Clients take turns: where more than `MOST_CLIENTS` are connected, the one that has been longest is dropped, so that slow
ones keep no kubelet out.
"""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from backstay.environments.bounded import AdapterError, bounded
from backstay_core.environments.kinds import BADNESS, HealthLevel
from backstay_core.failure import ConfigurationError, UnifiedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.environments.manager import RuntimeEnvironmentManager


PATIENCE = 2.0  # s that a check may take; a kubelet gives up on the whole after 1 s by default, and asks again
SLOWEST_CLIENT = 5.0  # s between two of its bytes
MOST_CLIENTS = 64


class Check:
    """A function of the program's own. It runs once at a time: while it hangs, no other thread is given to it."""

    def __init__(self, name: str, function: Callable[[], object]) -> None:
        self.name = name
        self._function = function
        self._turn = threading.Lock()
        self._said = ""

    def fails(self, patience: float) -> str:
        """Why it fails, or nothing. Takes at most twice `patience` seconds."""
        if not self._turn.acquire(timeout=patience):
            return f"{self.name} was not over after {patience} s"

        def run() -> object:
            try:
                return self._function()
            finally:
                self._turn.release()

        try:
            result = bounded(self.name, run, patience)
        except UnifiedError as error:
            self._log(str(error))
            if isinstance(error, AdapterError) and error.__cause__ is None:
                return str(error)  # not over in time
            return f"{self.name} raised {type(error.__cause__ or error).__name__}"
        self._said = ""
        return f"{self.name} says no" if result is False else ""

    def _log(self, said: str) -> None:
        """Once, and not at each probe."""
        if said != self._said:
            import logging

            self._said = said
            logging.getLogger("backstay.environments").warning("a probe's check fails: %s", said)


class ProbeEndpoints:
    """An HTTP server for probes. It listens on the loopback unless told otherwise: in a pod, give it ``host=""`` or the
    pod's address, for the kubelet comes from outside. Port 0 takes a free one, see `port`.

    Raises `ConfigurationError` if it cannot listen there.
    """

    def __init__(
        self,
        manager: RuntimeEnvironmentManager,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        unready_at: HealthLevel = HealthLevel.CRITICAL,
        patience: float = PATIENCE,
    ) -> None:
        self.manager = manager
        self.unready_at = unready_at
        self.patience = patience
        self.draining = False
        self._started = False
        self._checks: dict[str, list[Check]] = {"/livez": [], "/readyz": []}
        try:
            self._server = Server(host, port, _handler(self))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(f"probes cannot listen on {host or '*'}:{port}: {error}") from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="backstay-probes", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def started(self) -> None:
        """The program has done what it must before it can serve."""
        self._started = True

    def add_liveness(self, name: str, check: Callable[[], object]) -> None:
        """`check` fails if it raises, returns False, or is not over in time."""
        self._checks["/livez"].append(Check(name, check))

    def add_readiness(self, name: str, check: Callable[[], object]) -> None:
        """As `add_liveness`."""
        self._checks["/readyz"].append(Check(name, check))

    def close(self) -> None:
        """Answer no more. Again is no harm."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(SLOWEST_CLIENT)
        self._server.server_close()

    def __enter__(self) -> ProbeEndpoints:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body for a path."""
        if path == "/startupz":
            return (200, {"status": "started"}) if self._started else (503, {"status": "starting"})
        if path not in self._checks:
            return 404, {"status": "unknown", "paths": ["/startupz", "/livez", "/readyz"]}
        why = [said for check in self._checks[path] if (said := check.fails(self.patience))]
        if path == "/readyz":
            why += self._unready()
        return (503, {"status": "failing", "why": why}) if why else (200, {"status": "ok"})

    def _unready(self) -> list[str]:
        if self.draining:
            return ["draining"]
        if not self._started:
            return ["starting"]
        try:
            health = self.manager.check_health()
        except UnifiedError:  # listeners of the manager were told
            return ["health is not known"]
        least = BADNESS[self.unready_at]
        return [detail.message for detail in health.details if BADNESS[detail.level] >= least]


class Server(ThreadingHTTPServer):
    """On IPv4 or IPv6, as `host` is; on both, if it is empty."""

    daemon_threads = True
    request_queue_size = MOST_CLIENTS  # many at once wait for their turn, not for a second try of the kernel's

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self._clients: dict[socket.socket, None] = {}  # those who have been connected longest first
        self._both = not host and socket.has_dualstack_ipv6()
        if self._both or ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        """As any TCP server, for HTTPServer asks the resolver for its own name, which may take long."""
        if self._both:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            oldest = next(iter(list(self._clients)), None)
            if oldest is not None:
                self._clients.pop(oldest, None)
                try:
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread reads the end, and closes it
                except OSError:
                    pass  # it was closed meanwhile
        self._clients[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._clients.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _handler(endpoints: ProbeEndpoints) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOWEST_CLIENT

        def version_string(self) -> str:
            return "backstay"

        def do_GET(self) -> None:
            status, body = endpoints.answer(self.path.partition("?")[0])
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass  # a probe every few seconds is no news

    return Handler
