"""What a virtual machine tells of itself and its host: tables of readings, and whether its time has been whole.

A guest that was paused, restored from a snapshot or moved to another host goes on as if nothing had happened: its
monotonic clock does not know. What knows is compared between two moments:

BR1   The generation counter of the machine has changed: it was restored from a snapshot, or copied (*restored*). Where
      the counter itself cannot be read, the kernel says in its log that it has changed (Linux 5.18; read by root).
BR2   The disruption marker of its clock device has changed: it was moved, or stopped (*moved*).
BR3   The hardware clock has run ahead of the system's by more than `STOPPED`: the machine stood still (*stopped*).
BR4   The clock that counts sleep has run ahead of the one that does not by more than `SLEPT`: it slept (*slept*).
BR5   Wall time has moved against the clock that counts sleep by more than `STEPPED`: somebody has set it (*stepped*).
      That alone is no break: calls go by monotonic time.
"""

from backstay_core.environments import machine
from backstay_core.environments.health import MACHINE, Rule
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import flat, kib, line, share, whole
from backstay_core.environments.reading import Readings
from backstay_core.environments.sources import From, Row, Since, rows_without, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.environments.reading import Probe

SECOND = 1_000_000_000
STOPPED = 3 * SECOND  # the hardware clock has whole seconds
SLEPT = SECOND
STEPPED = SECOND
STOLEN = "stolen"  # a group of readings
FORK = "crng reseeded due to virtual machine fork"  # drivers/char/random.c, add_vmfork_randomness


def _balloon(text: str, page: int) -> "int | None":
    inflated, deflated = flat("balloon_inflate")(text), flat("balloon_deflate")(text)
    return None if inflated is None or deflated is None else max(0, inflated - deflated) * page


INFO = rows_without(machine.INFO, "total_memory", "total_cpu_cores") + (
    Row("total_memory", "bytes", "memory of the machine, or what the configuration says",
        From(machine.MEMORY, parse=kib("MemTotal")), From("setting:total_memory", parse=same)),
    Row("total_cpu_cores", "cores", "processors that this process may run on, or what the configuration says",
        From("fact:cpus", parse=same), From("setting:total_cpu_cores", parse=same)),
    Row("hypervisor", "", "what the firmware calls the machine's maker",
        From("/sys/class/dmi/id/sys_vendor", parse=line),
        From("/sys/hypervisor/type", parse=line),
        From("head:/proc/cpuinfo", parse=lambda text: "unnamed" if " hypervisor" in text else None)),
    Row("product", "", "what the firmware calls the machine", From("/sys/class/dmi/id/product_name", parse=line)),
    Row("clock_source", "", "what the kernel reads time from",
        From("/sys/devices/system/clocksource/clocksource0/current_clocksource", parse=line)),
)  # fmt: skip

USAGE = machine.USAGE + (
    Row("stolen_percent", "%", "of the processors' time since the reading before that the host gave to others",
        Since("cpu_ticks", share(1)), group=STOLEN),
    Row("balloon_bytes", "bytes", "of memory that the host has taken back",
        From("/proc/vmstat", "fact:page_size", parse=_balloon)),
)  # fmt: skip

RULES = MACHINE + (Rule("stolen time", "stolen_percent", "%", 10.0, 30.0),)

MOMENT = (
    Row("monotonic", "ns", "does not count sleep", From("clock:monotonic", parse=int)),
    Row("boottime", "ns", "counts sleep", From("clock:boottime", parse=int)),
    Row("realtime", "ns", "wall time", From("clock:realtime", parse=int)),
    Row("hardware_clock", "ns", "wall time of the clock chip, which goes on while the machine stands still",
        From("/sys/class/rtc/rtc0/since_epoch", parse=lambda text: whole(text) * SECOND)),
    Row("generation", "", "changes when the machine is restored or copied",
        From("vmclock:/dev/vmclock0", parse=lambda fields: fields["generation"])),
    Row("fork", "", "number of the kernel's last message that says so; 0: there is none in its log",
        From(f"kmsg:{FORK}", parse=int)),
    Row("disruption", "", "changes when the machine is moved or stopped",
        From("vmclock:/dev/vmclock0", parse=lambda fields: fields["disruption"])),
)  # fmt: skip


class Break:
    """Time was not whole: `kind` (restored, moved, stopped, slept, stepped), for how many ns if that is known, and the
    source that told."""

    __slots__ = ("kind", "ns", "source")

    def __init__(self, kind: str, ns: "int | None", source: str) -> None:
        self.kind = kind
        self.ns = ns
        self.source = source

    @property
    def renews(self) -> bool:
        """Does what was known before no longer hold?"""
        return self.kind != "stepped"

    def to_data(self) -> "dict[str, Any]":
        return {"kind": self.kind, "ns": self.ns, "source": self.source}

    def __repr__(self) -> str:
        return f"Break({self.kind!r}, {self.ns!r}, {self.source!r})"


#  kind       of two clocks, which one has run ahead of which, and how far it must
_AHEAD = (
    ("stopped", "hardware_clock", "realtime", STOPPED),
    ("slept", "boottime", "monotonic", SLEPT),
)
_CHANGED = (("restored", "generation"), ("moved", "disruption"))


def moment(probe: "Probe") -> Readings:
    """The clocks and counters of `MOMENT`, read one right after the other."""
    return Readings(take(MOMENT, probe))


def breaks(before: Readings, after: Readings) -> "tuple[Break, ...]":
    """What has broken time between two moments. A clock that cannot be read says nothing."""
    found: "list[Break]" = []
    for kind, name in _CHANGED:
        old, new = before[name].value, after[name].value
        if old is not None and new is not None and old != new:
            found.append(Break(kind, None, after[name].source))
    said = _ran("fork", before, after)  # a message that has left the log takes the number back to 0
    if after["generation"].value is None and said is not None and said > 0:
        found.append(Break("restored", None, after["fork"].source))
    stepped = _gap("realtime", "boottime", before, after)
    for kind, ahead, behind, least in _AHEAD:
        gap = _gap(ahead, behind, before, after)
        if gap is None:
            continue
        if kind == "stopped" and stepped is not None and abs(stepped) >= STEPPED:
            gap += stepped  # that the wall clock was set says nothing of the machine
        if gap >= least:
            found.append(Break(kind, gap, f"{after[ahead].source}, {after[behind].source}"))
    if stepped is not None and abs(stepped) >= STEPPED:
        found.append(Break("stepped", stepped, f"{after['realtime'].source}, {after['boottime'].source}"))
    return tuple(found)


def _gap(ahead: str, behind: str, before: Readings, after: Readings) -> "int | None":
    """By how many ns one clock has run ahead of the other; None if one of them cannot be read."""
    ran = _ran(ahead, before, after)
    other = _ran(behind, before, after)
    return None if ran is None or other is None else ran - other


def _ran(name: str, before: Readings, after: Readings) -> "int | None":
    old, new = before[name].value, after[name].value
    return None if old is None or new is None else int(new) - int(old)
