"""Runs inside a virtual machine, as root: a command in a container made by hand, on control groups of version 2.

    boxed.py memory.max=67108864 outer:cpu.max="50000 100000" -- command …

The command is in a group inside an outer one, each with its limits, and has a pid namespace of its own.
"""

import ctypes
import os
import sys
from pathlib import Path

TOP = Path("/sys/fs/cgroup")
OUTER, INNER = TOP / "outer", TOP / "outer" / "inner"
CLONE_NEWPID = 0x20000000


def main(arguments: "list[str]") -> int:
    limits, command = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    INNER.mkdir(parents=True, exist_ok=True)
    for group in (TOP, OUTER):
        (group / "cgroup.subtree_control").write_text("+cpu +memory +pids")
    for limit in limits:
        name, _, value = limit.partition("=")
        outer, colon, rest = name.partition(":")
        (OUTER / rest if colon else INNER / outer).write_text(value)
    (INNER / "cgroup.procs").write_text(str(os.getpid()))
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWPID) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    return os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
