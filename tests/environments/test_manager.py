"""The manager: life cycle, hot switch, events, and adapters of plug-ins that raise, hang or talk nonsense."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from backstay.configuration import from_data
from backstay.environments import (
    Recorded,
    RuntimeEnvironment,
    RuntimeEnvironmentManager,
    adapter_for,
)
from backstay.environments.manager import settings_of
from backstay_core.failure import ConfigurationError, UnifiedError
from tests.environments.answers import CGROUP_2, EVERYTHING, OWN
from tests.environments.recordings import recorded
from tests.environments.test_contract import Quiet

CONTAINER = RuntimeEnvironment.CONTAINER
PATIENCE = 60.0  # real seconds after which a test that hangs fails


def manager(probe: Any = None, **options: Any) -> RuntimeEnvironmentManager:
    return RuntimeEnvironmentManager(probe or recorded("firecracker_host"), **{"patience": PATIENCE, **options})


def heard(of: RuntimeEnvironmentManager) -> list[tuple[str, Any]]:
    events: list[tuple[str, Any]] = []
    of.on("*", lambda event: events.append((event.name, event.detail)))
    return events


class TestLifeCycle:
    def test_starts_looks_and_stops(self):
        one = manager()
        events = heard(one)
        with one:
            assert one.environment is RuntimeEnvironment.MICRO_VM
            assert one.start() is one
            assert one.get_system_info().system_name == "Linux"
            assert one.get_resource_usage().memory_usage_percent is not None
            assert one.capabilities().snapshots
        one.stop()
        assert [name for name, _ in events] == ["detected", "started", "stopped"]
        with one:
            assert one.environment is RuntimeEnvironment.MICRO_VM

    def test_before_the_start_there_is_no_adapter(self):
        for ask in ("get_system_info", "check_health", "capabilities", "look"):
            with pytest.raises(ConfigurationError, match="was not started"):
                getattr(manager(), ask)()

    def test_a_wrong_override_starts_nothing(self):
        one = manager(override="contanr")
        with pytest.raises(ConfigurationError, match="no runtime environment"):
            one.start()
        with pytest.raises(ConfigurationError, match="was not started"):
            one.check_health()


class TestConfiguration:
    def test_tables_are_settings(self):
        configuration = from_data(
            {"runtime_environments": {"container": {"monitor_resource_limits": False}, "micro_vm": {"enabled": False}}}
        )
        with manager(configuration=configuration) as one:
            assert one.environment is RuntimeEnvironment.OPERATING_SYSTEM
            one.switch("container")
            assert "monitor_resource_limits = false" in one.get_resource_usage()["memory_limit"].reason

    def test_plain_data_does_too(self):
        assert settings_of({"os": {"enabled": False}})["os"]["enabled"] is False
        assert settings_of(None) == {}
        with manager(configuration={"micro_vm": {"enabled": False}}) as one:
            assert one.environment is RuntimeEnvironment.OPERATING_SYSTEM

    def test_a_reload_is_taken_over(self):
        live = from_data({"runtime_environments": {"container": {}}})
        with manager(Recorded({**EVERYTHING, **CGROUP_2}), override="container", configuration=live) as one:
            assert one.get_resource_usage().memory_limit == 512 << 20
            live.apply({"runtime_environments": {"container": {"monitor_resource_limits": False}}})
            one.configure(live)
            assert "monitor_resource_limits = false" in one.get_resource_usage()["memory_limit"].reason

    def test_an_environment_that_is_no_longer_allowed_is_left(self):
        one = manager()
        one.configure({"os": {}})  # not started: for the start to come
        with one:
            assert str(one.environment) == "micro_vm"
            one.configure({"micro_vm": {"enabled": False}})
            assert str(one.environment) == "operating_system"

    def test_a_chain_is_declared(self):
        configuration = from_data({"runtime_environments": {"blockchain": {"chain_id": 1}}})
        with RuntimeEnvironmentManager(configuration=configuration) as one:
            assert one.environment is RuntimeEnvironment.BLOCKCHAIN
            assert one.get_system_info().chain_id == 1


class TestSwitch:
    def test_to_another_environment(self):
        with manager() as one:
            events = heard(one)
            one.switch("operating_system")
            assert one.environment is RuntimeEnvironment.OPERATING_SYSTEM
            assert [name for name, _ in events] == ["switched"]

    def test_the_new_one_is_ready_before_the_old_one_goes(self):
        order: list[str] = []

        class Named(Quiet):
            def __init__(self, name: str):
                self.name = name

            def initialize(self):
                order.append(f"{self.name} in")

            def cleanup(self):
                order.append(f"{self.name} out")

        with manager() as one:
            one.switch(Named("a"))
            one.switch(Named("b"))
        assert order == ["a in", "b in", "a out", "b out"]

    def test_one_that_does_not_start_leaves_the_old_one(self):
        class Broken(Quiet):
            def initialize(self):
                raise OSError("no such device")

        with manager() as one:
            events = heard(one)
            before = one.adapter
            with pytest.raises(UnifiedError, match="no such device"):
                one.switch(Broken())
            assert one.adapter is before
            assert one.get_system_info().system_name == "Linux"
            assert [name for name, _ in events] == ["adapter_failed"]

    def test_to_nowhere(self):
        with manager() as one, pytest.raises(ConfigurationError, match="did you mean"):
            one.switch("micro_v")


class Raising(Quiet):
    def check_health(self):
        raise KeyError("no such sensor")


class Nonsense(Quiet):
    def check_health(self):
        return {"overall_health": "great"}


class Leaving(Quiet):
    def check_health(self):
        raise SystemExit(3)


class TestPlugins:
    @pytest.mark.parametrize(
        ("cls", "says"), [(Raising, "KeyError"), (Nonsense, "no HealthStatus"), (Leaving, "SystemExit")]
    )
    def test_what_breaks_the_contract_is_a_unified_error(self, cls: Any, says: str):
        with manager() as one:
            events = heard(one)
            one.switch(cls())
            with pytest.raises(UnifiedError, match=says) as error:
                one.check_health()
            assert error.value.failure is not None
            assert error.value.failure.kind == "internal"
            assert "adapter_failed" in [name for name, _ in events]
            assert one.look() >= 0  # goes on
            assert one.get_system_info().system_name is None

    def test_one_that_hangs_is_left_and_not_asked_again(self):
        asked, release, ended = threading.Semaphore(0), threading.Event(), threading.Event()

        class Hanging(Quiet):
            def check_health(self):
                asked.release()
                release.wait()
                return super().check_health()

        def hangs(one: RuntimeEnvironmentManager) -> Any:
            one._asking.patience = 0.05
            with pytest.raises(UnifiedError, match=r"was not over after 0\.05 s") as error:
                one.check_health()
            one._asking.patience = PATIENCE
            return error

        with manager() as one:
            one.switch(Hanging())
            error = hangs(one)
            assert error.value.failure is not None
            assert error.value.failure.kind == "timeout"
            for _ in range(3):
                with pytest.raises(UnifiedError, match=r"was not called: Hanging\.check_health hangs"):
                    one.check_health()
            assert asked.acquire(timeout=PATIENCE)
            assert not asked.acquire(timeout=0), "asked again"
            adapter = one.adapter
            one.switch("operating_system")
            assert one.get_system_info().system_name == "Linux"
            one.switch(adapter)
            hangs(one)
            release.set()
            for _ in range(6000):  # until the call that hung has ended
                try:
                    assert one.check_health().details == ()
                    break
                except UnifiedError:
                    ended.wait(0.01)
            else:
                raise AssertionError("it is never asked again")

    def test_one_that_cannot_be_initialised_is_replaced_by_ours(self):
        class Broken(Quiet):
            def initialize(self):
                raise OSError("no socket")

        one = manager(adapters={RuntimeEnvironment.MICRO_VM: lambda probe, settings: Broken()})
        events = heard(one)
        with one:
            assert one.environment is RuntimeEnvironment.MICRO_VM
            assert one.get_system_info().system_name == "Linux"
        assert "no socket" in str(dict(events)["adapter_failed"])

    def test_a_factory_that_makes_nonsense_is_too(self):
        for factory in (lambda probe, settings: None, lambda: None):
            with manager(adapters={RuntimeEnvironment.MICRO_VM: factory}) as one:
                assert one.get_system_info().system_name == "Linux"

    def test_a_programs_own_adapter_is_used(self):
        with manager(override="container", adapters={CONTAINER: lambda probe, settings: Quiet()}) as one:
            assert type(one.adapter) is Quiet

    def test_entry_points(self, monkeypatch: pytest.MonkeyPatch):
        class Point:
            def __init__(self, name: str, loaded: Any):
                self.name, self.loaded = name, loaded

            def load(self):
                if isinstance(self.loaded, Exception):
                    raise self.loaded
                return self.loaded

        points = [
            Point("container", lambda probe, settings: Quiet()),
            Point("mobile", ImportError("gone")),
            Point("moon", None),
        ]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
        one = manager(override="container", plugins=True)
        events = heard(one)
        with one:
            assert type(one.adapter) is Quiet
        failures = [str(detail) for name, detail in events if name == "adapter_failed"]
        assert len(failures) == 2
        assert "gone" in failures[0]
        assert "moon" in failures[1]


class TestWatching:
    def test_looks_as_often_as_the_environment_wants(self):
        now = [0]
        answers = {**EVERYTHING, **CGROUP_2}
        with manager(Recorded(answers), override="container", clock=lambda: now[0]) as one:
            events = heard(one)
            seen = []
            for second in range(0, 121, 5):
                now[0] = second * 1_000_000_000
                one.look()
                seen.append([name for name, _ in events])
                events.clear()
            assert [names.count("usage") for names in seen[:5]] == [1, 0, 1, 0, 1]  # every 10 s
            assert [i * 5 for i, names in enumerate(seen) if "health" in names] == [0, 60, 120]
            assert one.intervals() == {"usage": 10.0, "health": 60.0, "metrics": 15.0}

    def test_says_when_to_look_again(self):
        now = [0]
        with manager(clock=lambda: now[0]) as one:
            assert one.look() == 5.0
            now[0] = 2_000_000_000
            assert one.look() == 3.0

    def test_tells_when_health_changes(self):
        now = [0]
        answers = {**EVERYTHING, **CGROUP_2}
        with manager(Recorded(answers), override="container", clock=lambda: now[0]) as one:
            levels: list[str] = []
            one.on("health_changed", lambda event: levels.append(event.detail.overall_health))
            for minute, used in enumerate((100, 100, 500, 500, 100)):
                now[0] = minute * 60_000_000_000
                answers[f"{OWN}/memory.current"] = f"{used << 20}\n"
                one.look()
            assert levels == ["healthy", "error", "healthy"]

    def test_a_listener_that_raises_is_dropped(self):
        def broken(event: Any) -> None:
            raise RuntimeError("mine")

        with manager() as one:
            one.on("usage", broken)
            events = heard(one)
            one.look()
            assert "usage" in [name for name, _ in events]

    def test_events_have_names(self):
        with pytest.raises(ConfigurationError, match="did you mean 'health'"):
            manager().on("heath", print)

    def test_a_thread_watches_until_it_is_stopped(self):
        one = manager()
        looked = threading.Event()
        one.on("usage", lambda event: looked.set())
        one.watch().watch()
        assert looked.wait(PATIENCE)
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("backstay-environment") == 1
        one.stop()
        assert "backstay-environment" not in [thread.name for thread in threading.enumerate()]

    def test_recovery_is_told(self):
        with manager() as one:
            events = heard(one)
            report = one.perform_recovery("memory_cleanup")
            assert events == [("recovered", report)]
            with pytest.raises(ConfigurationError, match="no recovery"):
                one.perform_recovery("memory")


def test_adapters_of_ours_are_asked_directly():
    """No thread for what cannot wait: ten thousand readings start none."""
    before = set(threading.enumerate())
    with manager() as one:
        for _ in range(5):
            one.get_resource_usage()
            assert set(threading.enumerate()) <= before
    assert adapter_for("micro_vm", recorded("firecracker_host")).get_system_info()
