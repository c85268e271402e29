"""Compiled components on disk: compiling takes seconds, mapping what was compiled takes milliseconds.

What is in the cache is machine code, so nothing enters a process that somebody else could have written:

* the directory belongs to this user and nobody else can write to it (0700), or the cache is not used;
* a file belongs to this user, is a plain file, and nobody else can write to it (0600);
* its name is a key of content, versions, settings and processor, and its checksum is beside it: what is cut short,
  damaged or of another make is compiled anew and replaced;
* files appear whole (written aside, then renamed), so processes that compile at the same time do no harm.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
import tempfile
from pathlib import Path

VARIABLE = "BACKSTAY_CACHE"
SUFFIX = ".cwasm"
CHUNK = 1 << 20


def directory() -> Path:
    """Where compiled components lie: $BACKSTAY_CACHE, or the user's cache directory."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "backstay" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "backstay"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backstay"


def processor() -> str:
    """Names the processor as far as compiled code depends on it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    known = [line for line in lines if line.startswith(("flags", "Features", "model name"))]
    return "|".join([sys.platform, platform.machine(), *sorted(set(known))])


def key(*parts: str | bytes) -> str:
    """One name for all that decides whether compiled code fits."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:40]


def checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _mine(path: Path, *, directory: bool = False) -> bool:
    """Does it belong to this user alone, and is it what it seems?"""
    info = path.lstat()
    if (stat.S_ISDIR if directory else stat.S_ISREG)(info.st_mode) is False:
        return False
    getuid = getattr(os, "getuid", None)
    return getuid is None or (info.st_uid == getuid() and not info.st_mode & 0o022)


class Cache:
    """The cache in one directory."""

    def __init__(self, place: Path | None = None) -> None:
        self.place = directory() if place is None else place

    def usable(self) -> bool:
        """Make the directory if need be; is it safe to use?"""
        try:
            self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _mine(self.place, directory=True)
        except OSError:
            return False

    def path(self, name: str) -> Path:
        return self.place / (name + SUFFIX)

    def find(self, name: str) -> Path | None:
        """The compiled component of that name, if it is there, mine and whole."""
        path = self.path(name)
        noted = path.with_suffix(".sha256")
        try:
            if not (self.usable() and _mine(path) and _mine(noted)):
                return None
            return path if noted.read_text("ascii") == checksum(path) else None
        except (OSError, ValueError):
            return None

    def put(self, name: str, data: bytes | bytearray) -> Path | None:
        """Keep it; None if the directory cannot be used or written to (a cache is no reason to fail)."""
        path = self.path(name)
        try:
            if not self.usable():
                return None
            self._write(path, data)
            self._write(path.with_suffix(".sha256"), hashlib.sha256(data).hexdigest().encode())
        except OSError:
            return None
        return path

    def _write(self, path: Path, data: bytes | bytearray) -> None:
        handle, aside = tempfile.mkstemp(dir=self.place, prefix=".new-")  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(aside, path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise

    def forget(self, name: str) -> None:
        for path in (self.path(name), self.path(name).with_suffix(".sha256")):
            try:
                path.unlink(missing_ok=True)
            except OSError:
                pass
