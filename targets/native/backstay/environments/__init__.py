"""Where the program runs: detection, and adapters that tell what the environment is, uses and suffers from.

``import backstay`` does not load it, and who only detects loads no adapter and no manager. The guide is
``docs/environments.md``.
"""

from __future__ import annotations

from backstay.environments.probe import SystemProbe
from backstay_core.environments import detection
from backstay_core.environments.detection import Detection, Layer
from backstay_core.environments.kinds import HealthLevel, RecoveryType, RuntimeEnvironment
from backstay_core.environments.reading import Reading, Recorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from backstay.environments.manager import RuntimeEnvironmentManager
    from backstay.environments.recovery import EndProcess, Recoveries, Supervisor
    from backstay_core.environments.adjustment import adjust_reliability_strategy
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
    from backstay_core.environments.reading import Probe

__all__ = [
    "Detection",
    "EndProcess",
    "EnvironmentCapabilities",
    "HealthDetail",
    "HealthLevel",
    "HealthStatus",
    "Layer",
    "Reading",
    "Recorded",
    "Recoveries",
    "RecoveryReport",
    "RecoveryStep",
    "RecoveryType",
    "ResourceUsage",
    "RuntimeEnvironment",
    "RuntimeEnvironmentAdapter",
    "RuntimeEnvironmentManager",
    "Supervisor",
    "SystemInfo",
    "SystemProbe",
    "adapter_for",
    "adjust_reliability_strategy",
    "declared",
    "detect",
]

#  loaded when they are asked for: the module, and what is in it
_LATER = {
    "backstay.environments.manager": ("RuntimeEnvironmentManager",),
    "backstay.environments.recovery": ("EndProcess", "Recoveries", "Supervisor"),
    "backstay_core.environments.adjustment": ("adjust_reliability_strategy",),
    "backstay_core.environments.capabilities": ("EnvironmentCapabilities", "declared"),
    "backstay_core.environments.contract": (
        "HealthDetail",
        "HealthStatus",
        "RecoveryReport",
        "RecoveryStep",
        "ResourceUsage",
        "RuntimeEnvironmentAdapter",
        "SystemInfo",
    ),
}
_MODULES = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(module), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


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
    environment: RuntimeEnvironment | str,
    probe: Probe | None = None,
    settings: Mapping[str, Any] | None = None,
    recoveries: Recoveries | None = None,
) -> RuntimeEnvironmentAdapter:
    """The adapter of an environment that comes with Backstay.

    `probe` answers what it asks (default: this system), `settings` are the values of the environment's table in the
    configuration, `recoveries` what `perform_recovery` may use. Raises `ConfigurationError` for a name that no
    environment has.
    """
    from backstay_core.environments.adapters import ADAPTERS

    wanted = detection.environment_named(environment, "adapter_for")
    [cls] = [cls for cls in ADAPTERS if cls.ENVIRONMENT is wanted]
    return cls(SystemProbe() if probe is None else probe, settings, recoveries)
