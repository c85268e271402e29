"""Kernels for virtual machines: Debian's own packages, unpacked and not installed, with the modules guests load."""

from __future__ import annotations

import lzma
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
    files = {_name(path): path for path in kernel.modules.rglob("*.ko*")}
    built_in = {_name(Path(line)) for line in (kernel.modules / "modules.builtin").read_text().split()}
    order: list[str] = []

    def add(name: str) -> None:
        if name in built_in or f"{name}.ko" in order:
            return
        content = _content(files[name])
        for needed in _needed(content):
            add(needed)
        (place / f"{name}.ko").write_bytes(content)
        order.append(f"{name}.ko")

    for name in names:
        add(name)
    (place / "order").write_text("".join(f"{name}\n" for name in order))


def _name(path: Path) -> str:
    return path.name.partition(".")[0].replace("-", "_")


def _content(file: Path) -> bytes:
    return lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()


def _needed(content: bytes) -> list[str]:
    """The `depends=` field of a module; an unpacked package has no modules.dep yet."""
    [found] = [each[8:].decode() for each in content.split(b"\0") if each.startswith(b"depends=")]
    return [name.replace("-", "_") for name in found.split(",") if name]
