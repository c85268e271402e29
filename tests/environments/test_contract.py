"""Every adapter of ours passes the contract: on this system, where everything can be read, and where nothing can."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.environments import (
    Reading,
    Recorded,
    Recoveries,
    ResourceUsage,
    RuntimeEnvironment,
    RuntimeEnvironmentAdapter,
    SystemInfo,
    SystemProbe,
    adapter_for,
    detect,
)
from backstay.testing.environments import AdapterContract, assert_readings
from backstay_core.environments import guest
from backstay_core.environments.questions import questions
from tests.environments.answers import CGROUP_1, CGROUP_2, EVERYTHING, HYBRID, OTHER
from tests.environments.recordings import NAMES, expected, recorded

PATIENCE = 60.0  # real seconds after which a test that hangs fails
PROBES: dict[str, Any] = {
    "here": lambda: SystemProbe(),
    "everything": lambda: Recorded({**EVERYTHING, **CGROUP_2}),
    "version-1": lambda: Recorded({**EVERYTHING, **CGROUP_1}),
    "hybrid": lambda: Recorded({**EVERYTHING, **HYBRID}),
    "psutil": lambda: Recorded(OTHER),
    "nothing": lambda: Recorded({}),
    "denied": lambda: lambda question: Reading(None, question, "Permission denied"),
}


@pytest.mark.parametrize("environment", RuntimeEnvironment)
@pytest.mark.parametrize("world", PROBES)
class TestOurs(AdapterContract):
    PATIENCE = PATIENCE

    @pytest.fixture(autouse=True)
    def _world(self, environment: RuntimeEnvironment, world: str):
        self.environment = environment
        self.world = world

    def make(self):
        recoveries = Recoveries() if self.world == "here" else None  # collecting garbage takes its time
        return adapter_for(self.environment, PROBES[self.world](), recoveries=recoveries)


@pytest.mark.parametrize("name", NAMES)
class TestRecorded(AdapterContract):
    PATIENCE = PATIENCE

    @pytest.fixture(autouse=True)
    def _recording(self, name: str):
        self.name = name

    def make(self):
        return adapter_for(expected(self.name)["primary"], recorded(self.name))


class Quiet(RuntimeEnvironmentAdapter):
    """The smallest adapter that keeps the contract, as a plug-in might have it."""

    def environment_type(self):
        return RuntimeEnvironment.CONTAINER

    def initialize(self):
        pass

    def cleanup(self):
        pass

    def get_system_info(self):
        return SystemInfo({name: Reading(None, "", "nobody looked") for name in SystemInfo.STANDARD})

    def get_resource_usage(self):
        return ResourceUsage({name: Reading(None, "", "nobody looked") for name in ResourceUsage.STANDARD})

    def check_health(self):
        from backstay.environments import HealthStatus

        return HealthStatus((), 0)

    def perform_recovery(self, recovery_type: Any):
        from backstay.environments import RecoveryReport
        from backstay_core.environments.adapter import recovery_named

        return RecoveryReport(recovery_named(recovery_type), refused="this one does nothing")


class TestThirdParty(AdapterContract):
    PATIENCE = PATIENCE

    def make(self):
        return Quiet()


def test_what_not_every_environment_has_is_extra():
    info = adapter_for("kubernetes_pod", Recorded({**EVERYTHING, **CGROUP_2})).get_system_info()
    assert info.extra_info["pod_name"].value == "shop-7d4b"
    assert not set(info.extra_info) & set(SystemInfo.STANDARD)
    assert set(info.extra_info) | set(SystemInfo.STANDARD) == set(info)


class Silent(Quiet):
    def get_system_info(self):
        return SystemInfo({name: Reading(None, "") for name in SystemInfo.STANDARD})


class Invented(Quiet):
    def get_resource_usage(self):
        return ResourceUsage({name: Reading(25, "") for name in ResourceUsage.STANDARD})


class Raising(Quiet):
    def check_health(self):
        raise KeyError("memory")


class Hanging(Quiet):
    def __init__(self):
        self.leave = threading.Event()

    def initialize(self):
        self.leave.wait()


@pytest.mark.parametrize(
    ("cls", "test", "says", "patience"),
    [
        (Silent, "test_system_info_is_readings_with_sources", "without a reason", PATIENCE),
        (Invented, "test_resource_usage_is_readings_with_sources", "nobody knows from where", PATIENCE),
        (Raising, "test_health_is_as_bad_as_its_worst_part", "raised KeyError", PATIENCE),
        (Hanging, "test_the_life_cycle_may_be_repeated", "was not over after", 0.05),
    ],
)
def test_the_contract_finds_what_breaks_it(cls: Any, test: str, says: str, patience: float):
    contract, adapter = AdapterContract(), cls()
    contract.PATIENCE = patience
    contract.make = lambda: adapter  # type: ignore[method-assign]
    with pytest.raises(Exception, match=says):
        getattr(contract, test)()
    if isinstance(adapter, Hanging):
        adapter.leave.set()


GARBAGE = st.one_of(
    st.text(max_size=40), st.integers(), st.floats(), st.booleans(), st.lists(st.text(max_size=5), max_size=3),
    st.lists(st.integers(), max_size=5), st.dictionaries(st.text(max_size=9), st.integers(), max_size=2),
    st.sampled_from(["\x00" * 30, "0 0", "-1", "max", "99999999999999999999999", "a:b:c\n" * 9, "kB: kB kB"]),
)  # fmt: skip


@given(st.data())
def test_no_answer_makes_an_adapter_raise(data: st.DataObject):
    """Files may be of any kind: half written, binary, somebody else's."""
    answers = {**EVERYTHING, **CGROUP_2}
    for question in data.draw(st.lists(st.sampled_from(sorted(answers)), min_size=1, max_size=12)):
        answers[question] = data.draw(GARBAGE)
    environment = data.draw(st.sampled_from(list(RuntimeEnvironment)))
    adapter = adapter_for(environment, Recorded(answers))
    adapter.initialize()
    assert_readings(adapter.get_system_info(), SystemInfo.STANDARD)
    assert_readings(adapter.get_resource_usage(), ResourceUsage.STANDARD)
    adapter.check_health()
    adapter.capabilities()
    before = guest.moment(Recorded({**EVERYTHING, **CGROUP_2}))
    guest.breaks(before, guest.moment(Recorded(answers)))


@given(st.data())
def test_no_answer_makes_detection_raise(data: st.DataObject):
    answers = {
        question: data.draw(GARBAGE) for question in data.draw(st.sets(st.sampled_from(questions()), max_size=9))
    }
    answers.pop("env:BACKSTAY_ENVIRONMENT", None)
    found = detect(Recorded({**EVERYTHING, **answers}))
    assert found.primary in RuntimeEnvironment
    for layer in found.layers:
        assert all(line.isprintable() for line in layer.evidence)
