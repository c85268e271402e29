"""What a real-time system tells: tables of readings. See `sources`."""

from backstay_core.environments import machine
from backstay_core.environments.machine import same
from backstay_core.environments.parsing import kib, line, whole
from backstay_core.environments.sources import From, Row, rows_without

INFO = rows_without(machine.INFO, "total_memory", "total_cpu_cores") + (
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
USAGE = machine.USAGE + (
    Row("locked_memory_bytes", "bytes", "of this process that cannot be swapped out",
        From("/proc/self/status", parse=kib("VmLck"))),
    Row("page_faults_major", "", "of this process, each of which waited for a disk",
        From("/proc/self/stat", parse=lambda text: whole(text.rpartition(")")[2].split()[9]))),
)  # fmt: skip
