"""Record the real environments as fixtures for the fast tests: ``python -m tests.environments.real.capture [NAME …]``.

As root, after `make real`. Look at the difference before you commit it.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.environments.real import oci, rootfs
from tests.environments.real.containerd import IMAGE, containerd
from tests.environments.real.dockerd import dockerd
from tests.environments.real.guests import guest, initramfs
from tests.environments.real.kernels import kernel
from tests.environments.real.surroundings import Outlook, Surroundings
from tests.environments.real.webassembly import Pyodide, Wasi
from tests.environments.recordings import FIXTURES

MEMORY = 96 << 20
READINGS = (
    "total_memory", "total_cpu_cores", "memory_limit", "cpu_limit", "process_limit", "pod_namespace", "hypervisor",
    "real_time_kernel",
)  # fmt: skip

# Where it was recorded is nobody's business, and would be different the next time.
ELSEWHERE = (
    (r",(lowerdir|upperdir|workdir)=[^, \\\\]*", ""),
    (r"/tmp/backstay-real-[^/]*/[a-z]+-[^/]*/", "/var/lib/engine/"),
    (r"(/[a-z_]+/[0-9a-f]{32})?/backstay-docker-[0-9]+", "/docker"),
    (r"/backstay-cri-[0-9]+", ""),
)


@contextmanager
def environment(name: str, scratch: Path) -> Iterator[Surroundings]:
    """Start one of `ABOUT` in an empty folder."""
    root = rootfs.make(scratch / "root")
    site = root / "opt" / "backstay"
    folder = Path(tempfile.mkdtemp(prefix="folder-", dir=scratch))
    if name == "docker_container":
        layer = rootfs.pack(root, scratch / "layer.tar")
        limits = (f"--memory={MEMORY}", f"--memory-swap={MEMORY}", "--cpus=0.5", "--pids-limit=77")
        with dockerd(folder, layer) as docker, docker.container(*limits) as container:
            yield container
    elif name == "cri_pod":
        layer = rootfs.pack(root, scratch / "layer.tar")
        archive = oci.image(layer, scratch / "image.tar", IMAGE, ["/bin/sleep", "1000000"])
        with containerd(folder, archive) as pods, pods.pod(memory=MEMORY, quota=50_000) as pod:
            yield pod
    elif name == "pyodide":
        yield Pyodide(site)
    elif name == "wasi":
        yield Wasi(site, folder)
    else:
        machine, flavour = MACHINES[name]
        found = kernel(flavour)
        with guest(folder, machine, found, initramfs(root, found, scratch / "initrd")) as running:
            yield running


ABOUT = {
    "docker_container": "A container of Docker 20.10 with limits, on control groups of version 1",
    "cri_pod": "A pod that containerd 1.6 made over CRI as a kubelet would, on control groups of version 1",
    "pyodide": "Pyodide 314 under Node: CPython 3.14 on Emscripten",
    "wasi": "CPython 3.12 for WASI under wasmtime",
    "qemu_microvm": "QEMU's microvm machine with Debian's kernel 6.12 for clouds",
    "qemu_pc": "QEMU's PC (q35) with Debian's kernel 6.12 for clouds",
    "qemu_rt": "QEMU's microvm machine with Debian's PREEMPT_RT kernel 6.1",
}
MACHINES = {"qemu_microvm": ("micro", "cloud"), "qemu_pc": ("pc", "cloud"), "qemu_rt": ("micro", "rt")}


def record(name: str) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="backstay-real-") as scratch,
        environment(name, Path(scratch)) as inside,
    ):
        text = inside.run("python", "-m", "capture_environment", "--about", ABOUT[name]).stdout
        outlook = Outlook(inside)
    for pattern, other in ELSEWHERE:
        text = re.sub(pattern, other, text)
    known = {**outlook.data["system_info"], **outlook.data["resource_usage"]}
    readings = {each: known[each]["value"] for each in READINGS if known.get(each, {}).get("value") is not None}
    wanted = {"primary": outlook.primary, "layers": outlook.layers, "readings": readings}
    folder = FIXTURES / name
    folder.mkdir(exist_ok=True)
    (folder / "capture.json").write_text(text, "utf-8")
    (folder / "expected.json").write_text(json.dumps(wanted) + "\n", "utf-8")
    print(f"{name}: {outlook.primary}; {folder}")


if __name__ == "__main__":
    for each in sys.argv[1:] or ABOUT:
        record(each)
