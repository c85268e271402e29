"""One small root file system for every environment: busybox, the Python that runs the tests, and Backstay.

Containers and pods import it as an image, virtual machines boot it as their initramfs. It is made from what is on this
machine; nothing is downloaded.
"""

from __future__ import annotations

import compileall
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.environments.real.needs import ROOT, need_programs

INSIDE = Path(__file__).parent / "inside"
CLI = ("click", "rich")  # what they stand on is not needed for what is run inside
LIBRARY = f"python{sys.version_info.major}.{sys.version_info.minor}"
UNUSED = ("config-*", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test", "tests", "tkinter")
UNUSED_FILES = ("*.opt-?.pyc", "*_test*", "_tkinter*", "turtle*", "_codecs_??.*", "_codecs_iso2022*")

SCRIPT = """#!/bin/sh
export PYTHONPATH=/opt/backstay PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=error
exec {python} {options} "$@"
"""


def make(root: Path) -> Path:
    """Lay the root file system out below a folder that is empty or not there, and return it."""
    need_programs("busybox", "ldd")
    for name in ("bin", "dev", "etc", "opt/backstay", "proc", "root", "run", "sys", "tmp"):
        (root / name).mkdir(parents=True)
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    _busybox(root)
    python = _python(root)
    site = root / "opt" / "backstay"
    for package in (ROOT / "core" / "backstay_core", ROOT / "targets" / "native" / "backstay", *map(_package, CLI)):
        shutil.copytree(package, site / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "tools" / "capture_environment.py", site)
    for source in INSIDE.iterdir():
        if source.is_file():
            shutil.copy2(source, root / "opt")
    compileall.compile_dir(site, quiet=2, stripdir=root)
    for name, options in (("python", ""), ("backstay", "-m backstay")):
        script = root / "bin" / name
        script.write_text(SCRIPT.format(python=python, options=options))
        script.chmod(0o755)
    return root


def _package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _busybox(root: Path) -> None:
    program = shutil.which("busybox")
    assert program is not None
    shutil.copy2(program, root / "bin" / "busybox")
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")


def _python(root: Path) -> str:
    """Copy the interpreter and its library to where they are here; returns the interpreter's path."""
    base = Path(sys.base_prefix)
    library = base / "lib" / LIBRARY
    below = root / library.relative_to("/")
    shutil.copytree(library, below, ignore=shutil.ignore_patterns(*UNUSED, *UNUSED_FILES), symlinks=False)
    program = Path(sys.executable).resolve()
    _copy(program, root)
    for binary in (program, *below.glob("lib-dynload/*.so")):
        for shared in _shared(binary):
            _copy(shared, root)
    return str(program)


def _shared(binary: Path) -> Iterator[Path]:
    listed = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    for found in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", listed.stdout, re.MULTILINE):
        yield Path(found)


def _copy(file: Path, root: Path) -> None:
    place = root / file.relative_to("/")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file.resolve(), place)


def pack(root: Path, archive: Path) -> Path:
    """The file system as a tar archive, which engines import as an image of one layer."""
    subprocess.run(["tar", "-C", root, "--owner=0", "--group=0", "--numeric-owner", "-cf", archive, "."], check=True)
    return archive
