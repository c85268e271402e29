"""Every key of the tables ``[runtime_environments.*]`` does what it says."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.environments import Recorded, RuntimeEnvironmentManager, adapter_for
from backstay.environments.draining import Drain
from backstay_core.config.tables import ENVIRONMENTS
from backstay_core.environments.adapters import ADAPTERS
from tests.environments.answers import CGROUP_2, EVERYTHING

KEYS = [(table.key, row.name) for table in ENVIRONMENTS for row in table.rows]
WORLD = {**EVERYTHING, **CGROUP_2}
#  where a setting takes the place of what cannot be read
UNREADABLE = ("/proc/meminfo", "fact:cpus", "fact:heap")


@pytest.mark.parametrize(("key", "name"), KEYS)
def test_a_setting_is_wired(key: str, name: str):
    [cls] = [cls for cls in ADAPTERS if key == cls.KEY]
    if name == "enabled":
        probe = Recorded({**WORLD, "env:BACKSTAY_ENVIRONMENT": {"reason": "not there"}})
        one = RuntimeEnvironmentManager(probe, configuration={key: {"enabled": False}})
        assert one._not_allowed() == [cls.ENVIRONMENT]
        return
    if (key, name) == ("kubernetes_pod", "grace_period"):
        with RuntimeEnvironmentManager(Recorded(WORLD), configuration={key: {name: 7.0}}, override=key) as manager:
            drain = Drain(manager=manager, reserve=1.0, settle=0.0, signum=10)
            drain.remove()
            assert drain.limit == 6.0
        return
    if (key, name) == ("edge_computing", "offline_after"):
        return  # below
    if name in cls.SWITCHES:
        groups = [row.name for row in cls.INFO + cls.USAGE if row.group == cls.SWITCHES[name]]
        assert groups
        off, on = (adapter_for(cls.ENVIRONMENT, Recorded(WORLD), {name: flag}) for flag in (False, True))
        for reading in groups:
            for adapter, value in ((off, False), (on, True)):
                readings = {**dict(pairs(adapter.get_system_info())), **dict(pairs(adapter.get_resource_usage()))}
                assert (f"{key}.{name} = false" not in readings[reading].reason) is value
        return
    world = {question: answer for question, answer in WORLD.items() if question not in UNREADABLE}
    seven = adapter_for(cls.ENVIRONMENT, Recorded(world), {name: 7})
    told = list(pairs(seven.get_system_info()))
    assert any(each.source == f"runtime_environments.{key}.{name}" and each.value == 7 for _, each in told)


def pairs(readings: Any):
    return [(name, readings[name]) for name in readings]


def test_offline_after():
    answers: dict[str, Any] = dict(WORLD)
    adapter = adapter_for("edge_computing", Recorded(answers), {"offline_after": 10.0})

    def offline(second: int) -> str:
        answers["clock:monotonic"] = second * 1_000_000_000
        [detail] = [detail for detail in adapter.check_health().details if detail.name == "offline"]
        return str(detail.level)

    assert offline(1) == "healthy"
    answers["/proc/net/route"] = "Iface\tDestination\n"
    assert [offline(2), offline(11), offline(12), offline(60)] == ["healthy", "healthy", "error", "error"]
    answers["/proc/net/route"] = EVERYTHING["/proc/net/route"]
    assert offline(61) == "healthy"
    answers["/proc/net/route"] = {"reason": "Permission denied"}
    assert offline(99) == "unknown"
