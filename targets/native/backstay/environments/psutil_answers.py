"""What psutil (the extra ``monitor``) answers to questions ``psutil:…``, where there is no ``/proc``."""

from __future__ import annotations

import time
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _process(psutil: Any) -> dict[str, Any]:
    process = psutil.Process()
    return {
        "rss": process.memory_info().rss,
        "threads": process.num_threads(),
        "open_files": process.num_fds() if hasattr(process, "num_fds") else process.num_handles(),
    }


ANSWERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "virtual_memory": lambda psutil: psutil.virtual_memory()._asdict(),
    "swap_memory": lambda psutil: psutil.swap_memory()._asdict(),
    "cpu_times": lambda psutil: psutil.cpu_times()._asdict(),
    "net_io_counters": lambda psutil: psutil.net_io_counters()._asdict(),
    "loadavg": lambda psutil: {"one": psutil.getloadavg()[0]},
    "uptime": lambda psutil: {"seconds": time.time() - psutil.boot_time()},
    "pids": lambda psutil: {"count": len(psutil.pids())},
    "process": _process,
    "battery": lambda psutil: psutil.sensors_battery()._asdict(),
}


def ask(name: str) -> dict[str, Any]:
    """The fields of an answer. Raises `ValueError` with the reason if there is none."""
    try:
        psutil = import_module("psutil")
    except ImportError:
        raise ValueError("psutil is not installed; pip install 'backstay[monitor]'") from None
    if name not in ANSWERS:
        raise ValueError("nobody asks psutil for that")
    try:
        return ANSWERS[name](psutil)
    except (psutil.Error, AttributeError, NotImplementedError) as error:
        raise ValueError(f"psutil: {error}") from None
