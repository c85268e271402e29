"""`SystemProbe`: answers questions (see `backstay_core.environments.reading`) from this system.

It never raises, never waits and never starts a process: what is not a regular file is not opened, what is too large is
not read, and whatever goes wrong is the reason why there is no value.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time

from backstay.environments import facts
from backstay_core.environments.reading import MISSING, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

LARGEST = 1 << 20  # bytes of a file that is read whole
HEAD = 4096  # bytes that are the beginning of one
MOST_LINKS = 40  # on the way to a file, as the kernel has it
MOST_NAMES = 100_000  # in a directory
RECORD = 8192  # bytes; no message of the kernel is longer
MOST_RECORDS = 100_000

#  not on all systems; a file that turns out to be a pipe or a terminal must not make anybody wait
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_CLOCKS = {
    "monotonic": "CLOCK_MONOTONIC",
    "boottime": "CLOCK_BOOTTIME",
    "realtime": "CLOCK_REALTIME",
    "process": "CLOCK_PROCESS_CPUTIME_ID",
}


def inside(root: str, path: str, last: bool) -> str:
    """The file that `path` names under `root`, without a link on the way. Raises `OSError`."""
    todo = path.split("/")[::-1]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del done[-1:]
            continue
        here = "/".join((root, *done, part))
        if (not last and not any(todo)) or not os.path.islink(here):
            done.append(part)
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink(here)
        if target.startswith("/"):
            done.clear()
        todo += target.split("/")[::-1]
    return "/".join((root, *done))


class SystemProbe:
    """Answers from the file system under `root`, the environment variables `environ` and this interpreter.

    `declared` names environments that the configuration says the program belongs to.
    """

    def __init__(self, root: str = "/", environ: Mapping[str, str] | None = None, declared: Iterable[str] = ()) -> None:
        self.root = root.rstrip("/")
        self.environ = os.environ if environ is None else environ
        self.declared = tuple(declared)

    def __call__(self, question: str) -> Reading[Any]:
        kind, found, rest = question.partition(":")
        if not found or question.startswith("/"):
            kind, rest = "", question
        answer = _KINDS.get(kind)
        if answer is None:
            return Reading(None, question, "nobody here answers such questions")
        try:
            value = answer(self, rest)
        except FileNotFoundError:
            return Reading(None, question, MISSING)
        except NotADirectoryError:
            return Reading(None, question, MISSING)
        except OSError as error:
            return Reading(None, question, error.strerror or type(error).__name__)
        except (ValueError, LookupError) as error:
            return Reading(None, question, str(error) or type(error).__name__)
        return Reading(value, question, MISSING)

    def _path(self, path: str, *, last: bool = True) -> str:
        """Where `path` is: links under a root of its own are followed in it, as for a process that has it as its root.

        `last`: also if the path itself is one.
        """
        return inside(self.root, path, last) if self.root else path

    def _text(self, path: str, most: int = LARGEST, *, whole: bool = True) -> str:
        descriptor = os.open(self._path(path), _FLAGS)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("no regular file")
            parts: list[bytes] = []
            room = most + 1 if whole else most
            while room > 0:
                part = os.read(descriptor, min(room, 1 << 16))
                if not part:
                    break
                parts.append(part)
                room -= len(part)
                if not whole:
                    break
        finally:
            os.close(descriptor)
        if whole and room <= 0:
            raise ValueError(f"larger than {most} bytes")
        return b"".join(parts).decode("utf-8", "replace")

    def _head(self, path: str) -> str:
        return self._text(path, HEAD, whole=False)

    def _link(self, path: str) -> str:
        return os.readlink(self._path(path, last=False))

    def _exists(self, path: str) -> bool:
        try:
            os.stat(self._path(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _names(self, path: str) -> list[str]:
        names: list[str] = []
        with os.scandir(self._path(path)) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > MOST_NAMES:
                    raise ValueError(f"more than {MOST_NAMES} names")
        return sorted(names)

    def _variable(self, name: str) -> str | None:
        return self.environ.get(name)

    def _fact(self, name: str) -> Any:
        if name == "declared":
            return list(self.declared)
        return facts.FACTS[name]() if name in facts.FACTS else None

    def _statvfs(self, path: str) -> list[int]:
        """Blocks, free ones, ones free for users, and the size of a block."""
        if not hasattr(os, "statvfs"):
            import shutil

            total, _, free = shutil.disk_usage(self._path(path))
            return [total, free, free, 1]
        found = os.statvfs(self._path(path))
        return [found.f_blocks, found.f_bfree, found.f_bavail, found.f_frsize]

    def _clock(self, name: str) -> int | None:
        number = getattr(time, _CLOCKS.get(name, ""), None)
        if number is None:
            fallback = {"monotonic": time.monotonic_ns, "realtime": time.time_ns}.get(name)
            return None if fallback is None else fallback()
        return time.clock_gettime_ns(number)

    def _kmsg(self, text: str) -> int:
        """Number, as the kernel counts its messages, of the last one in its log that has the text; 0 if none has."""
        descriptor = os.open(self._path("/dev/kmsg"), _FLAGS)
        last, wanted = 0, text.encode()
        try:
            for _ in range(MOST_RECORDS):
                try:
                    record = os.read(descriptor, RECORD)  # level,number,microseconds,flags;text
                except BlockingIOError:
                    break
                except BrokenPipeError:
                    continue  # it was overwritten meanwhile; the next read goes on behind it
                if not record:
                    break
                if wanted in record:
                    last = int(record.split(b",", 2)[1])
        finally:
            os.close(descriptor)
        return last

    def _vmclock(self, path: str) -> dict[str, int]:
        """Generation and disruption of the clock device of a virtual machine (``linux/vmclock-abi.h``)."""
        descriptor = os.open(self._path(path), _FLAGS)
        try:
            data = os.read(descriptor, 112)
        finally:
            os.close(descriptor)
        if len(data) < 112 or data[:4] != b"VCLK":
            raise ValueError("no page of such a clock")
        word: Callable[[int], int] = lambda at: int.from_bytes(data[at : at + 8], "little")  # noqa: E731
        found = {"disruption": word(16)}
        if word(24) & 1 << 8:  # VMCLOCK_FLAG_VM_GEN_COUNTER_PRESENT
            found["generation"] = word(104)
        return found

    def _psutil(self, name: str) -> dict[str, Any]:
        if sys.platform == "linux":
            raise ValueError("not asked on Linux, where /proc tells")
        from backstay.environments import psutil_answers

        return psutil_answers.ask(name)


_KINDS: dict[str, Callable[[Any, str], Any]] = {
    "": SystemProbe._text,
    "head": SystemProbe._head,
    "link": SystemProbe._link,
    "exists": SystemProbe._exists,
    "names": SystemProbe._names,
    "env": SystemProbe._variable,
    "fact": SystemProbe._fact,
    "statvfs": SystemProbe._statvfs,
    "clock": SystemProbe._clock,
    "kmsg": SystemProbe._kmsg,
    "vmclock": SystemProbe._vmclock,
    "psutil": SystemProbe._psutil,
}
