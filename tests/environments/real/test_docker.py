"""Containers of a real Docker engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.environments.real.dockerd import Container, Docker
from tests.environments.real.surroundings import demo

MEMORY = 96 << 20


@pytest.fixture(scope="module")
def container(docker: Docker) -> Iterator[Container]:
    with docker.container(f"--memory={MEMORY}", f"--memory-swap={MEMORY}", "--cpus=0.5") as running:
        yield running


def test_a_policy_decides_as_it_does_outside(container: Container, here: object):
    assert demo(container) == here
