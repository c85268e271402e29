"""Kernels for virtual machines: Debian's own packages, unpacked and not installed, with the modules guests load."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.environments.real.needs import need_file


@dataclass(frozen=True)
class Kernel:
    image: Path
    modules: Path  # …/lib/modules/<release>


def kernel(flavour: str) -> Kernel:
    """The kernel `cloud` or `rt`, as `make real` unpacked it."""
    return Kernel(
        need_file(f"kernels/{flavour}/boot/vmlinuz-*"),
        need_file(f"kernels/{flavour}/lib/modules/*/kernel").parent,
    )


def copy_modules(kernel: Kernel, names: tuple[str, ...], place: Path) -> None:
    """Copy modules and what they stand on; `order` lists the files in the order in which they can be loaded."""
    place.mkdir(parents=True)
    files = {path.stem: path for path in kernel.modules.rglob("*.ko")}
    order: list[str] = []

    def add(name: str) -> None:
        file = files[name]
        if file.name not in order:
            for needed in _needed(file):
                add(needed)
            shutil.copy2(file, place)
            order.append(file.name)

    for name in names:
        if name in files:  # else it is built in, or this flavour has not got it
            add(name)
    (place / "order").write_text("".join(f"{name}\n" for name in order))


def _needed(file: Path) -> list[str]:
    """The `depends=` field of a module; an unpacked package has no modules.dep yet."""
    fields = file.read_bytes().split(b"\0")
    [found] = [field.removeprefix(b"depends=").decode() for field in fields if field.startswith(b"depends=")]
    return [name.replace("-", "_") for name in found.split(",") if name]
