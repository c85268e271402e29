"""What others make wrong: recordings of anything, adapters that say nonsense, supervisors that raise, tokens that are
none. Nobody gets anything but a `UnifiedError`, and no secret."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from backstay.environments import (
    HealthLevel,
    Recorded,
    Recoveries,
    RecoveryType,
    RuntimeEnvironment,
    RuntimeEnvironmentManager,
    Supervisor,
    adapter_for,
    declared,
    detect,
)
from backstay.environments.bounded import AdapterError
from backstay.environments.cluster import Cluster
from backstay.environments.facts import writable
from backstay_core.environments.signals import SERVICE_ACCOUNT
from backstay_core.failure import ConfigurationError, UnifiedError
from tests.environments.test_contract import Quiet

CONTAINER = RuntimeEnvironment.CONTAINER


class TestRecordings:
    def test_a_list_of_names_with_something_else_in_it_proves_nothing(self):
        answers = {"names:/sys/bus/acpi/devices": [1, "AMZNC10C:00"], "exists:/sys/class/dmi/id": False}
        assert detect(Recorded(answers)).environments == ("operating_system",)

    @pytest.mark.parametrize("value", ["hot", [1], float("nan"), -1, True, 1 << 70])
    def test_a_number_that_is_none(self, value: Any):
        adapter = adapter_for("operating_system", Recorded({"psutil:virtual_memory": {"percent": value}}))
        reading = adapter.get_resource_usage()["memory_usage_percent"]
        assert reading.value is None
        assert "no number: percent" in reading.reason
        assert adapter.check_health().overall_health is HealthLevel.UNKNOWN


class TestConfigurations:
    @pytest.mark.parametrize(
        ("configuration", "says"),
        [
            (5, "must be a table"),
            ({"os": 5}, "must be a table"),
            ({"contanr": {}}, "container"),
            ({"os": {"enabled": "no"}}, "enabled"),
            ({"edge_computing": {"offline_after": "x"}}, "offline_after"),
        ],
    )
    def test_plain_data_is_checked_as_a_file_is(self, configuration: Any, says: str):
        with pytest.raises(ConfigurationError, match=says):
            RuntimeEnvironmentManager(Recorded({}), configuration=configuration)
        with RuntimeEnvironmentManager(Recorded({}), configuration={"os": {"monitor_network": False}}) as manager:
            before = manager.settings
            with pytest.raises(ConfigurationError, match=says):
                manager.configure(configuration)
            assert manager.settings == before


class Nonsense(Quiet):
    def environment_type(self) -> Any:
        return "robot"


class Raising(Quiet):
    def environment_type(self) -> Any:
        raise ZeroDivisionError


class Nothing(Quiet):
    def environment_type(self) -> Any:
        return None


class TestAdapters:
    @pytest.mark.parametrize("kind", [Nonsense, Raising, Nothing])
    def test_one_that_does_not_know_what_it_is(self, kind: type[Quiet]):
        adapters: Any = {CONTAINER: lambda probe, settings: kind()}
        manager = RuntimeEnvironmentManager(Recorded({}), override="container", adapters=adapters)
        failed: list[Any] = []
        manager.on("adapter_failed", failed.append)
        with manager:
            assert manager.environment is CONTAINER
            assert not isinstance(manager.adapter, Quiet)
            assert failed
            with pytest.raises(UnifiedError):
                manager.switch(kind())
            assert manager.environment is CONTAINER
            assert not isinstance(manager.adapter, Quiet)

    def test_it_is_asked_once_what_it_is(self):
        class Fickle(Quiet):
            asked = 0

            def environment_type(self) -> Any:
                self.asked += 1
                return CONTAINER

        one = Fickle()
        with RuntimeEnvironmentManager(Recorded({}), adapters={CONTAINER: lambda *_: one}, override="container") as it:
            it.look()
            it.look()
            assert one.asked == 1


def test_a_clock_that_goes_back_stops_no_looks():
    now = [10**15]
    with RuntimeEnvironmentManager(Recorded({}), clock=lambda: now[0]) as manager:
        seen: list[Any] = []
        manager.on("usage", seen.append)
        manager.look()
        manager.look()
        assert len(seen) == 1
        now[0] = 10**9
        assert manager.look() <= 60
        assert len(seen) == 2


class TestSupervisors:
    def test_one_that_raises_when_asked_whether(self):
        class Broken(Supervisor):
            def refusal(self, recovery_type: RecoveryType) -> str | None:
                raise ValueError("boom")

        [step] = adapter_for("container", recoveries=Recoveries(Broken())).perform_recovery("process_restart").steps  # type: ignore[arg-type]
        assert (step.did, "boom" in step.message) == (False, True)

    def test_one_that_raises_an_error_of_ours(self):
        class Unsure(Supervisor):
            def refusal(self, recovery_type: RecoveryType) -> str | None:
                return None

            def restart(self, recovery_type: RecoveryType) -> str:
                raise ConfigurationError("no unit")

        [step] = adapter_for("container", recoveries=Recoveries(Unsure())).perform_recovery("process_restart").steps  # type: ignore[arg-type]
        assert (step.did, step.message) == (False, "no unit")

    @pytest.mark.parametrize("line", ["CapEff:\n", "CapEff:\tzz\n", ""])
    def test_privileges_that_make_no_sense_are_none(self, line: str):
        class Any_(Supervisor):
            def refusal(self, recovery_type: RecoveryType) -> str | None:
                return None

        adapter = adapter_for("container", Recorded({"/proc/self/status": line}), recoveries=Recoveries(Any_()))
        assert "no CAP_SYS_BOOT" in adapter.perform_recovery(RecoveryType.SYSTEM_RESTART).refused


@pytest.mark.parametrize("token", ["hush\nhush", "hush hush", "hush\x00", "hüsh"])
def test_a_token_that_is_none_is_not_shown(token: str):
    cluster = Cluster(Recorded({f"{SERVICE_ACCOUNT}/token": token}), "127.0.0.1:1", secure=False)
    with pytest.raises(AdapterError, match="token is none") as error:
        cluster.get("/")
    assert "hush" not in f"{error.value!r} {error.value} {error.value.__cause__!r} {error.value.failure}"


def test_capabilities_can_be_copied_and_sent():
    one = declared("container")
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one


def test_a_working_directory_that_is_gone_says_nothing_of_the_others(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert writable()
    monkeypatch.chdir(tmp_path)
