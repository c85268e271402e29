"""The machine that runs the tests, whatever it is: what can be told in another way too is the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backstay_core.environments.kinds import RuntimeEnvironment
from tests.environments.real.surroundings import Outlook
from tests.environments.test_this_machine import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is compared with what Linux says")


class Here:
    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def outlook() -> Outlook:
    return Outlook(Here())


def test_an_operating_system_is_below_everything(outlook: Outlook):
    assert outlook.layers[0] == outlook.primary
    assert outlook.layers[-1] == RuntimeEnvironment.OPERATING_SYSTEM


def test_a_marker_of_docker_on_a_host_makes_no_container(outlook: Outlook):
    """The image that a virtual machine is made of may have been docker's; its marker is still there then."""
    if (
        os.readlink("/proc/self/ns/pid") != "pid:[4026531836]"
        or " / / " not in Path("/proc/self/mountinfo").read_text()
    ):
        pytest.skip("the tests themselves run in a container")
    assert RuntimeEnvironment.CONTAINER not in outlook.layers
    if Path("/.dockerenv").exists():
        assert any("stale" in reason for reason in outlook.ruled_out(RuntimeEnvironment.CONTAINER))


def test_firecracker_is_a_micro_vm_and_no_virtual_machine(outlook: Outlook):
    table = Path("/sys/firmware/acpi/tables/FACP")
    if not os.access(table, os.R_OK) or table.read_bytes()[10:16] != b"FIRECK":
        pytest.skip("this machine is not Firecracker's")
    assert outlook.primary == RuntimeEnvironment.MICRO_VM
    assert RuntimeEnvironment.VIRTUAL_MACHINE not in outlook.layers


def test_readings_are_what_the_system_says_otherwise():
    outlook = Outlook(Here(), "--environment", "operating_system")
    assert outlook["total_memory"] in memory()
    assert outlook["total_cpu_cores"] == len(os.sched_getaffinity(0))
    assert outlook["total_disk_space"] == shutil.disk_usage("/").total
    assert outlook["architecture"] == os.uname().machine
    assert 0 < outlook["uptime"] <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 < outlook["memory_usage_bytes"] < outlook["total_memory"]


def test_children_are_counted():
    before = Outlook(Here(), "--environment", "operating_system")["process_count"]
    children = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(100)]
    try:
        # Others on the machine come and go as well, but not as many.
        assert Outlook(Here(), "--environment", "operating_system")["process_count"] > before + 50
    finally:
        for child in children:
            child.communicate()
