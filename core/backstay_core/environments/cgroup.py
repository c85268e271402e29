"""Control groups, versions 1 and 2 and both at once: where those of this process are, and sources that read them.

Rules:

CG1   A controller that is mounted as version 1 is read there, whatever version 2 has; else version 2 is read.
CG2   A limit is the least of this group's and of all groups above it that can be seen; its source is the file that
      binds.
CG3   Where the group's own directory cannot be seen (a private cgroup namespace, a process that was moved), what is
      mounted is the group.
CG4   "max", -1 and what version 1 has for it (2**63 rounded down to a page) are no limit.
"""

from backstay_core.environments.parsing import whole
from backstay_core.environments.reading import MISSING, Reading
from backstay_core.environments.sources import combine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.environments.reading import Probe
    from backstay_core.environments.sources import Known

MOUNTS, GROUPS = "/proc/self/mountinfo", "/proc/self/cgroup"
NOT_MOUNTED, NO_LIMIT = "no control groups are mounted", "no limit"
UNLIMITED = 1 << 62
DEEPEST = 64  # groups above one another


def directories(mounts: str, groups: str, controller: str) -> "tuple[int, tuple[str, ...]]":
    """The version (0: none) and the directories of this process's group for a controller, its own first."""
    paths: "dict[str, str]" = {}
    for line in groups.split("\n"):
        words = line.split(":", 2)
        if len(words) == 3:
            for name in words[1].split(","):
                paths[name] = words[2]
    second: "tuple[str, ...]" = ()
    for line in mounts.split("\n"):
        before, _, after = line.partition(" - ")
        mount, kind = before.split(), after.split()
        if len(mount) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup" and controller in kind[2].split(","):
            return 1, _upwards(mount[4], mount[3], paths.get(controller, "/"))
        if kind[0] == "cgroup2":
            second = _upwards(mount[4], mount[3], paths.get("", "/"))
    return (2, second) if second else (0, ())


def _upwards(point: str, top: str, path: str) -> "tuple[str, ...]":
    """From the group `path` up to what is mounted at `point`, which is the group `top`."""
    if top not in ("/", "") and (path == top or path.startswith(top + "/")):
        path = path[len(top) :]
    elif top not in ("/", ""):
        path = ""  # CG3
    parts = [part for part in path.split("/") if part and part != ".."][:DEEPEST]
    return tuple(["/".join([point] + parts[:count]) for count in range(len(parts), -1, -1)])


class Group:
    """A source: files of this process's control group. `parse` makes a value of their texts (None: no limit).

    `first` and `second` are the version's controller, files and parser; `least` takes the least of all groups above.
    """

    __slots__ = ("first", "least", "second")

    def __init__(
        self,
        second: "tuple[str, tuple[str, ...], Callable[..., Any]]",
        first: "tuple[str, tuple[str, ...], Callable[..., Any]] | None",
        *,
        least: bool = False,
    ) -> None:
        self.second = second
        self.first = first
        self.least = least

    def read(self, probe: "Probe", known: "Known", before: "Known") -> "Reading[Any]":
        mounts, groups = probe(MOUNTS), probe(GROUPS)
        for reading in (mounts, groups):
            if reading.value is None:
                return Reading(None, reading.source, reading.reason)
        version, places = directories(str(mounts.value), str(groups.value), self.first[0] if self.first else "")
        if version == 1 and self.first:
            _, files, parse = self.first
        elif version == 2 or not self.first:
            _, files, parse = self.second
        else:
            return Reading(None, MOUNTS, NOT_MOUNTED)
        best: "Reading[Any] | None" = None
        failed: "Reading[Any] | None" = None
        tried: "list[str]" = []
        for place in places if self.least else places[:1] + places[-1:]:
            found = combine([probe(f"{place}/{name}") for name in files], parse)
            tried.append(found.source)
            if found.value is None:
                if found.reason != MISSING and failed is None:
                    failed = found
                continue
            if not self.least:
                return found
            if best is None or found.value < best.value:
                best = found
        if best is not None:
            return best
        if failed is not None:
            return Reading(None, failed.source, NO_LIMIT if failed.reason == "does not say" else failed.reason)
        return Reading(None, ", ".join(tried)[:200] or MOUNTS, MISSING)

    def __str__(self) -> str:
        second = " and ".join([f"`{name}`" for name in self.second[1]])
        first = " and ".join([f"`{name}`" for name in self.first[1]]) if self.first else "nothing"
        more = ", the least of this group and all above it" if self.least else ""
        return f"{second} (version 1: {first}){more}"


# Parsers


def limit(text: str) -> "int | None":
    """Bytes or processes; None if there is no limit."""
    text = text.strip()
    if text in ("max", "-1"):
        return None
    value = whole(text)
    return None if value >= UNLIMITED else value


def quota_2(text: str) -> "float | None":
    """Processors that may be used, of ``cpu.max``."""
    quota, period = text.split()
    return None if quota == "max" else _quota(quota, period)


def quota_1(quota: str, period: str) -> "float | None":
    """Processors that may be used, of ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us``."""
    return None if quota.strip() == "-1" else _quota(quota, period)


def _quota(quota: str, period: str) -> float:
    if whole(period) == 0:
        raise ValueError("a period of 0")
    return round(whole(quota) / whole(period), 3)


def cpus(text: str) -> "int | None":
    """How many processors a list such as ``0-3,8`` has."""
    count = 0
    for part in text.strip().split(","):
        if not part:
            continue
        low, _, high = part.partition("-")
        size = whole(high or low) - whole(low) + 1
        if size < 1:
            raise ValueError(f"no list of processors: {text[:40]!r}")
        count += size
    return count or None
