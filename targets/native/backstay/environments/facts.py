"""What the interpreter knows of where it runs: the answers to questions ``fact:…``."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _uname(index: int) -> str | None:
    """sysname, nodename, release, version, machine: of os.uname, which never starts a process, as `platform` may."""
    if hasattr(os, "uname"):
        return os.uname()[index] or None
    import platform  # Windows

    return {0: "Windows", 1: platform.node(), 2: platform.release(), 3: platform.version(), 4: platform.machine()}[
        index
    ]


def cpus() -> int | None:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def android_api_level() -> int | None:
    level: Callable[[], int] | None = getattr(sys, "getandroidapilevel", None)
    return None if level is None else level()


def threads() -> bool:
    """Can a thread be started? Tried: some builds have the module and not the threads."""
    try:
        from _thread import start_new_thread

        start_new_thread(int, ())
    except (ImportError, RuntimeError):
        return False
    return True


def processes() -> bool:
    """Can a process be started? Not tried; the platforms without say so."""
    return sys.platform not in ("emscripten", "wasi", "ios", "tvos", "watchos")


def writable() -> bool:
    """Is there a directory for temporary files?"""
    places = (os.environ.get("TMPDIR"), os.environ.get("TEMP"), "/tmp", "/var/tmp", os.curdir)
    return any(place and os.access(place, os.W_OK) for place in places)


def _pygame(module: Any) -> bool:
    return bool(module.display.get_init())


def _panda(module: Any) -> bool:
    import builtins

    return hasattr(builtins, "base")


def _arcade(module: Any) -> bool:
    return module.get_window() is not None


#  module → is its engine running? Having been imported is not enough.
ENGINES: dict[str, Callable[[Any], bool]] = {
    "pygame": _pygame,
    "direct.showbase.ShowBase": _panda,
    "arcade": _arcade,
    "bpy": lambda module: not module.app.background,
    "unreal": lambda module: True,
}


def game_engine() -> str | None:
    """The engine that runs in this process. Only modules that are loaded already are looked at."""
    for name, running in ENGINES.items():
        module = sys.modules.get(name)
        try:
            if module is not None and running(module):
                return name.partition(".")[0]
        except Exception:  # half imported, or another version: not known to run
            continue
    return None


def heap() -> list[int] | None:
    """Bytes of MicroPython's heap that are taken, and that are free."""
    import gc

    taken: Callable[[], int] | None = getattr(gc, "mem_alloc", None)
    free: Callable[[], int] | None = getattr(gc, "mem_free", None)
    return None if taken is None or free is None else [taken(), free()]


def scheduling() -> list[Any] | None:
    """The scheduler's policy and priority of this process."""
    if not hasattr(os, "sched_getscheduler"):
        return None
    names = {getattr(os, name): name for name in ("SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_IDLE")}
    policy = os.sched_getscheduler(0)
    return [names.get(policy, str(policy)), os.sched_getparam(0).sched_priority]


def wasm_runtime() -> str | None:
    pyodide = sys.modules.get("pyodide")
    if pyodide is not None:
        return f"pyodide {getattr(pyodide, '__version__', '')}".strip()
    return "wasi" if sys.platform == "wasi" else None


def wasm_memory() -> int | None:
    """Bytes of the linear memory, where the host shows it."""
    module = getattr(sys.modules.get("pyodide_js"), "_module", None)
    return None if module is None else int(module.HEAPU8.length)


def page_size() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


FACTS: dict[str, Callable[[], Any]] = {
    "platform": lambda: sys.platform,
    "implementation": lambda: sys.implementation.name,
    "python": lambda: ".".join(map(str, sys.version_info[:3])),
    "system": lambda: _uname(0),
    "hostname": lambda: _uname(1),
    "release": lambda: _uname(2),
    "version": lambda: _uname(3),
    "machine": lambda: _uname(4),
    "cpus": cpus,
    "android_api_level": android_api_level,
    "game_engine": game_engine,
    "threads": threads,
    "processes": processes,
    "writable": writable,
    "heap": heap,
    "scheduling": scheduling,
    "wasm_runtime": wasm_runtime,
    "wasm_memory": wasm_memory,
    "page_size": page_size,
}
