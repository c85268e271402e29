"""Real environments, each started once for all tests that use it, and a line that says how long each file took."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.environments.real import oci, rootfs
from tests.environments.real.containerd import IMAGE, Pods, containerd
from tests.environments.real.dockerd import Docker, dockerd
from tests.environments.real.guests import initramfs
from tests.environments.real.kernels import Kernel, kernel
from tests.environments.real.surroundings import DEMO

HERE = Path(__file__).parent
SPENT = pytest.StashKey[dict[str, float]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SPENT] = defaultdict(float)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(3000))  # emulation is slow; what waits has a limit of its own


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    begin = time.monotonic()
    try:
        return (yield)
    finally:
        if item.path.parent == HERE:
            item.config.stash[SPENT][item.path.stem] += time.monotonic() - begin


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    spent = config.stash[SPENT]
    if spent:
        lanes = ", ".join(f"{name.removeprefix('test_')} {seconds:.0f} s" for name, seconds in spent.items())
        terminalreporter.write_line(f"real environments took {sum(spent.values()):.0f} s: {lanes}")


@pytest.fixture(scope="session")
def scratch() -> Iterator[Callable[[str], Path]]:
    """Makes empty folders, with paths short enough for sockets; they are hundreds of megabytes and go at the end."""
    with tempfile.TemporaryDirectory(prefix="backstay-real-") as top:

        def make(name: str) -> Path:
            return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=top))

        yield make


@pytest.fixture(scope="session")
def root(scratch: Callable[[str], Path]) -> Path:
    return rootfs.make(scratch("root"))


@pytest.fixture(scope="session")
def layer(root: Path) -> Path:
    return rootfs.pack(root, root.with_suffix(".tar"))


@pytest.fixture(scope="session")
def here() -> Any:
    """What the demo says on this machine, outside of everything."""
    done = subprocess.run([sys.executable, "-m", *DEMO], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")  # no longer, or it would run on under all other tests
def docker(scratch: Callable[[str], Path], layer: Path) -> Iterator[Docker]:
    with dockerd(scratch("docker"), layer) as engine:
        yield engine


@pytest.fixture(scope="module")
def pods(scratch: Callable[[str], Path], layer: Path) -> Iterator[Pods]:
    folder = scratch("cri")
    archive = oci.image(layer, folder / "image.tar", IMAGE, ["/bin/sleep", "1000000"])
    with containerd(folder, archive) as engine:
        yield engine


@pytest.fixture(scope="session")
def initrd(scratch: Callable[[str], Path], root: Path) -> Callable[[str], tuple[Kernel, Path]]:
    """The kernel of a flavour and what a machine boots from with it."""

    @cache
    def of(flavour: str) -> tuple[Kernel, Path]:
        found = kernel(flavour)
        return found, initramfs(root, found, scratch(flavour) / "initrd")

    return of
