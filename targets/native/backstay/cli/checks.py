"""What `backstay doctor` looks at: this installation and this machine, measured now."""

from __future__ import annotations

import os
import sys
import time
from importlib import metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

GOOD, NOTE, BAD = "ok", "note", "bad"
FEW_FILES = 1024  # a service that guards many connections wants more
COARSE = 1_000_000  # ns; a monotonic clock that moves in larger steps blurs timeouts

Check = tuple[str, str, str]  # (what, GOOD | NOTE | BAD, finding)


def python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    what = f"{sys.implementation.name} {version}"
    gil_enabled = getattr(sys, "_is_gil_enabled", None)
    if gil_enabled is not None and not gil_enabled():
        return "python", NOTE, f"{what}, free-threaded: calls are carried out step by step under one lock"
    return "python", GOOD, what


def installation() -> Check:
    import backstay
    import backstay_core

    version = backstay_core.__version__
    places = {os.path.dirname(os.path.dirname(module.__file__ or "")) for module in (backstay, backstay_core)}
    try:
        installed = metadata.version("backstay")
    except metadata.PackageNotFoundError:
        return "backstay", NOTE, f"{version} from {', '.join(sorted(places))}, not installed as a distribution"
    if installed != version:
        return "backstay", BAD, f"the code is {version}, the installed distribution says {installed}"
    return "backstay", GOOD, f"{version} from {', '.join(sorted(places))}"


def extras() -> Check:
    wanted: dict[str, list[str]] = {}
    try:
        requires = metadata.requires("backstay") or []
    except metadata.PackageNotFoundError:
        return "extras", NOTE, "unknown: not installed as a distribution"
    for requirement in requires:
        name, _, marker = requirement.partition(";")
        extra = marker.partition("extra ==")[2].strip().strip("'\"")
        wanted.setdefault(extra, []).append(
            name.strip().split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        )
    found = [f"{extra} {'complete' if all(map(_is_there, names)) else 'incomplete'}" for extra, names in wanted.items()]
    return "extras", GOOD, ", ".join(found) or "none defined"


def _is_there(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def clock() -> Check:
    """The smallest step of the monotonic clock seen in 200 readings that differ."""
    steps: list[int] = []
    last = time.monotonic_ns()
    while len(steps) < 200:
        now = time.monotonic_ns()
        if now != last:
            steps.append(now - last)
            last = now
    step = min(steps)
    return "clock", NOTE if step > COARSE else GOOD, f"the monotonic clock moves in steps of {step} ns at the least"


def event_loop() -> Check:
    import asyncio

    async def turn() -> tuple[str, int]:
        begin = time.monotonic_ns()
        for _ in range(100):
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        return f"{type(loop).__module__}.{type(loop).__qualname__}", (time.monotonic_ns() - begin) // 100

    name, ns = asyncio.run(turn())
    return "event loop", GOOD, f"{name}, {ns / 1000:.1f} µs a turn"


def open_files() -> Check:
    try:
        import resource
    except ImportError:
        return "open files", NOTE, "unknown: this system does not tell"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    finding = f"{soft} at once, {'no limit' if hard == resource.RLIM_INFINITY else hard} if raised"
    return "open files", NOTE if soft < FEW_FILES else GOOD, finding


CHECKS: tuple[Callable[[], Check], ...] = (python, installation, extras, clock, event_loop, open_files)


def look() -> list[Check]:
    """All checks. One that fails itself is a finding."""
    found = []
    for check in CHECKS:
        try:
            found.append(check())
        except Exception as error:
            found.append((check.__name__.replace("_", " "), BAD, f"could not be looked at: {error!r}"))
    return found
