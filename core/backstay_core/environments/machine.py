"""What an operating system tells: the tables of readings that most environments share. See `sources`.

On Linux ``/proc`` is read; elsewhere psutil (the extra ``monitor``) is asked.
"""

from backstay_core.environments.parsing import (
    LARGEST,
    assigned,
    flat,
    kib,
    line,
    number,
    per_second,
    percent,
    pressure,
    share,
    ticks,
    traffic,
    whole,
    word,
)
from backstay_core.environments.sources import From, Row, Since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MEMORY = "/proc/meminfo"
DISK = "statvfs:/"
PROCESSES, NETWORK = "processes", "network"  # groups


def same(value: "Any") -> "Any":
    return value


def key(name: str) -> "Callable[[dict[str, Any]], int | float]":
    """One field of psutil's answer: a number."""

    def parse(fields: "dict[str, Any]") -> "int | float":
        value = fields[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < LARGEST:
            raise ValueError(f"no number: {name}")
        return value

    return parse


def _used(text: str) -> "int | None":
    total, available = kib("MemTotal")(text), kib("MemAvailable")(text)
    if total is None or available is None:
        return None
    if available > total:
        raise ValueError("more memory is available than there is")
    return total - available


def _swap_used(text: str) -> "int | None":
    total, free = kib("SwapTotal")(text), kib("SwapFree")(text)
    return None if total is None or free is None else max(0, total - free)


def _disk_used(fields: "list[int]") -> int:
    blocks, free, _, size = fields
    return (blocks - free) * size


def _disk_percent(fields: "list[int]") -> "float | None":
    """As df has it: of what users may have, without the blocks kept for root."""
    blocks, free, available, _ = fields
    return percent(blocks - free, blocks - free + available)


def _psutil_ticks(fields: "dict[str, float]") -> "list[int]":
    """As `parsing.ticks`, in milliseconds."""
    total = sum([value for name, value in fields.items() if name not in ("guest", "guest_nice")])
    idle = fields["idle"] + fields.get("iowait", 0)
    stolen = fields.get("steal", 0)
    return [int((total - idle - stolen) * 1000), int(stolen * 1000), int(total * 1000)]


INFO = (
    Row("system_name", "", "the kernel", From("fact:system", parse=same)),
    Row("system_version", "", "its release", From("fact:release", parse=same)),
    Row("distribution", "", "name and version of the distribution",
        From("/etc/os-release", parse=assigned("PRETTY_NAME"))),
    Row("architecture", "", "of the processor", From("fact:machine", parse=same)),
    Row("total_memory", "bytes", "memory of the machine",
        From(MEMORY, parse=kib("MemTotal")), From("psutil:virtual_memory", parse=key("total"))),
    Row("total_cpu_cores", "cores", "processors that this process may run on",
        From("fact:cpus", parse=same)),
    Row("total_disk_space", "bytes", "size of the root file system",
        From(DISK, parse=lambda fields: fields[0] * fields[3])),
    Row("uptime", "s", "since the machine was started",
        From("/proc/uptime", parse=lambda text: number(word(0)(text))),
        From("psutil:uptime", parse=key("seconds"))),
    Row("hostname", "", "the machine's name",
        From("/proc/sys/kernel/hostname", parse=line), From("fact:hostname", parse=same)),
    Row("python", "", "the interpreter", From("fact:python", parse=same)),
)  # fmt: skip

USAGE = (
    Row("timestamp", "ns", "of the monotonic clock", From("clock:monotonic", parse=same)),
    Row("cpu_ticks", "ticks", "of all processors since the start: at work, stolen by the host, all",
        From("head:/proc/stat", parse=ticks), From("psutil:cpu_times", parse=_psutil_ticks)),
    Row("cpu_usage_percent", "%", "of all processors' time since the reading before", Since("cpu_ticks", share(0))),
    Row("load", "tasks", "running or waiting, over the last minute",
        From("/proc/loadavg", parse=lambda text: number(word(0)(text))),
        From("psutil:loadavg", parse=key("one"))),
    Row("memory_usage_bytes", "bytes", "in use and not reclaimable at once",
        From(MEMORY, parse=_used), From("psutil:virtual_memory", parse=lambda m: m["total"] - m["available"])),
    Row("memory_usage_percent", "%", "of the machine's memory",
        From("=memory_usage_bytes", MEMORY, parse=lambda used, text: percent(used, kib("MemTotal")(text) or 0)),
        From("psutil:virtual_memory", parse=key("percent"))),
    Row("swap_usage_bytes", "bytes", "swapped out",
        From(MEMORY, parse=_swap_used), From("psutil:swap_memory", parse=key("used"))),
    Row("disk_usage_bytes", "bytes", "of the root file system", From(DISK, parse=_disk_used)),
    Row("disk_usage_percent", "%", "of the root file system, as df counts", From(DISK, parse=_disk_percent)),
    Row("network_rx_bytes", "bytes", "received by all interfaces but the loopback",
        From("/proc/net/dev", parse=traffic(0)), From("psutil:net_io_counters", parse=key("bytes_recv")),
        group=NETWORK),
    Row("network_tx_bytes", "bytes", "sent by all interfaces but the loopback",
        From("/proc/net/dev", parse=traffic(8)), From("psutil:net_io_counters", parse=key("bytes_sent")),
        group=NETWORK),
    Row("network_rx_rate", "bytes/s", "received since the reading before", Since("network_rx_bytes", per_second),
        group=NETWORK),
    Row("network_tx_rate", "bytes/s", "sent since the reading before", Since("network_tx_bytes", per_second),
        group=NETWORK),
    Row("process_count", "", "processes on the machine",
        From("names:/proc", parse=lambda names: len([name for name in names if name.isdecimal()])),
        From("psutil:pids", parse=key("count")), group=PROCESSES),
    Row("processes_blocked", "", "processes that wait for a disk",
        From("/proc/stat", parse=flat("procs_blocked")), group=PROCESSES),
    Row("process_memory_bytes", "bytes", "resident memory of this process",
        From("/proc/self/status", parse=kib("VmRSS")), From("psutil:process", parse=key("rss")), group=PROCESSES),
    Row("process_threads", "", "threads of this process",
        From("/proc/self/status", parse=lambda text: whole(word(0)(text.split("Threads:")[1]))),
        From("psutil:process", parse=key("threads")), group=PROCESSES),
    Row("process_open_files", "", "files and sockets that this process has open",
        From("names:/proc/self/fd", parse=len), From("psutil:process", parse=key("open_files")), group=PROCESSES),
    Row("cpu_pressure_percent", "%", "of the last 10 s that some task waited for a processor",
        From("/proc/pressure/cpu", parse=pressure("some"))),
    Row("memory_pressure_percent", "%", "of the last 10 s that some task waited for memory",
        From("/proc/pressure/memory", parse=pressure("some"))),
    Row("io_pressure_percent", "%", "of the last 10 s that some task waited for a disk",
        From("/proc/pressure/io", parse=pressure("some"))),
    Row("oom_kills", "", "processes killed for want of memory since the start",
        From("/proc/vmstat", parse=flat("oom_kill"))),
)  # fmt: skip
