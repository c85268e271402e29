"""The contract of runtime environment adapters, as tests: subclass `AdapterContract`, say how to make your adapter, and
let pytest collect the class.

.. code-block:: python

    class TestMyAdapter(AdapterContract):
        def make(self):
            return MyAdapter()
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from backstay.environments import (
    EnvironmentCapabilities,
    HealthLevel,
    HealthStatus,
    RecoveryReport,
    RecoveryType,
    ResourceUsage,
    RuntimeEnvironment,
    RuntimeEnvironmentAdapter,
    SystemInfo,
)
from backstay.environments.bounded import bounded
from backstay_core.environments.capabilities import CAPABILITIES
from backstay_core.environments.kinds import BADNESS
from backstay_core.environments.reading import Reading, Readings
from backstay_core.failure import UnifiedError


class AdapterContract:
    """What every adapter must do. `PATIENCE` bounds each call, in seconds; `HARMLESS` recoveries are carried out."""

    PATIENCE = 5.0
    HARMLESS: Iterable[RecoveryType] = (RecoveryType.MEMORY_CLEANUP, RecoveryType.CONNECTION_RESET, RecoveryType.CUSTOM)

    def make(self) -> RuntimeEnvironmentAdapter:
        """A new adapter."""
        raise NotImplementedError("say how to make the adapter")

    def ask(self, what: str, function: Callable[[], Any]) -> Any:
        """The result, in time. Fails for any error but a `UnifiedError`."""
        return bounded(what, function, self.PATIENCE)

    def test_it_names_its_environment(self) -> None:
        adapter = self.make()
        assert isinstance(adapter, RuntimeEnvironmentAdapter)
        assert RuntimeEnvironment(self.ask("environment_type", adapter.environment_type)) in RuntimeEnvironment

    def test_capabilities_are_complete(self) -> None:
        found = self.ask("capabilities", self.make().capabilities)
        assert isinstance(found, EnvironmentCapabilities)
        assert list(found.to_data()) == list(CAPABILITIES)

    def test_the_life_cycle_may_be_repeated(self) -> None:
        adapter = self.make()
        for step in ("cleanup", "initialize", "initialize", "cleanup", "cleanup", "initialize", "cleanup"):
            assert self.ask(step, getattr(adapter, step)) is None
        assert isinstance(self.ask("get_system_info", adapter.get_system_info), SystemInfo)

    def test_system_info_is_readings_with_sources(self) -> None:
        info = self.ask("get_system_info", self.make().get_system_info)
        assert isinstance(info, SystemInfo)
        assert_readings(info, SystemInfo.STANDARD)

    def test_resource_usage_is_readings_with_sources(self) -> None:
        adapter = self.make()
        self.ask("initialize", adapter.initialize)
        for _ in range(2):
            usage = self.ask("get_resource_usage", adapter.get_resource_usage)
            assert isinstance(usage, ResourceUsage)
            assert_readings(usage, ResourceUsage.STANDARD)
            for name in usage:
                value = usage[name].value
                if name.endswith("_percent") and value is not None:
                    assert value >= 0, f"{name} is {value}"
        self.ask("cleanup", adapter.cleanup)

    def test_health_is_as_bad_as_its_worst_part(self) -> None:
        health = self.ask("check_health", self.make().check_health)
        assert isinstance(health, HealthStatus)
        json.dumps(health.to_data())
        levels = [detail.level for detail in health.details]
        assert health.overall_health is max(levels, key=BADNESS.__getitem__, default=HealthLevel.UNKNOWN)
        for detail in health.details:
            assert detail.message, f"{detail.name} does not say what was found"
            assert (detail.reading.value is None) == (detail.level is HealthLevel.UNKNOWN), detail.name

    def test_a_recovery_says_what_it_did(self) -> None:
        adapter = self.make()
        for recovery in self.HARMLESS:
            report = self.ask("perform_recovery", lambda r=recovery: adapter.perform_recovery(r))  # type: ignore[misc]
            assert isinstance(report, RecoveryReport)
            assert report.recovery_type is recovery
            json.dumps(report.to_data())
            assert report.refused or report.steps, f"{recovery}: neither done nor refused"
            assert not (report.refused and report.did_something), f"{recovery}: refused, and yet done"
            assert all(step.message for step in report.steps)

    def test_an_unknown_recovery_is_refused(self) -> None:
        adapter: Any = self.make()
        for nonsense in ("reboot the moon", None, 7):
            try:
                bounded("perform_recovery", lambda n=nonsense: adapter.perform_recovery(n), self.PATIENCE)  # type: ignore[misc]
            except UnifiedError:
                continue
            raise AssertionError(f"perform_recovery({nonsense!r}) was accepted")


def assert_readings(readings: Readings, standard: Iterable[str]) -> None:
    """All standard names are there; each reading has a value and a source, or no value and a reason; all is plain
    data."""
    missing = [name for name in standard if name not in readings]
    assert not missing, f"{type(readings).__name__} has no {', '.join(missing)}"
    for name in readings:
        reading = readings[name]
        assert isinstance(reading, Reading), f"{name} is no Reading"
        if reading.value is None:
            assert reading.reason, f"{name} is None without a reason"
        else:
            assert reading.source, f"{name} is {reading.value!r}, and nobody knows from where"
    json.dumps(readings.to_data())
