"""Reading a configuration file whole, or saying in one line why not."""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from backstay_core.config.problem import DocumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LARGEST = 1 << 20  # bytes
MOST_TRIES = 3  # at a file that changes while it is read

#  O_NONBLOCK: opening a pipe that nobody writes to would wait for ever
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Text:
    """The text of a file, and the stamp by which a later change is noticed."""

    __slots__ = ("name", "stamp", "text")

    def __init__(self, name: str, text: str, stamp: tuple[int, ...]) -> None:
        self.name = name
        self.text = text
        self.stamp = stamp


def stamp_of(status: os.stat_result) -> tuple[int, ...]:
    """Changes when the file is replaced or written to, as far as the file system's clock can tell."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def refused(name: str, why: str) -> DocumentError:
    return DocumentError(f"{name}: {why}")


def name_of(path: Any) -> str:
    """The path as text. Raises `ConfigurationError` for what is no path."""
    try:
        return os.fsdecode(path)
    except TypeError:
        raise DocumentError(f"a configuration file is named by a path; got {type(path).__name__}") from None


def read(path: Any) -> Text:
    """The file at `path`. Raises `ConfigurationError` in one line for whatever cannot be read as UTF-8 text."""
    name = name_of(path)
    try:
        for _ in range(MOST_TRIES):
            found = _read_once(path, name)
            if found is not None:
                return Text(name, _decoded(name, found[0]), found[1])
    except OSError as error:
        raise refused(name, f"cannot be read: {_reason(error)}") from None
    except ValueError as error:  # a null byte in the path
        if isinstance(error, DocumentError):
            raise
        raise refused(ascii(name), f"cannot be read: {error}") from None
    raise refused(name, "cannot be read: it changes all the time")


def _read_once(path: Any, name: str) -> tuple[bytes, tuple[int, ...]] | None:
    """Bytes and stamp; None if somebody wrote to the file meanwhile. A file that is replaced stays whole for us."""
    descriptor = os.open(path, _FLAGS)
    try:
        before = os.fstat(descriptor)
        if S_ISDIR(before.st_mode):
            raise refused(name, "is a directory")
        if not S_ISREG(before.st_mode):
            raise refused(name, "is no regular file")
        data = b""
        while len(data) <= LARGEST:
            part = os.read(descriptor, LARGEST + 1 - len(data))
            if not part:
                break
            data += part
        if len(data) > LARGEST or before.st_size > LARGEST:
            raise refused(name, f"is larger than {LARGEST >> 20} MiB")
        stamp = stamp_of(os.fstat(descriptor))
        return (data, stamp) if stamp == stamp_of(before) else None
    finally:
        os.close(descriptor)


def _decoded(name: str, data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refused(name, "is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refused(f"{name}:{line}", f"is not UTF-8 (byte 0x{data[error.start]:02x})") from None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
