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
    places = (os.environ.get("TMPDIR"), os.environ.get("TEMP"), "/tmp", "/var/tmp", os.getcwd())
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
}
