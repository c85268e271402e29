"""A Docker engine of our own: on a unix socket, without a bridge, without iptables, with images made here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.environments.real.needs import need_programs, need_root
from tests.environments.real.processes import serving, sweep
from tests.environments.real.traces import remove_groups

IMAGE = "backstay/real"


@dataclass
class Docker:
    socket: Path
    group: str  # the control group, in every hierarchy, below which all containers are

    def __call__(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["docker", "--host", f"unix://{self.socket}", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done

    @contextmanager
    def container(self, *options: str, command: tuple[str, ...] = ("sleep", "1000000")) -> Iterator[Container]:
        """A running container without network; `--init`, because a first process ignores SIGTERM."""
        limits = ("--network=none", "--init", f"--cgroup-parent={self.group}")
        name = self("run", "--detach", *limits, *options, IMAGE, *command).stdout.strip()
        try:
            yield Container(self, name)
        finally:
            self("rm", "--force", "--volumes", name)


@dataclass
class Container:
    docker: Docker
    name: str

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.docker("exec", self.name, *command, check=check)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A command inside that is spoken with through its standard input and output."""
        arguments = ["docker", "--host", f"unix://{self.docker.socket}", "exec", "--interactive", self.name, *command]
        return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def inspect(self) -> Any:
        return json.loads(self.docker("inspect", self.name).stdout)[0]


@contextmanager
def dockerd(folder: Path, archive: Path) -> Iterator[Docker]:
    """Run the engine in a folder of its own, with the archive as its only image."""
    need_root()
    need_programs("dockerd", "docker", "containerd", "runc", "docker-init")
    docker = Docker(folder / "docker.sock", f"backstay-docker-{folder.stat().st_ino}")
    command = [
        "dockerd",
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'run'}",
        f"--pidfile={folder / 'pid'}",
        f"--host=unix://{docker.socket}",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--storage-driver=overlay2",
    ]
    try:
        with serving(command, lambda: docker("version", check=False).returncode == 0, folder / "log"):
            docker("import", archive, IMAGE)
            try:
                yield docker
            finally:
                left = docker("ps", "--all", "--quiet", check=False).stdout.split()
                if left:  # the engine would give each ten seconds to end
                    docker("rm", "--force", *left)
    finally:
        remove_groups(docker.group)
        sweep(folder)
