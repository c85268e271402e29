"""What a container tells: the tables of readings of a process that has control groups around it. See `sources`."""

from backstay_core.environments import machine
from backstay_core.environments.cgroup import Group, cpus, limit, quota_1, quota_2
from backstay_core.environments.health import Rule
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import flat, growth, kib, percent, pressure, whole
from backstay_core.environments.sources import From, Row, Since, rows_without

LIMITS = "limits"  # a group of readings


def _working_set(current: str, stat: str, inactive: str) -> int:
    return max(0, whole(current) - (flat(inactive)(stat) or 0))


def _periods(text: str) -> "list[int] | None":
    throttled, periods = flat("nr_throttled")(text), flat("nr_periods")(text)
    return None if throttled is None or periods is None else [throttled, periods]


def _throttled(old: "list[int]", new: "list[int]", ns: int) -> "float | None":
    return percent(max(0, new[0] - old[0]), new[1] - old[1]) if new[1] > old[1] else 0.0


def _microseconds(text: str) -> "int | None":
    value = flat("usage_usec")(text)
    return None if value is None else value * 1000


def _least(*values: float) -> float:
    return min(values)


def _cores(old: int, new: int, ns: int) -> "float | None":
    return round((new - old) / ns, 4) if new >= old else None


MEMORY_LIMIT = Group(
    ("", ("memory.max",), limit), ("memory", ("memory.limit_in_bytes",), limit), least=True
)  # fmt: skip
CPU_LIMIT = Group(
    ("", ("cpu.max",), quota_2), ("cpu", ("cpu.cfs_quota_us", "cpu.cfs_period_us"), quota_1), least=True
)  # fmt: skip

INFO = rows_without(machine.INFO, "total_memory", "total_cpu_cores") + (
    Row("engine", "", "that made the container, where it says so",
        From("env:container", parse=same),
        From("exists:/run/.containerenv", parse=lambda there: "podman" if there else None),
        From("exists:/.dockerenv", parse=lambda there: "docker" if there else None)),
    Row("memory_limit", "bytes", "that may be used", MEMORY_LIMIT, group=LIMITS),
    Row("machine_memory", "bytes", "memory of the machine", From(machine.MEMORY, parse=kib("MemTotal"))),
    Row("total_memory", "bytes", "that may be used: the limit, or else the machine's",
        From("=memory_limit", "=machine_memory", parse=_least), From("=machine_memory", parse=same)),
    Row("cpu_limit", "cores", "processors' time that may be used", CPU_LIMIT, group=LIMITS),
    Row("cpu_set", "cores", "processors that the control group allows",
        Group(("", ("cpuset.cpus.effective",), cpus), ("cpuset", ("cpuset.effective_cpus",), cpus)), group=LIMITS),
    Row("machine_cpus", "cores", "processors that this process may run on", From("fact:cpus", parse=same)),
    Row("total_cpu_cores", "cores", "that are effective: the least of limit, set and affinity",
        From("=cpu_limit", "=machine_cpus", "=cpu_set", parse=_least),
        From("=cpu_limit", "=machine_cpus", parse=_least),
        From("=machine_cpus", "=cpu_set", parse=_least), From("=machine_cpus", parse=same)),
    Row("process_limit", "", "processes and threads that there may be",
        Group(("", ("pids.max",), limit), ("pids", ("pids.max",), limit), least=True), group=LIMITS),
)  # fmt: skip

USAGE = rows_without(
    machine.USAGE, "cpu_usage_percent", "memory_usage_bytes", "memory_usage_percent", "oom_kills",
    "cpu_pressure_percent", "memory_pressure_percent", "io_pressure_percent",
) + (
    Row("cpu_time_ns", "ns", "processors' time that the control group has used",
        Group(("", ("cpu.stat",), _microseconds), ("cpuacct", ("cpuacct.usage",), whole))),
    Row("cpu_usage_cores", "cores", "in use since the reading before", Since("cpu_time_ns", _cores)),
    Row("effective_cpus", "cores", "that may be used",
        From("fact:cpus", parse=same)),
    Row("memory_usage_bytes", "bytes", "of the control group, without file pages that are reclaimable at once",
        Group(("", ("memory.current", "memory.stat"), lambda now, stat: _working_set(now, stat, "inactive_file")),
              ("memory", ("memory.usage_in_bytes", "memory.stat"),
               lambda now, stat: _working_set(now, stat, "total_inactive_file")))),
    Row("memory_limit", "bytes", "that may be used", MEMORY_LIMIT, group=LIMITS),
    Row("memory_usage_percent", "%", "of the limit, or else of the machine's memory",
        From("=memory_usage_bytes", "=memory_limit", parse=percent),
        From("=memory_usage_bytes", machine.MEMORY,
             parse=lambda used, text: percent(used, kib("MemTotal")(text) or 0))),
    Row("memory_swap_bytes", "bytes", "swapped out",
        Group(("", ("memory.swap.current",), whole), ("memory", ("memory.stat",), flat("total_swap")))),
    Row("cpu_limit", "cores", "processors' time that may be used", CPU_LIMIT, group=LIMITS),
    Row("cpu_usage_percent", "%", "of the processors' time that may be used",
        From("=cpu_usage_cores", "=cpu_limit", "=effective_cpus",
             parse=lambda used, quota, cpus: percent(used, min(quota, cpus))),
        From("=cpu_usage_cores", "=effective_cpus", parse=percent)),
    Row("cpu_periods", "", "accounting periods: with throttling, all",
        Group(("", ("cpu.stat",), _periods), ("cpu", ("cpu.stat",), _periods)), group=LIMITS),
    Row("cpu_throttled_percent", "%", "of the periods since the reading before were cut short by the limit",
        Since("cpu_periods", _throttled), group=LIMITS),
    Row("oom_kills", "", "processes of the control group killed for want of memory",
        Group(("", ("memory.events",), flat("oom_kill")), ("memory", ("memory.oom_control",), flat("oom_kill")))),
    Row("oom_kills_lately", "", "since the reading before", Since("oom_kills", growth)),
    Row("memory_limit_hits", "", "times that the limit was met",
        Group(("", ("memory.events",), flat("max")), ("memory", ("memory.failcnt",), whole)), group=LIMITS),
    Row("pids", "", "processes and threads of the control group",
        Group(("", ("pids.current",), whole), ("pids", ("pids.current",), whole))),
    Row("process_limit", "", "processes and threads that there may be",
        Group(("", ("pids.max",), limit), ("pids", ("pids.max",), limit), least=True), group=LIMITS),
    Row("pids_percent", "%", "of the limit", From("=pids", "=process_limit", parse=percent), group=LIMITS),
    Row("cpu_pressure_percent", "%", "of the last 10 s that some task of the control group waited for a processor",
        Group(("", ("cpu.pressure",), pressure("some")), None),
        From("/proc/pressure/cpu", parse=pressure("some"))),
    Row("memory_pressure_percent", "%", "of the last 10 s that some task of the control group waited for memory",
        Group(("", ("memory.pressure",), pressure("some")), None),
        From("/proc/pressure/memory", parse=pressure("some"))),
    Row("io_pressure_percent", "%", "of the last 10 s that some task of the control group waited for a disk",
        Group(("", ("io.pressure",), pressure("some")), None),
        From("/proc/pressure/io", parse=pressure("some"))),
)  # fmt: skip

#          name         reading                    unit  warning error critical
RULES = (
    Rule("memory",     "memory_usage_percent",    "%",   80.0,   90.0, 97.0),
    Rule("disk",       "disk_usage_percent",      "%",   80.0,   90.0, 97.0),
    Rule("cpu",        "cpu_usage_percent",       "%",   80.0,   95.0),
    Rule("throttling", "cpu_throttled_percent",   "%",   25.0,   75.0),
    Rule("oom",        "oom_kills_lately",        "",     1.0,    1.0),
    Rule("processes",  "pids_percent",            "%",   80.0,   90.0, 97.0),
    Rule("stalls",     "memory_pressure_percent", "%",   10.0,   40.0),
)  # fmt: skip

#  a service of an operating system is in a control group, too: that of its systemd unit
SERVICE_INFO = tuple([row for row in INFO if row.name in ("memory_limit", "cpu_limit", "process_limit")])
SERVICE_USAGE = (
    Row("service_memory_bytes", "bytes", "of the control group, without file pages that are reclaimable at once",
        *[source for row in USAGE if row.name == "memory_usage_bytes" for source in row.sources]),
    Row("service_memory_limit", "bytes", "that the control group may use", MEMORY_LIMIT),
    Row("service_memory_percent", "%", "of that limit",
        From("=service_memory_bytes", "=service_memory_limit", parse=percent)),
)  # fmt: skip
SERVICE_RULES = (Rule("memory of the service", "service_memory_percent", "%", 80.0, 90.0, 97.0),)
