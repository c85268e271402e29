"""A service that is ready for a supervisor: probe endpoints, draining, recoveries, a watched environment.

`python examples/deploy/service.py` listens on loopback; `HOST` and `PROBE_PORT` change that, as the manifests beside
this file do. SIGTERM drains it.
"""

from __future__ import annotations

import json
import logging
import os
import threading

from backstay import Bulkhead, CircuitBreaker, Policy, Timeout
from backstay.environments import Recoveries, RuntimeEnvironmentManager
from backstay.environments.draining import Drain
from backstay.environments.endpoints import ProbeEndpoints

work = Policy("work", CircuitBreaker(), Bulkhead(8), Timeout(1.0))
cache: dict[str, str] = {}


def clear() -> int:
    """Drop what can be had again, and say how much that was."""
    count = len(cache)
    cache.clear()
    return count


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    over = threading.Event()
    recoveries = Recoveries()
    recoveries.register_cache("answers", clear)
    with RuntimeEnvironmentManager(recoveries=recoveries) as manager:
        manager.on("health_changed", lambda event: logging.info("health: %s", event.detail.overall_health))
        manager.on("broken", lambda event: logging.warning("time was not whole: %r", event.detail))
        manager.watch()
        host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PROBE_PORT", "0"))
        with ProbeEndpoints(manager, host, port) as endpoints:
            grace = float(os.environ.get("GRACE_SECONDS", "30"))
            drain = Drain(grace, endpoints=endpoints, settle=min(5.0, grace / 6), then=over.set)
            drain.register("cache", clear)
            endpoints.started()
            print(json.dumps({"environment": manager.environment, "probes": endpoints.port}), flush=True)
            while not over.wait(1.0):
                work.call(lambda: cache.setdefault("answer", "42"))
            logging.info("drained: %s", "; ".join(drain.report))


if __name__ == "__main__":
    main()
