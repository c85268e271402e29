"""Containers of a real Docker engine: what Backstay says inside is what was set outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from backstay_core.environments.kinds import RuntimeEnvironment
from tests.environments.real.dockerd import Container, Docker
from tests.environments.real.surroundings import Outlook, demo

MEMORY = 96 << 20
LIMITS = (f"--memory={MEMORY}", f"--memory-swap={MEMORY}", "--cpus=0.5", "--pids-limit=77")


@pytest.fixture(scope="module")
def container(docker: Docker) -> Iterator[Container]:
    with docker.container(*LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def outlook(container: Container) -> Outlook:
    return Outlook(container)


def strain(container: Container, how: str) -> Any:
    return json.loads(container.run("python", "/opt/strain.py", how).stdout)


def test_a_policy_decides_as_it_does_outside(container: Container, here: object):
    assert demo(container) == here


def test_it_is_a_container_on_whatever_the_host_is(outlook: Outlook):
    assert outlook.primary == RuntimeEnvironment.CONTAINER
    assert outlook.layers[0] == RuntimeEnvironment.CONTAINER
    assert outlook.layers[-1] == RuntimeEnvironment.OPERATING_SYSTEM


def test_readings_equal_the_limits_that_were_set(outlook: Outlook):
    assert outlook["total_memory"] == outlook["memory_limit"] == MEMORY
    assert outlook["total_cpu_cores"] == outlook["cpu_limit"] == 0.5
    assert outlook["process_limit"] == 77
    assert outlook["engine"] == "docker"
    assert outlook.capabilities["resource_limits"] is True
    assert outlook.capabilities["network"] is False  # it was started with --network=none
    assert 0 < outlook["memory_usage_bytes"] < MEMORY


def test_readings_follow_a_limit_that_is_changed(docker: Docker):
    with docker.container(*LIMITS) as container:
        docker("update", f"--memory={MEMORY // 2}", f"--memory-swap={MEMORY // 2}", "--cpus=1.5", container.name)
        outlook = Outlook(container)
        assert outlook["total_memory"] == MEMORY // 2
        assert outlook["cpu_limit"] == 1.5


def test_without_limits_it_has_what_the_machine_has(docker: Docker):
    with docker.container() as container:
        outlook = Outlook(container)
        assert outlook["total_memory"] == outlook["machine_memory"]
        assert outlook["total_cpu_cores"] == outlook["machine_cpus"]
        for name in ("memory_limit", "cpu_limit"):
            assert outlook.reading(name)["value"] is None
            assert outlook.reading(name)["reason"] == "no limit"


def test_fewer_processors_are_counted(docker: Docker):
    with docker.container("--cpuset-cpus=0") as container:
        assert Outlook(container)["total_cpu_cores"] == 1


def test_throttling_is_counted(docker: Docker):
    with docker.container("--cpus=0.2") as container:  # less than a busy host leaves to it
        said = strain(container, "throttle")
    before, after = said["before"], said["after"]
    assert after["cpu_periods"]["value"][0] > before["cpu_periods"]["value"][0]
    assert after["cpu_throttled_percent"]["value"] > 0
    assert after["cpu_time_ns"]["value"] > before["cpu_time_ns"]["value"]


def test_a_child_that_was_killed_for_want_of_memory_is_counted(container: Container):
    # `memory_limit_hits` is not compared: there are kernels whose version 1 has the counter but never counts.
    said = strain(container, "oom")
    assert said["after"]["oom_kills"]["value"] == said["before"]["oom_kills"]["value"] + 1
    [oom] = [detail for detail in said["health"]["details"] if detail["name"] == "oom"]
    assert (oom["level"], oom["value"]) == ("error", 1)
    assert container.inspect()["State"]["OOMKilled"] is False, "it was a child, not the container"


def test_on_the_hosts_pid_namespace_it_is_still_a_container(docker: Docker):
    with docker.container("--pid=host") as container:
        assert Outlook(container).primary == RuntimeEnvironment.CONTAINER
