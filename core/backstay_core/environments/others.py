"""Tables of readings of the environments of which a program can read little, or which their own targets extend.

What is not in a table cannot be read there by a program: an adapter says None and why, and `setting:` rows take what
the configuration says in its place.
"""

from backstay_core.environments import machine
from backstay_core.environments.health import MACHINE, Rule
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import kib, line, number, percent, whole
from backstay_core.environments.sources import From, Row, rows_without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

BATTERY = "battery"  # a group of readings


def _row(name: str, rows: "tuple[Row, ...]" = machine.INFO) -> Row:
    [found] = [row for row in rows if row.name == name]
    return found


def says(name: str) -> "Callable[[Any], str | None]":
    return lambda value: name if value else None


_TIMESTAMP = _row("timestamp", machine.USAGE)
_PYTHON = (
    Row("system_name", "", "what the interpreter was built for",
        From("fact:system", parse=same), From("fact:platform", parse=same)),
    Row("system_version", "", "its release", From("fact:release", parse=same)),
    Row("architecture", "", "of the processor", From("fact:machine", parse=same)),
    Row("python", "", "the interpreter", From("fact:python", parse=same)),
)  # fmt: skip

# WebAssembly

WEBASSEMBLY_INFO = _PYTHON + (
    Row("runtime", "", "that runs the module", From("fact:wasm_runtime", parse=same)),
    Row("total_memory", "bytes", "that an instance may have", From("setting:memory_limit", parse=same)),
)  # fmt: skip
WEBASSEMBLY_USAGE = (
    _TIMESTAMP,
    Row("memory_usage_bytes", "bytes", "size of the linear memory, which never shrinks",
        From("fact:wasm_memory", parse=same)),
    Row("memory_usage_percent", "%", "of the limit in the configuration",
        From("=memory_usage_bytes", "setting:memory_limit", parse=percent)),
)  # fmt: skip
MEMORY_ALONE = (Rule("memory", "memory_usage_percent", "%", 80.0, 90.0, 97.0),)

# Microcontrollers


def _free(heap: "list[int]") -> int:
    return heap[0] + heap[1]


EMBEDDED_INFO = _PYTHON + (
    Row("total_memory", "bytes", "the interpreter's heap, or what the configuration says",
        From("fact:heap", parse=_free), From("setting:total_memory", parse=same)),
    Row("total_cpu_cores", "cores", "that the configuration says", From("setting:total_cpu_cores", parse=same)),
)  # fmt: skip
EMBEDDED_USAGE = (
    _TIMESTAMP,
    Row("memory_usage_bytes", "bytes", "of the interpreter's heap", From("fact:heap", parse=lambda heap: heap[0])),
    Row("memory_usage_percent", "%", "of the heap", From("fact:heap", parse=lambda h: percent(h[0], h[0] + h[1]))),
)  # fmt: skip

# Real time

REAL_TIME_INFO = rows_without(machine.INFO, "total_memory", "total_cpu_cores") + (
    Row("total_memory", "bytes", "memory of the machine, or what the configuration says",
        From(machine.MEMORY, parse=kib("MemTotal")), From("setting:total_memory", parse=same)),
    Row("total_cpu_cores", "cores", "processors that this process may run on, or what the configuration says",
        From("fact:cpus", parse=same), From("setting:total_cpu_cores", parse=same)),
    Row("real_time_kernel", "", "the kernel is fully preemptible",
        From("/sys/kernel/realtime", parse=lambda text: text.strip() == "1"),
        From("fact:version", parse=lambda text: "PREEMPT_RT" in text)),
    Row("scheduling", "", "policy and priority of this process", From("fact:scheduling", parse=same)),
    Row("real_time_runtime", "µs", "of each period that real-time tasks may have; -1: all",
        From("/proc/sys/kernel/sched_rt_runtime_us", parse=lambda text: int(text))),
    Row("isolated_cpus", "", "processors kept free of other tasks",
        From("/sys/devices/system/cpu/isolated", parse=line)),
    Row("tick", "s", "of the scheduler, as the configuration says", From("setting:tick", parse=same)),
)  # fmt: skip
REAL_TIME_USAGE = machine.USAGE + (
    Row("locked_memory_bytes", "bytes", "of this process that cannot be swapped out",
        From("/proc/self/status", parse=kib("VmLck"))),
    Row("page_faults_major", "", "of this process, each of which waited for a disk",
        From("/proc/self/stat", parse=lambda text: whole(text.rpartition(")")[2].split()[9]))),
)  # fmt: skip

# Games

GAME_INFO = machine.INFO + (
    Row("engine", "", "that runs in this process", From("fact:game_engine", parse=same)),
    Row("frame_time", "s", "that a frame has, as the configuration says", From("setting:frame_time", parse=same)),
)  # fmt: skip

# Telephones

MOBILE_INFO = machine.INFO + (
    Row("android_api_level", "", "of the interpreter", From("fact:android_api_level", parse=same)),
)
_SUPPLY = "/sys/class/power_supply/battery"
_OTHER_SUPPLY = "/sys/class/power_supply/BAT0"
MOBILE_USAGE = machine.USAGE + (
    Row("battery_percent", "%", "charge", From(f"{_SUPPLY}/capacity", parse=whole),
        From(f"{_OTHER_SUPPLY}/capacity", parse=whole), From("psutil:battery", parse=lambda b: b["percent"]),
        group=BATTERY),
    Row("battery_drained_percent", "%", "of the charge that is gone",
        From("=battery_percent", parse=lambda value: 100 - value), group=BATTERY),
    Row("battery_status", "", "charging or not", From(f"{_SUPPLY}/status", parse=line),
        From(f"{_OTHER_SUPPLY}/status", parse=line), group=BATTERY),
)  # fmt: skip
MOBILE_RULES = MACHINE + (Rule("battery", "battery_drained_percent", "%", 80.0, 90.0, 95.0),)

# The edge

ROUTES = "/proc/net/route"


def default_route(text: str) -> "str | None":
    """The interface of the route to everywhere."""
    for each in text.split("\n")[1:]:
        words = each.split()
        if len(words) > 7 and words[1] == "00000000" and words[7] == "00000000":
            return words[0]
    return None


def _no_way_out(text: str) -> int:
    return 0 if default_route(text) else 1


EDGE_INFO = machine.INFO + (
    Row("platform", "", "that manages the device",
        From("env:AWS_IOT_THING_NAME", parse=says("aws_greengrass")),
        From("env:AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", parse=says("aws_greengrass")),
        From("env:IOTEDGE_DEVICEID", parse=says("azure_iot_edge")),
        From("env:EDGEX_SECURITY_SECRET_STORE", parse=says("edgex")),
        From("env:BALENA", parse=says("balena"))),
    Row("device", "", "its name at the platform",
        From("env:AWS_IOT_THING_NAME", parse=same), From("env:IOTEDGE_DEVICEID", parse=same),
        From("env:BALENA_DEVICE_UUID", parse=same)),
    Row("offline_after", "s", "without a way out that count as offline, as the configuration says",
        From("setting:offline_after", parse=same)),
    Row("model", "", "of the board", From("/proc/device-tree/model", parse=line),
        From("/sys/class/dmi/id/product_name", parse=line)),
)  # fmt: skip
EDGE_USAGE = machine.USAGE + (
    Row("default_route", "", "interface that leads to the network", From(ROUTES, parse=default_route),
        group=machine.NETWORK),
    Row("no_way_out", "", "1: there is no route to the network", From(ROUTES, parse=_no_way_out),
        group=machine.NETWORK),
    Row("temperature", "°C", "of the board",
        From("/sys/class/thermal/thermal_zone0/temp", parse=lambda text: round(number(text) / 1000, 1))),
)  # fmt: skip
EDGE_RULES = MACHINE + (
    Rule("network", "no_way_out", "", 1.0),
    Rule("temperature", "temperature", "°C", 75.0, 85.0, 95.0),
)

# Chains

BLOCKCHAIN_INFO = machine.INFO + (
    Row("chain_id", "", "that nodes must be on, as the configuration says", From("setting:chain_id", parse=same)),
    Row("confirmations", "", "after which a transaction counts as final, as the configuration says",
        From("setting:confirmations", parse=same)),
)  # fmt: skip
