"""Containers by podman, without a service: storage, state and configuration in a folder of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.environments.real.needs import need_programs, need_root
from tests.environments.real.processes import sweep
from tests.environments.real.traces import remove_groups

IMAGE = "localhost/backstay/real:1"

# The limits of a process are named because podman's own are higher than root may set without CAP_SYS_RESOURCE;
# runc because crun refuses machines that have control groups of both versions.
CONFIG = """\
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:8192"]
log_driver = "k8s-file"
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
runtime = "runc"
"""

PLACES = {"root": "root", "runroot": "run", "tmpdir": "tmp"}  # it refuses a runroot of more than 50 characters


@dataclass
class Podman:
    folder: Path
    group: str

    def __call__(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        places = [f"--{name}={self.folder / short}" for name, short in PLACES.items()]
        done = subprocess.run(
            ["podman", *places, "--storage-driver=overlay", *map(str, arguments)],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "CONTAINERS_CONF": str(self.folder / "containers.conf")},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert not check or done.returncode == 0, f"podman {arguments}:\n{done.stdout}\n{done.stderr}"
        return done

    @contextmanager
    def container(self, *options: str) -> Iterator[PodmanContainer]:
        limits = ("--network=none", f"--cgroup-parent=/{self.group}")
        name = self("run", "--detach", *limits, *options, IMAGE, "sleep", "1000000").stdout.strip()
        try:
            yield PodmanContainer(self, name)
        finally:
            self("rm", "--force", "--time=0", name)


@dataclass
class PodmanContainer:
    podman: Podman
    name: str

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.podman("exec", self.name, *command, check=check)


@contextmanager
def podman(folder: Path, archive: Path) -> Iterator[Podman]:
    """Podman with the archive as its only image."""
    need_root()
    need_programs("podman", "runc", "conmon")
    (folder / "containers.conf").write_text(CONFIG)
    engine = Podman(folder, f"backstay-podman-{folder.stat().st_ino}")
    try:
        engine("import", archive, IMAGE)
        yield engine
    finally:
        remove_groups(engine.group)
        sweep(folder)
