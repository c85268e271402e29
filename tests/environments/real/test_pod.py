"""A pod of a real containerd, made over the container runtime interface as a kubelet makes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.environments.real.containerd import Pod, Pods
from tests.environments.real.surroundings import demo

pytestmark = pytest.mark.slow

MEMORY = 96 << 20


@pytest.fixture(scope="module")
def pod(pods: Pods) -> Iterator[Pod]:
    with pods.pod(memory=MEMORY, quota=50_000) as running:
        yield running


def test_a_policy_decides_as_it_does_outside(pod: Pod, here: object):
    assert demo(pod) == here
