"""Probe endpoints for a kubelet, or for whoever asks over HTTP whether this program is well.

========== =================================================================================== ========================
path       200 while                                                                           else 503
========== =================================================================================== ========================
/startupz  `started` was called                                                                starting
/livez     no liveness check fails: a kubelet restarts what does not answer 200 here           the names of the checks
/readyz    started, not draining, no readiness check fails, health better than `unready_at`    why not
========== =================================================================================== ========================

How full memory or disk is says nothing of liveness: a restart in a loop makes that worse.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from backstay.environments.bounded import bounded
from backstay_core.environments.kinds import BADNESS, HealthLevel
from backstay_core.failure import ConfigurationError, UnifiedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.environments.manager import RuntimeEnvironmentManager

    Check = Callable[[], object]

PATIENCE = 2.0  # s that a check may take; a kubelet gives up on the whole after 1 s by default, and asks again
SLOWEST_CLIENT = 5.0  # s


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
        self._checks: dict[str, list[tuple[str, Check]]] = {"/livez": [], "/readyz": []}
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(self))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(f"probes cannot listen on {host or '*'}:{port}: {error}") from None
        self._server.daemon_threads = True
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

    def add_liveness(self, name: str, check: Check) -> None:
        """`check` fails if it raises, returns False, or is not over in time."""
        self._checks["/livez"].append((name, check))

    def add_readiness(self, name: str, check: Check) -> None:
        """As `add_liveness`."""
        self._checks["/readyz"].append((name, check))

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
        why = [said for name, check in self._checks[path] if (said := self._fails(name, check))]
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
        except UnifiedError as error:
            return [str(error)]
        least = BADNESS[self.unready_at]
        return [detail.message for detail in health.details if BADNESS[detail.level] >= least]

    def _fails(self, name: str, check: Check) -> str:
        try:
            result = bounded(name, check, self.patience)
        except UnifiedError as error:
            return str(error)
        return f"{name} says no" if result is False else ""


def _handler(endpoints: ProbeEndpoints) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOWEST_CLIENT

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
