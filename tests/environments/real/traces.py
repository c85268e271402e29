"""What starting real environments could leave behind on the machine, so that a test can show that it leaves nothing."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

from tests.environments.real.processes import until

CGROUPS = Path("/sys/fs/cgroup")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def traces() -> dict[str, list[str]]:
    """Mounts, network devices, control groups of ours and the forwarding switch, as sorted lists to compare."""
    with Path("/proc/self/mountinfo").open() as table:
        mounts = sorted(line.split()[4] for line in table)
    return {
        "mounts": mounts,
        "network devices": sorted(os.listdir("/sys/class/net")),
        "control groups": sorted(str(path) for path in groups("backstay-*")),
        "ip_forward": [FORWARDING.read_text().strip()],
    }


def groups(pattern: str) -> list[Path]:
    """Control groups in any hierarchy whose names fit: v1 keeps one tree for each controller."""
    return [path for path in CGROUPS.rglob(pattern) if path.is_dir()]


def remove_groups(name: str) -> None:
    """End what runs in a control group of ours, in every hierarchy, and remove it, leaves first."""
    for top in groups(name):
        folders = [path for path in (top, *top.rglob("*")) if path.is_dir()]
        members = [pid for folder in folders for pid in (folder / "cgroup.procs").read_text().split()]
        for pid in members:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        for folder in sorted(folders, reverse=True):
            until(partial(_empty, folder), f"{folder} to be empty")
            folder.rmdir()


def _empty(group: Path) -> bool:
    return not (group / "cgroup.procs").read_text()
