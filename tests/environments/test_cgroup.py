"""Control groups: version 1, version 2, both; limits as the least of all groups above; what is broken or gone."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.environments import Recorded, adapter_for
from backstay_core.environments.cgroup import directories, limit, quota_1, quota_2
from tests.environments.answers import CGROUP_1, CGROUP_2, EVERYTHING, HYBRID, OWN, POD
from tests.environments.recordings import recorded

MIB = 1 << 20


def container(*worlds: dict[str, Any], **changes: Any):
    answers: dict[str, Any] = dict(EVERYTHING)
    for world in worlds:
        answers.update(world)
    return adapter_for("container", Recorded({**answers, **changes}))


class TestLimits:
    @pytest.mark.parametrize(
        ("world", "memory", "source"),
        [
            (CGROUP_1, 256 * MIB, "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
            (HYBRID, 256 * MIB, "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
            (CGROUP_2, 512 * MIB, f"{POD}/memory.max"),
        ],
        ids=["1", "hybrid", "2"],
    )
    def test_the_least_of_all_groups_above(self, world: dict[str, Any], memory: int, source: str):
        info = container(world).get_system_info()
        assert info.memory_limit == memory
        assert info["memory_limit"].source == source
        assert info.total_memory == memory

    def test_the_own_limit_binds_if_it_is_less(self):
        info = container(CGROUP_2, **{f"{OWN}/memory.max": "1048576\n"}).get_system_info()
        assert (info.memory_limit, info["memory_limit"].source) == (MIB, f"{OWN}/memory.max")

    def test_a_group_above_binds_if_its_limit_is_less(self):
        info = container(CGROUP_2, **{f"{OWN}/memory.max": f"{1024 * MIB}\n"}).get_system_info()
        assert (info.memory_limit, info["memory_limit"].source) == (512 * MIB, f"{POD}/memory.max")

    @pytest.mark.parametrize(
        ("world", "cores"), [(CGROUP_1, 0.5), (CGROUP_2, 1.5), ({}, 4)], ids=["1", "2", "no control groups"]
    )
    def test_effective_processors(self, world: dict[str, Any], cores: float):
        assert container(world).get_system_info().total_cpu_cores == cores

    def test_no_limit_is_none_with_the_reason(self):
        info = container(CGROUP_2, **{f"{POD}/memory.max": "max\n"}).get_system_info()
        assert (info.memory_limit, info["memory_limit"].reason) == (None, "no limit")
        assert info.total_memory == 4 << 30  # the machine's

    def test_a_limit_above_the_machines_memory_gives_no_more(self):
        info = container(CGROUP_2, **{f"{POD}/memory.max": f"{64 << 30}\n"}).get_system_info()
        assert info.total_memory == 4 << 30

    @pytest.mark.parametrize(("world", "there"), [(CGROUP_1, True), (CGROUP_2, True), ({}, False)])
    def test_limits_are_a_capability_where_there_are_some(self, world: dict[str, Any], there: bool):
        assert container(world).capabilities().resource_limits is there


class TestUse:
    @pytest.mark.parametrize("world", [CGROUP_1, CGROUP_2], ids=["1", "2"])
    def test_memory_without_pages_that_can_be_dropped(self, world: dict[str, Any]):
        usage = container(world).get_resource_usage()
        assert usage.memory_usage_bytes == 96 * MIB
        assert usage.oom_kills == 2
        assert usage.memory_limit_hits == 17
        assert (usage.pids, usage.process_limit, usage.pids_percent) == (9, 50, 18.0)

    def test_per_cent_of_the_limit(self):
        assert container(CGROUP_1).get_resource_usage().memory_usage_percent == 37.5
        assert container(CGROUP_2).get_resource_usage().memory_usage_percent == 18.75

    def test_a_group_that_disappears(self):
        """Between two looks the control group was removed: None with a reason, and no exception."""
        answers = {**EVERYTHING, **CGROUP_2}
        adapter = adapter_for("container", Recorded(answers))
        adapter.initialize()
        for question in list(answers):
            if question.startswith("/sys/fs/cgroup"):
                answers[question] = {"reason": "No such device"}
        usage = adapter.get_resource_usage()
        assert (usage.memory_usage_bytes, usage["memory_usage_bytes"].reason) == (None, "No such device")
        assert usage["cpu_usage_percent"].reason == "No such device"
        assert adapter.check_health().overall_health != "critical"

    def test_switched_off(self):
        off = adapter_for(
            "container", Recorded({**EVERYTHING, **CGROUP_2}), {"monitor_resource_limits": False}
        ).get_resource_usage()
        assert off.memory_limit is None
        assert "monitor_resource_limits = false" in off["memory_limit"].reason
        assert off.memory_usage_bytes == 96 * MIB


class TestHealth:
    @pytest.mark.parametrize(("used", "level"), [(100, "healthy"), (215, "warning"), (235, "error"), (250, "critical")])
    def test_memory_against_the_limit(self, used: int, level: str):
        current = "/sys/fs/cgroup/memory/inner/memory.usage_in_bytes"
        health = container(CGROUP_1, **{current: f"{(used + 32) * MIB}\n"}).check_health()
        [memory] = [detail for detail in health.details if detail.name == "memory"]
        assert memory.level == level
        assert memory.reading.source.startswith(current)

    def test_an_oom_kill_is_an_error_once(self):
        answers = {**EVERYTHING, **CGROUP_2}
        adapter = adapter_for("container", Recorded(answers))
        adapter.initialize()
        answers.update({f"{OWN}/memory.events": "max 17\noom_kill 3\n", "clock:monotonic": 3_000_000_000})
        assert adapter.check_health().overall_health == "error"
        answers["clock:monotonic"] = 6_000_000_000
        assert adapter.check_health().overall_health == "healthy"

    def test_throttling(self):
        answers = {**EVERYTHING, **CGROUP_2}
        adapter = adapter_for("container", Recorded(answers))
        adapter.initialize()
        answers.update(
            {
                f"{OWN}/cpu.stat": "usage_usec 900001\nnr_periods 110\nnr_throttled 18\n",
                "clock:monotonic": 3_000_000_000,
            }
        )
        [detail] = [detail for detail in adapter.check_health().details if detail.name == "throttling"]
        assert (detail.level, detail.reading.value) == ("error", 80.0)


class TestWhere:
    @pytest.mark.parametrize(
        ("root", "path", "wanted"),
        [
            ("/", "/", ("/m",)),
            ("/", "/a/b", ("/m/a/b", "/m/a", "/m")),
            ("/a", "/a/b", ("/m/b", "/m")),
            ("/a/b", "/a/b", ("/m",)),
            ("/a", "/ab", ("/m",)),  # not below what is mounted
            ("/../..", "/", ("/m",)),  # a cgroup namespace below another one
            ("/", "/../x", ("/m/x", "/m")),
        ],
    )
    def test_directories(self, root: str, path: str, wanted: tuple[str, ...]):
        mounts = f"30 24 0:26 {root} /m rw - cgroup2 cgroup2 rw\n"
        assert directories(mounts, f"0::{path}\n", "memory") == (2, wanted)

    @pytest.mark.parametrize("mounts", ["", "\n\n", "1 2 3", "x - y", "30 24 0:26 / /m rw - cgroup2", "\x00" * 50])
    def test_half_written_mounts_are_none(self, mounts: str):
        assert directories(mounts, "0::/\n::\n:", "memory") == (0, ())

    def test_a_path_of_a_thousand_groups_ends(self):
        _, places = directories("30 24 0:26 / /m rw - cgroup2 cgroup2 rw\n", "0::" + "/a" * 1000 + "\n", "memory")
        assert len(places) == 65

    def test_version_1_is_read_where_it_is_mounted(self):
        info = adapter_for("micro_vm", recorded("firecracker_host")).get_system_info()
        assert info.hypervisor == "unnamed"
        limits = adapter_for("container", recorded("firecracker_host")).get_system_info()["memory_limit"]
        assert (limits.value, limits.reason) == (None, "no limit")
        assert "/sys/fs/cgroup/memory/" in limits.source


@pytest.mark.parametrize("text", ["", "-2", "12x", "9" * 30, "max max", "\x00", "²"])
def test_what_is_no_limit_is_refused(text: str):
    with pytest.raises(ValueError, match="whole number"):
        limit(text)


def test_quotas():
    assert quota_2("max 100000") is None
    assert quota_2("50000 100000\n") == 0.5
    assert quota_1("-1\n", "100000\n") is None
    with pytest.raises(ValueError, match="period"):
        quota_2("1 0")
