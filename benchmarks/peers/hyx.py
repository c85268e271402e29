"""hyx."""

from __future__ import annotations

from typing import Any

from hyx.bulkhead import bulkhead
from hyx.circuitbreaker import consecutive_breaker
from hyx.fallback import fallback
from hyx.retry import retry as retried
from hyx.timeout import timeout

from benchmarks.baselines import Unavailable

TITLE = "hyx"
PACKAGES = ("hyx",)
IMPORTS = ("hyx.retry", "hyx.circuitbreaker", "hyx.timeout", "hyx.bulkhead", "hyx.fallback")


async def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


def five(function: Any) -> Any:
    guarded = bulkhead(50, 100)(timeout(1.0)(function))
    return fallback(_nothing)(retried(on=Unavailable, attempts=3)(consecutive_breaker()(guarded)))


def state(number: int) -> Any:
    return consecutive_breaker()
