"""What an environment can do: the declared matrix, as data. What is really so, an adapter probes.

The rows and columns are those of the design; the page ``docs/environments.md`` is made from this table.
"""

from backstay_core.environments.kinds import RuntimeEnvironment
from backstay_core.failure import ConfigurationError
from backstay_core.options import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_E = RuntimeEnvironment

COLUMNS = (
    _E.OPERATING_SYSTEM, _E.EMBEDDED_BARE_METAL, _E.REAL_TIME_OS, _E.GAME_ENGINE, _E.MOBILE,
    _E.VIRTUAL_MACHINE, _E.MICRO_VM, _E.CONTAINER, _E.KUBERNETES_POD,
    _E.WEBASSEMBLY, _E.FUNCTION_AS_A_SERVICE, _E.EDGE_COMPUTING, _E.BLOCKCHAIN,
)  # fmt: skip
SHORT = ("OS", "Emb", "RTOS", "Game", "Mob", "VM", "µVM", "Cont", "K8s", "WASM", "FaaS", "Edge", "Chain")

#  in the order of COLUMNS; ✓ has it, · has not
BASIC = {
    "multiprocessing":    "✓ · · ✓ ✓ ✓ ✓ ✓ ✓ · · ✓ ·",
    "multithreading":     "✓ · ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "file_system":        "✓ · ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ · ✓ ✓",
    "network":            "✓ · ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "memory_management":  "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "process_management": "✓ · · ✓ ✓ ✓ ✓ ✓ ✓ · · ✓ ·",
    "system_calls":       "✓ · ✓ ✓ ✓ ✓ ✓ ✓ ✓ · · ✓ ·",
    "interrupts":         "✓ ✓ ✓ ✓ ✓ ✓ ✓ · · · · ✓ ·",
    "timers":             "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
}  # fmt: skip
ADVANCED = {
    "logging":            "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "metrics":            "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "health_checks":      "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "auto_recovery":      "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "chaos_engineering":  "✓ · · ✓ · ✓ ✓ ✓ ✓ · · · ·",
    "snapshots":          "· · · · · ✓ ✓ ✓ ✓ · · · ·",
    "live_migration":     "· · · · · ✓ ✓ ✓ ✓ · · · ·",
    "resource_limits":    "· ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓",
    "service_discovery":  "· · · · · · · · ✓ · · · ·",
    "config_management":  "· · · · · · · · ✓ · · · ·",
}  # fmt: skip
MATRIX = {**BASIC, **ADVANCED}
CAPABILITIES = tuple(MATRIX)


class EnvironmentCapabilities:
    """What an environment can do: a flag for each of `CAPABILITIES`, also as attributes. Immutable."""

    __slots__ = CAPABILITIES

    if TYPE_CHECKING:
        multiprocessing: bool
        multithreading: bool
        file_system: bool
        network: bool
        memory_management: bool
        process_management: bool
        system_calls: bool
        interrupts: bool
        timers: bool
        logging: bool
        metrics: bool
        health_checks: bool
        auto_recovery: bool
        chaos_engineering: bool
        snapshots: bool
        live_migration: bool
        resource_limits: bool
        service_discovery: bool
        config_management: bool

    def __init__(self, **flags: bool) -> None:
        """A flag that is not given is False. Raises `ConfigurationError` for a name that is no capability."""
        for name in flags:
            if name not in CAPABILITIES:
                hint = nearest(name, CAPABILITIES)
                raise ConfigurationError(f"no capability {name!r}" + (f"; did you mean {hint!r}?" if hint else ""))
        for name in CAPABILITIES:
            object.__setattr__(self, name, flags.get(name, False) is True)

    def __setattr__(self, name: str, value: "Any") -> None:
        raise AttributeError(f"capabilities are immutable; make new ones with replace({name}=…)")

    def __reduce__(self) -> "tuple[Any, ...]":
        return _made, (self.to_data(),)

    def replace(self, **flags: bool) -> "EnvironmentCapabilities":
        """The same with some flags changed."""
        return EnvironmentCapabilities(**{**self.to_data(), **flags})

    def differences(self, other: "EnvironmentCapabilities") -> "tuple[str, ...]":
        """The names of the flags in which the two differ."""
        return tuple([name for name in CAPABILITIES if getattr(self, name) is not getattr(other, name)])

    def to_data(self) -> "dict[str, bool]":
        return {name: getattr(self, name) for name in CAPABILITIES}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EnvironmentCapabilities) and not self.differences(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"EnvironmentCapabilities({', '.join([f'{name}=True' for name in CAPABILITIES if getattr(self, name)])})"


def _made(flags: "dict[str, bool]") -> EnvironmentCapabilities:
    """What copies and pickles are made with, as nothing may be set afterwards."""
    return EnvironmentCapabilities(**flags)


def declared(environment: "RuntimeEnvironment | str") -> EnvironmentCapabilities:
    """The column of `environment` in the matrix."""
    column = COLUMNS.index(RuntimeEnvironment(environment))
    return EnvironmentCapabilities(**{name: row.split()[column] == "✓" for name, row in MATRIX.items()})


def probed(environment: "RuntimeEnvironment | str", found: "Mapping[str, bool | None]") -> EnvironmentCapabilities:
    """The declared ones, corrected by what was found; None where it could not be found out."""
    return declared(environment).replace(**{name: flag for name, flag in found.items() if flag is not None})
