"""Containers by podman, which marks them in another way than Docker does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backstay_core.environments.kinds import RuntimeEnvironment
from tests.environments.real.podman import Podman, PodmanContainer, podman
from tests.environments.real.surroundings import Outlook, demo

pytestmark = pytest.mark.slow

MEMORY = 96 << 20


@pytest.fixture(scope="module")
def engine(scratch: Callable[[str], Path], layer: Path) -> Iterator[Podman]:
    with podman(scratch("podman"), layer) as running:
        yield running


@pytest.fixture(scope="module")
def container(engine: Podman) -> Iterator[PodmanContainer]:
    with engine.container(f"--memory={MEMORY}", f"--memory-swap={MEMORY}", "--cpus=0.5") as running:
        yield running


def test_a_policy_decides_as_it_does_outside(container: PodmanContainer, here: object):
    assert demo(container) == here


def test_it_is_a_container_of_podman(container: PodmanContainer):
    outlook = Outlook(container)
    assert outlook.primary == RuntimeEnvironment.CONTAINER
    assert outlook["engine"] == "podman"
    assert outlook["total_memory"] == MEMORY
    assert outlook["total_cpu_cores"] == 0.5
