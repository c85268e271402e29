"""A pod of a real containerd, made over the container runtime interface as a kubelet makes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backstay_core.environments.kinds import RuntimeEnvironment
from tests.environments.real.containerd import Pod, Pods
from tests.environments.real.surroundings import Outlook, demo

pytestmark = pytest.mark.slow

MEMORY = 96 << 20


@pytest.fixture(scope="module")
def pod(pods: Pods) -> Iterator[Pod]:
    with pods.pod(memory=MEMORY, quota=50_000) as running:
        yield running


def test_a_policy_decides_as_it_does_outside(pod: Pod, here: object):
    assert demo(pod) == here


def test_it_is_a_pod_and_a_container_on_whatever_the_node_is(pod: Pod):
    outlook = Outlook(pod)
    assert outlook.primary == RuntimeEnvironment.KUBERNETES_POD
    assert outlook.layers[:2] == [RuntimeEnvironment.KUBERNETES_POD, RuntimeEnvironment.CONTAINER]
    assert outlook.layers[-1] == RuntimeEnvironment.OPERATING_SYSTEM


def test_readings_equal_what_the_pod_was_given(pod: Pod):
    outlook = Outlook(pod)
    assert outlook["total_memory"] == MEMORY
    assert outlook["total_cpu_cores"] == outlook["cpu_limit"] == 0.5
    assert outlook["pod_namespace"] == "shop"
    assert outlook["api_server"] == "127.96.0.1:443"
    assert outlook["can_ask_api"] is True
    assert outlook.capabilities["resource_limits"] is True
    assert outlook.capabilities["service_discovery"] is True
