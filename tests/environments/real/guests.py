"""Virtual machines under QEMU's own CPU emulation: started, spoken with, saved, restored and moved."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.environments.real.kernels import Kernel, copy_modules
from tests.environments.real.needs import missing, need_programs
from tests.environments.real.processes import serving, until

MODULES = ("virtio_mmio", "virtio_pci", "virtio_balloon", "vmgenid")
PATIENCE = 500.0  # seconds for one answer of a guest; emulation on a busy machine is slow

MACHINES = {
    # A PC with firmware tables, PCI and a battery-backed clock.
    "pc": ["-M", "q35", "-device", "virtio-balloon-pci,id=balloon"],
    # No PCI and no firmware. Without the three old devices the kernel cannot tell its clock's speed.
    "micro": ["-M", "microvm,pit=on,pic=on,rtc=on", "-device", "virtio-balloon-device,id=balloon"],
}

#  what a kernel is told of its clocks
CLOCKS = {
    "pc": "tsc=unstable",  # under emulation it is the host's: it would go on while the machine is put back
    "micro": "tsc_early_khz=2600000",  # no device tells its frequency
}


def initramfs(root: Path, kernel: Kernel, archive: Path) -> Path:
    """The root file system with the kernel's modules, as the archive that a kernel unpacks into memory at boot."""
    need_programs("cpio")
    below = archive.with_suffix(".d")
    copy_modules(kernel, MODULES, below / "modules")
    shutil.copy2(root / "opt" / "init", below / "init")
    with archive.open("wb") as out:
        for folder in (root, below):  # a kernel unpacks one archive after the other
            names = subprocess.run(["find", ".", "-print0"], cwd=folder, capture_output=True, check=True).stdout
            pack = ["cpio", "--quiet", "--null", "--create", "--format=newc", "--owner=0:0"]
            subprocess.run(pack, cwd=folder, input=names, stdout=out, check=True)
    return archive


@dataclass
class Guest:
    """One running virtual machine."""

    monitor: Any
    port: socket.socket
    received: bytearray = field(default_factory=bytearray)

    def answer(self) -> Any:
        while b"\n" not in self.received:
            piece = self.port.recv(1 << 16)
            assert piece, "the virtual machine has ended"
            self.received += piece
        line, _, rest = bytes(self.received).partition(b"\n")
        self.received[:] = rest
        return json.loads(line)

    def request(self, **fields: Any) -> Any:
        self.port.sendall(json.dumps(fields).encode() + b"\n")
        return self.answer()

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = self.request(run=command)
        assert not check or done["code"] == 0, f"{command}:\n{done['out']}\n{done['err']}"
        return subprocess.CompletedProcess(command, done["code"], done["out"], done["err"])

    def open(self, *command: str) -> None:
        self.request(open=command)

    def ask(self, line: str) -> Any:
        return json.loads(self.request(ask=line)["line"])

    def command(self, name: str, **arguments: Any) -> Any:
        return self.monitor.cmd(name, **{key.replace("_", "-"): value for key, value in arguments.items()})

    def save(self, tag: str = "saved") -> None:
        self._job("snapshot-save", tag)

    def load(self, tag: str = "saved") -> None:
        """Put the machine back to where it was saved, and let it run on from there."""
        self.command("stop")
        self._job("snapshot-load", tag)
        self.command("cont")

    def _job(self, name: str, tag: str) -> None:
        self.command(name, job_id=name, tag=tag, vmstate="disk", devices=["disk"])
        until(lambda: self._jobs()[name]["status"] == "concluded", name)
        error = self._jobs()[name].get("error")
        self.command("job-dismiss", id=name)
        assert error is None, f"{name}: {error}"

    def _jobs(self) -> dict[str, Any]:
        return {job["id"]: job for job in self.command("query-jobs")}

    def move_to(self, other: Guest, through: Path) -> None:
        """Live migration to a machine that waits for one; this one stops, the other runs on."""
        other.command("migrate-incoming", uri=f"unix:{through}")
        self.command("migrate", uri=f"unix:{through}")
        until(lambda: self.command("query-migrate").get("status") in ("completed", "failed"), "the migration")
        assert self.command("query-migrate")["status"] == "completed", self.command("query-migrate")
        until(lambda: other.command("query-status")["running"], "the moved machine to run")


@contextmanager
def guest(
    folder: Path, machine: str, kernel: Kernel, archive: Path, *options: str, memory: int = 512, waits: bool = False
) -> Iterator[Guest]:
    """Boot a machine with so many MiB of memory; one that waits does not boot but takes in another by migration."""
    need_programs("qemu-system-x86_64", "qemu-img")
    try:
        from qemu.qmp.legacy import QEMUMonitorProtocol
    except ImportError as error:
        missing(f"{error}")
    disk = folder / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "1G"], check=True)
    monitor, port = folder / "monitor", folder / "port"
    command: Sequence[str | Path] = [
        "qemu-system-x86_64",
        *MACHINES[machine],
        *("-accel", "tcg", "-cpu", "max", "-m", str(memory), "-nodefaults", "-no-user-config", "-no-reboot"),
        *("-display", "none", "-kernel", kernel.image, "-initrd", archive),
        *("-append", f"console=ttyS0 quiet panic=-1 reboot=t rdinit=/init psi=1 {CLOCKS[machine]}"),
        *("-serial", f"file:{folder / 'console'}", "-qmp", f"unix:{monitor},server=on,wait=off"),
        *("-chardev", f"socket,id=port,path={port},server=on,wait=off", "-device", "isa-serial,chardev=port,index=1"),
        *("-blockdev", f"driver=qcow2,node-name=disk,file.driver=file,file.filename={disk}"),
        *options,
        *(("-incoming", "defer") if waits else ()),
    ]
    with serving(command, lambda: monitor.exists() and port.exists(), folder / "log"):
        spoken = QEMUMonitorProtocol(str(monitor))
        spoken.connect()
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(PATIENCE)
                line.connect(str(port))
                running = Guest(spoken, line)
                if not waits:
                    try:
                        assert running.answer() == {"ready": True}
                    except (TimeoutError, AssertionError) as error:
                        console = (folder / "console").read_text(errors="replace")
                        raise AssertionError(f"the machine did not boot:\n{console[-3000:]}") from error
                yield running
        finally:
            spoken.close()
