"""Virtual machines: a PC, a microVM, and one with a real-time kernel, all emulated by QEMU."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backstay_core.environments.kinds import RuntimeEnvironment
from tests.environments.real.guests import Guest, guest
from tests.environments.real.kernels import Kernel
from tests.environments.real.processes import until
from tests.environments.real.surroundings import Outlook, demo

pytestmark = pytest.mark.slow

Initrd = Callable[[str], tuple[Kernel, Path]]
MEMORY = 512 << 20
Scratch = Callable[[str], Path]


@pytest.fixture(scope="module")
def micro(scratch: Scratch, initrd: Initrd) -> Iterator[Guest]:
    with guest(scratch("micro"), "micro", *initrd("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def pc(scratch: Scratch, initrd: Initrd) -> Iterator[Guest]:
    with guest(scratch("pc"), "pc", *initrd("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def real_time(scratch: Scratch, initrd: Initrd) -> Iterator[Guest]:
    with guest(scratch("rt"), "micro", *initrd("rt")) as running:
        yield running


@pytest.mark.parametrize("machine", ["micro", "pc", "real_time"])
def test_a_policy_decides_as_it_does_outside(machine: str, here: object, request: pytest.FixtureRequest):
    assert demo(request.getfixturevalue(machine)) == here


def test_without_firmware_it_is_a_micro_vm(micro: Guest):
    outlook = Outlook(micro)
    assert outlook.primary == RuntimeEnvironment.MICRO_VM
    assert outlook.layers == [RuntimeEnvironment.MICRO_VM, RuntimeEnvironment.OPERATING_SYSTEM]
    assert outlook["total_cpu_cores"] == 1
    assert MEMORY * 0.7 < outlook["total_memory"] < MEMORY  # the kernel keeps some for itself
    assert outlook.reading("product")["value"] is None


def test_a_pc_is_a_virtual_machine(pc: Guest):
    outlook = Outlook(pc)
    assert outlook.primary == RuntimeEnvironment.VIRTUAL_MACHINE
    assert outlook.layers == [RuntimeEnvironment.VIRTUAL_MACHINE, RuntimeEnvironment.OPERATING_SYSTEM]
    assert outlook["hypervisor"] == "QEMU"
    assert "Q35" in outlook["product"]


def test_a_real_time_kernel_is_told_from_the_machine_below_it(real_time: Guest):
    outlook = Outlook(real_time)
    assert outlook.primary == RuntimeEnvironment.REAL_TIME_OS
    assert outlook.layers[:2] == [RuntimeEnvironment.REAL_TIME_OS, RuntimeEnvironment.MICRO_VM]
    assert outlook["real_time_kernel"] is True


def test_a_kernel_that_is_only_preemptible_is_no_real_time_system(pc: Guest):
    assert "PREEMPT" in pc.run("uname", "-v").stdout
    assert RuntimeEnvironment.REAL_TIME_OS not in Outlook(pc).layers


def test_memory_that_the_host_takes_back_is_told(micro: Guest):
    assert Outlook(micro)["balloon_bytes"] == 0
    taken = 64 << 20
    micro.command("balloon", value=MEMORY - taken)
    try:
        until(lambda: micro.command("query-balloon")["actual"] == MEMORY - taken, "the balloon to grow")
        assert Outlook(micro)["balloon_bytes"] == taken
    finally:
        micro.command("balloon", value=MEMORY)


class Boxed:
    """In a container that is made by hand in a virtual machine, on control groups of version 2."""

    def __init__(self, machine: Guest, *limits: str) -> None:
        self.machine = machine
        self.limits = limits

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        program, *rest = command
        return self.machine.run("python", "/opt/boxed.py", *self.limits, "--", f"/bin/{program}", *rest)


OUTER, INNER = 96 << 20, 256 << 20


def test_a_container_on_control_groups_of_version_2(pc: Guest):
    outlook = Outlook(
        Boxed(pc, f"memory.max={INNER}", f"outer:memory.max={OUTER}", "cpu.max=50000 100000", "pids.max=99")
    )
    assert outlook.primary == RuntimeEnvironment.CONTAINER
    assert RuntimeEnvironment.VIRTUAL_MACHINE in outlook.layers
    assert outlook["total_memory"] == OUTER, "the group above has less"
    assert outlook.reading("memory_limit")["source"] == "/sys/fs/cgroup/outer/memory.max"
    assert outlook["total_cpu_cores"] == 0.5
    assert outlook["process_limit"] == 99
    assert 0 < outlook["memory_usage_bytes"] < OUTER
    assert outlook["cpu_time_ns"] > 0


def test_there_a_child_that_was_killed_for_want_of_memory_is_counted(pc: Guest):
    inside = Boxed(pc, f"memory.max={INNER}", f"outer:memory.max={OUTER}", "cpu.max=max")
    said = json.loads(inside.run("python", "/opt/strain.py", "oom").stdout)
    assert said["after"]["oom_kills"]["value"] == said["before"]["oom_kills"]["value"] + 1
    assert said["after"]["oom_kills"]["source"] == "/sys/fs/cgroup/outer/inner/memory.events"


def test_there_throttling_is_counted(pc: Guest):
    inside = Boxed(pc, "memory.max=max", "outer:memory.max=max", "cpu.max=50000 100000")
    said = json.loads(inside.run("python", "/opt/strain.py", "throttle").stdout)
    assert said["after"]["cpu_throttled_percent"]["value"] > 0
