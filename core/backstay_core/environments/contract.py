"""The contract of adapters: what Backstay asks of a runtime environment, and in which form it gets the answers.

An adapter is synchronous and bounded in time, may be initialised and cleaned up any number of times, and raises nothing
but `UnifiedError`. What it cannot read is None with a reason; a recovery that did nothing says so.
`backstay.testing.environments` checks all of this of any adapter.
"""

from abc import ABC, abstractmethod

from backstay_core.environments.capabilities import EnvironmentCapabilities, declared
from backstay_core.environments.kinds import BADNESS, HealthLevel, RecoveryType, RuntimeEnvironment
from backstay_core.environments.reading import Readings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.environments.reading import Reading


class SystemInfo(Readings):
    """What an environment is: readings that do not change while the program runs.

    Every adapter has those of `STANDARD`, and more of its own.
    """

    __slots__ = ()
    STANDARD = (
        "system_name",
        "system_version",
        "architecture",
        "total_memory",  # bytes
        "total_cpu_cores",  # may be a fraction, where processors are shared
        "total_disk_space",  # bytes, of the file system of the working directory
        "uptime",  # seconds
    )


class ResourceUsage(Readings):
    """What a program uses of its environment, and what is left: readings of a moment.

    Every adapter has those of `STANDARD`, and more of its own. Rates are over the time since the adapter was asked
    before; the first time there are none.
    """

    __slots__ = ()
    STANDARD = (
        "timestamp",  # ns of the monotonic clock
        "cpu_usage_percent",  # of all processors that the program may use
        "memory_usage_bytes",
        "memory_usage_percent",
        "disk_usage_bytes",
        "disk_usage_percent",
        "network_rx_bytes",
        "network_tx_bytes",
        "network_rx_rate",  # bytes a second
        "network_tx_rate",
    )


class HealthDetail:
    """One thing that was looked at: its level, what was found in words, and the reading behind it."""

    __slots__ = ("level", "message", "name", "reading")

    def __init__(self, name: str, level: HealthLevel, message: str, reading: "Reading[Any]") -> None:
        self.name = name
        self.level = level
        self.message = message
        self.reading = reading

    def to_data(self) -> "dict[str, Any]":
        return {"name": self.name, "level": self.level.value, "message": self.message, **self.reading.to_data()}

    def __repr__(self) -> str:
        return f"HealthDetail({self.name!r}, {self.level.value}, {self.message!r})"


class HealthStatus:
    """How well an environment is: `overall_health` is the worst of the `details`. `check_time` is ns of the monotonic
    clock."""

    __slots__ = ("check_time", "details")

    def __init__(self, details: "tuple[HealthDetail, ...]", check_time: int) -> None:
        self.details = details
        self.check_time = check_time

    @property
    def overall_health(self) -> HealthLevel:
        return max([detail.level for detail in self.details], key=BADNESS.__getitem__, default=HealthLevel.UNKNOWN)

    @property
    def healthy(self) -> bool:
        return self.overall_health is HealthLevel.HEALTHY

    def to_data(self) -> "dict[str, Any]":
        return {
            "overall_health": self.overall_health.value,
            "check_time": self.check_time,
            "details": [detail.to_data() for detail in self.details],
        }

    def __repr__(self) -> str:
        return f"<HealthStatus {self.overall_health.value}: {', '.join([repr(detail) for detail in self.details])}>"


class RecoveryStep:
    """One thing that a recovery tried: whether it `did` anything, in words, and what was measured around it."""

    __slots__ = ("after", "before", "did", "message", "name")

    def __init__(
        self,
        name: str,
        did: bool,
        message: str,
        before: "Reading[Any] | None" = None,
        after: "Reading[Any] | None" = None,
    ) -> None:
        self.name = name
        self.did = did
        self.message = message
        self.before = before
        self.after = after

    def to_data(self) -> "dict[str, Any]":
        data: "dict[str, Any]" = {"name": self.name, "did": self.did, "message": self.message}
        for name, reading in (("before", self.before), ("after", self.after)):
            if reading is not None:
                data[name] = reading.to_data()
        return data

    def __repr__(self) -> str:
        return f"RecoveryStep({self.name!r}, did={self.did}, {self.message!r})"


class RecoveryReport:
    """What `perform_recovery` did: the `steps` it tried. `refused` is the reason if it may not try any."""

    __slots__ = ("recovery_type", "refused", "steps")

    def __init__(self, recovery_type: RecoveryType, steps: "tuple[RecoveryStep, ...]" = (), refused: str = "") -> None:
        self.recovery_type = recovery_type
        self.steps = steps
        self.refused = refused

    @property
    def did_something(self) -> bool:
        return any(step.did for step in self.steps)

    def to_data(self) -> "dict[str, Any]":
        return {
            "recovery_type": self.recovery_type.value,
            "did_something": self.did_something,
            "refused": self.refused,
            "steps": [step.to_data() for step in self.steps],
        }

    def __repr__(self) -> str:
        what = f"refused: {self.refused}" if self.refused else repr(list(self.steps))
        return f"<RecoveryReport {self.recovery_type.value}: {what}>"


class RuntimeEnvironmentAdapter(ABC):
    """Backstay's side of one runtime environment."""

    @abstractmethod
    def environment_type(self) -> RuntimeEnvironment:
        """Which environment this is."""

    def capabilities(self) -> EnvironmentCapabilities:
        """What it can do, probed where that is possible; else what the matrix declares."""
        return declared(self.environment_type())

    @abstractmethod
    def initialize(self) -> None:
        """Make ready. Again is no harm."""

    @abstractmethod
    def cleanup(self) -> None:
        """Give back what `initialize` took. Again, or without it, is no harm."""

    @abstractmethod
    def get_system_info(self) -> SystemInfo:
        """What it is."""

    @abstractmethod
    def get_resource_usage(self) -> ResourceUsage:
        """What is used of it now."""

    @abstractmethod
    def check_health(self) -> HealthStatus:
        """How well it is."""

    @abstractmethod
    def perform_recovery(self, recovery_type: RecoveryType) -> RecoveryReport:
        """Try to make it better, and tell what that did."""
