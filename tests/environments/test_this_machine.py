"""What the adapter of the operating system reads here is what others say of the same machine."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backstay import environments
from backstay.environments import SystemProbe, adapter_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="compares with what Linux says in other ways")


def memory() -> set[int]:
    """Bytes, as the kernel has them, and as /proc says where a container has one of its own (lxcfs)."""
    [total] = [
        line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    ]
    return {os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), int(total) * 1024}


@pytest.fixture
def adapter():
    return adapter_for("operating_system", SystemProbe())


def test_what_it_is(adapter: Any):
    info = adapter.get_system_info()
    assert info.system_name == platform.system()
    assert info.system_version == platform.release()
    assert info.architecture == platform.machine()
    assert info.hostname == socket.gethostname()
    assert info.total_cpu_cores == len(os.sched_getaffinity(0))
    assert info.total_memory in memory()
    assert info.total_disk_space == shutil.disk_usage("/").total


COUNTED = """
import os, threading
from backstay.environments import SystemProbe, adapter_for

adapter = adapter_for("operating_system", SystemProbe())
release = threading.Event()
threads = [threading.Thread(target=release.wait) for _ in range(5)]
before = adapter.get_resource_usage()
files = [open(os.devnull) for _ in range(7)]
for thread in threads:
    thread.start()
after = adapter.get_resource_usage()
release.set()
print(after.process_threads - before.process_threads, after.process_open_files - before.process_open_files)
"""

TAKEN = """
import os
from backstay.environments import SystemProbe, adapter_for

adapter = adapter_for("operating_system", SystemProbe())
adapter.get_resource_usage()
before = adapter.get_resource_usage().process_memory_bytes
block = bytearray(os.urandom(1)) * (64 << 20)
print(adapter.get_resource_usage().process_memory_bytes - before)
"""


def said(code: str) -> str:
    """What a process says in which nothing else goes on."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_open_files_and_threads_are_counted():
    assert said(COUNTED) == "5 7\n"


def test_memory_that_is_taken_is_seen():
    assert int(said(TAKEN)) > 48 << 20


def test_a_busy_processor_is_seen(adapter: Any):
    """Until the kernel has counted a tick of it, which may be after it has counted idle ones of other processors."""
    adapter.initialize()
    value = None
    for _ in range(10_000):
        sum(range(100_000))
        value = adapter.get_resource_usage().cpu_usage_percent
        if value:
            break
    assert value is not None
    assert 0 < value <= 100


def test_traffic_of_the_loopback_is_not_the_networks(adapter: Any):
    names = {name for _, name in socket.if_nameindex()}
    usage = adapter.get_resource_usage()
    if names == {"lo"}:
        assert usage.network_rx_bytes == 0
    assert usage.network_rx_bytes >= 0
    assert adapter.capabilities().network is bool(names - {"lo"})


def test_who_only_detects_loads_neither_adapters_nor_the_manager():
    code = (
        "import sys\n"
        "from backstay.environments import detect\n"
        "detect()\n"
        "print([name for name in sys.modules if name.partition('.environments.')[2] in\n"
        "       ('manager', 'recovery', 'adapters', 'contract', 'adjustment')])\n"
    )
    assert said(code) == "[]\n"


def test_all_that_is_offered_is_there():
    assert [name for name in environments.__all__ if not hasattr(environments, name)] == []
    assert set(environments.__all__) <= set(dir(environments))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        environments.nothing  # noqa: B018
