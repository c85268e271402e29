"""Where the program runs: detection, and adapters that tell what the environment is, uses and suffers from.

``import backstay`` does not load it. The guide is ``docs/environments.md``.
"""

from __future__ import annotations

from backstay.environments.probe import SystemProbe
from backstay_core.environments import detection
from backstay_core.environments.adapters import ADAPTERS
from backstay_core.environments.capabilities import EnvironmentCapabilities, declared
from backstay_core.environments.contract import (
    HealthDetail,
    HealthStatus,
    RecoveryReport,
    RecoveryStep,
    ResourceUsage,
    RuntimeEnvironmentAdapter,
    SystemInfo,
)
from backstay_core.environments.detection import Detection, Layer
from backstay_core.environments.kinds import HealthLevel, RecoveryType, RuntimeEnvironment
from backstay_core.environments.reading import Reading, Recorded
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from backstay_core.environments.reading import Probe

__all__ = [
    "Detection",
    "EnvironmentCapabilities",
    "HealthDetail",
    "HealthLevel",
    "HealthStatus",
    "Layer",
    "Reading",
    "Recorded",
    "RecoveryReport",
    "RecoveryStep",
    "RecoveryType",
    "ResourceUsage",
    "RuntimeEnvironment",
    "RuntimeEnvironmentAdapter",
    "SystemInfo",
    "SystemProbe",
    "adapter_for",
    "declared",
    "detect",
]


def detect(
    probe: Probe | None = None, override: str | None = None, not_allowed: Iterable[RuntimeEnvironment] = ()
) -> Detection:
    """Where this program runs.

    `probe` answers what is asked (default: this system); `override`, or else BACKSTAY_ENVIRONMENT, names the primary
    environment; `not_allowed` ones are layers at most. No process is started, nothing waits. Raises
    `ConfigurationError` if the override is no environment.
    """
    return detection.detect(SystemProbe() if probe is None else probe, override, not_allowed)


def adapter_for(
    environment: RuntimeEnvironment | str, probe: Probe | None = None, settings: Mapping[str, Any] | None = None
) -> RuntimeEnvironmentAdapter:
    """The adapter of an environment. Raises `ConfigurationError` if there is none."""
    wanted = detection.environment_named(environment, "adapter_for")
    for cls in ADAPTERS:
        if cls.ENVIRONMENT is wanted:
            return cls(SystemProbe() if probe is None else probe, settings)
    raise ConfigurationError(f"there is no adapter for {wanted.value}")
