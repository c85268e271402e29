"""The adapters of the environments, as tables."""

from backstay_core.clock import SECOND
from backstay_core.environments import (
    container,
    declared,
    edge,
    function,
    guest,
    health,
    interpreter,
    machine,
    mobile,
    pod,
    real_time,
)
from backstay_core.environments.adapter import Ability, TableAdapter
from backstay_core.environments.cgroup import NO_LIMIT, NOT_MOUNTED, Group
from backstay_core.environments.contract import HealthDetail, ResourceUsage
from backstay_core.environments.kinds import HealthLevel, RuntimeEnvironment
from backstay_core.environments.reading import MISSING, Once
from backstay_core.environments.signals import SERVICE_ACCOUNT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.environments.reading import Probe, Reading


OFFLINE_AFTER = 30.0  # s, as in the configuration's tables


def yes(value: "Any") -> bool:
    return bool(value)


PYTHON_ABILITIES = (
    Ability("multithreading", "fact:threads", test=yes),
    Ability("multiprocessing", "fact:processes", test=yes),
    Ability("process_management", "fact:processes", test=yes),
    Ability("file_system", "fact:writable", test=yes),
)
MACHINE_ABILITIES: "tuple[Ability, ...]" = PYTHON_ABILITIES + (
    Ability("network", "names:/sys/class/net", test=lambda names: any(name != "lo" for name in names)),
)


class OperatingSystem(TableAdapter):
    """A server or desktop operating system."""

    ENVIRONMENT = RuntimeEnvironment.OPERATING_SYSTEM
    KEY = "os"
    INFO = machine.INFO + container.SERVICE_INFO
    USAGE = machine.USAGE + container.SERVICE_USAGE
    RULES = health.MACHINE + container.SERVICE_RULES
    ABILITIES = MACHINE_ABILITIES
    SWITCHES = {"monitor_processes": machine.PROCESSES, "monitor_network": machine.NETWORK}  # noqa: RUF012

    def findings(self) -> "dict[str, Reading[bool]]":
        found = super().findings()
        found["resource_limits"] = limits(Once(self.probe))
        return found


class VirtualMachine(TableAdapter):
    """A virtual machine."""

    ENVIRONMENT = RuntimeEnvironment.VIRTUAL_MACHINE
    KEY = "virtual_machine"
    INFO = guest.INFO
    USAGE = guest.USAGE
    RULES = guest.RULES
    ABILITIES = MACHINE_ABILITIES
    SWITCHES = {"monitor_stolen_time": guest.STOLEN}  # noqa: RUF012


class MicroVM(VirtualMachine):
    """A minimal virtual machine, such as Firecracker's."""

    ENVIRONMENT = RuntimeEnvironment.MICRO_VM
    KEY = "micro_vm"


class Container(TableAdapter):
    """A container."""

    ENVIRONMENT = RuntimeEnvironment.CONTAINER
    KEY = "container"
    INFO = container.INFO
    USAGE = container.USAGE
    RULES = container.RULES
    ABILITIES: "tuple[Ability, ...]" = MACHINE_ABILITIES
    SWITCHES = {"monitor_resource_limits": container.LIMITS}  # noqa: RUF012

    def findings(self) -> "dict[str, Reading[bool]]":
        found = super().findings()
        found["resource_limits"] = limits(Once(self.probe))
        return found


class KubernetesPod(Container):
    """A container in a Kubernetes pod."""

    ENVIRONMENT = RuntimeEnvironment.KUBERNETES_POD
    KEY = "kubernetes_pod"
    INFO = pod.INFO
    USAGE = pod.USAGE
    RULES = pod.RULES
    ABILITIES = MACHINE_ABILITIES + (
        Ability("service_discovery", f"exists:{SERVICE_ACCOUNT}/token", "env:KUBERNETES_SERVICE_HOST",
                test=lambda token, host: True),
    )  # fmt: skip


class WebAssembly(TableAdapter):
    """A WebAssembly host."""

    ENVIRONMENT = RuntimeEnvironment.WEBASSEMBLY
    KEY = "webassembly"
    INFO = interpreter.WEBASSEMBLY_INFO
    USAGE = interpreter.WEBASSEMBLY_USAGE
    RULES = interpreter.MEMORY_ALONE
    ABILITIES = PYTHON_ABILITIES


class FunctionAsAService(TableAdapter):
    """A function that a platform starts for each event."""

    ENVIRONMENT = RuntimeEnvironment.FUNCTION_AS_A_SERVICE
    KEY = "function_as_a_service"
    INFO = function.INFO
    USAGE = function.USAGE
    RULES = health.MACHINE
    ABILITIES = (Ability("multithreading", "fact:threads", test=yes),)


class EdgeComputing(TableAdapter):
    """A gateway or device at the edge of the network."""

    ENVIRONMENT = RuntimeEnvironment.EDGE_COMPUTING
    KEY = "edge_computing"
    INFO = edge.INFO
    USAGE = edge.USAGE
    RULES = edge.RULES
    ABILITIES = MACHINE_ABILITIES
    SWITCHES = {"monitor_network": machine.NETWORK}  # noqa: RUF012
    _offline_since: "int | None" = None

    def more_health(self, usage: ResourceUsage) -> "tuple[HealthDetail, ...]":
        """Offline: no way out for as long as the configuration allows."""
        reading, now = usage["no_way_out"], usage.timestamp or 0
        if reading.value is None:
            return (HealthDetail("offline", HealthLevel.UNKNOWN, f"not known: {reading.reason}", reading),)
        if not reading.value:
            self._offline_since = None
            return (HealthDetail("offline", HealthLevel.HEALTHY, "there is a way out", reading),)
        since = now if self._offline_since is None else self._offline_since
        self._offline_since = since
        seconds = (now - since) / SECOND
        level = (
            HealthLevel.ERROR if seconds >= self.settings.get("offline_after", OFFLINE_AFTER) else HealthLevel.HEALTHY
        )
        return (HealthDetail("offline", level, f"there has been no way out for {seconds:.0f} s", reading),)


class Blockchain(TableAdapter):
    """A client of blockchain nodes."""

    ENVIRONMENT = RuntimeEnvironment.BLOCKCHAIN
    KEY = "blockchain"
    INFO = declared.BLOCKCHAIN_INFO
    USAGE = machine.USAGE
    RULES = health.MACHINE
    ABILITIES = PYTHON_ABILITIES


class EmbeddedBareMetal(TableAdapter):
    """A microcontroller without an operating system."""

    ENVIRONMENT = RuntimeEnvironment.EMBEDDED_BARE_METAL
    KEY = "embedded"
    INFO = interpreter.EMBEDDED_INFO
    USAGE = interpreter.EMBEDDED_USAGE
    RULES = interpreter.MEMORY_ALONE


class RealTimeOS(TableAdapter):
    """A real-time operating system."""

    ENVIRONMENT = RuntimeEnvironment.REAL_TIME_OS
    KEY = "real_time_os"
    INFO = real_time.INFO
    USAGE = real_time.USAGE
    RULES = health.MACHINE
    ABILITIES = MACHINE_ABILITIES


class GameEngine(TableAdapter):
    """A game loop."""

    ENVIRONMENT = RuntimeEnvironment.GAME_ENGINE
    KEY = "game_engine"
    INFO = declared.GAME_INFO
    USAGE = machine.USAGE
    RULES = health.MACHINE
    ABILITIES = MACHINE_ABILITIES


class Mobile(TableAdapter):
    """A telephone or tablet."""

    ENVIRONMENT = RuntimeEnvironment.MOBILE
    KEY = "mobile"
    INFO = mobile.INFO
    USAGE = mobile.USAGE
    RULES = mobile.RULES
    ABILITIES = MACHINE_ABILITIES
    SWITCHES = {"monitor_battery": mobile.BATTERY, "monitor_network": machine.NETWORK}  # noqa: RUF012


def limits(probe: "Probe") -> "Reading[bool]":
    """Is there a limit of memory, processors or processes around this process?"""
    tried = [
        row.read(probe, {}, {}) for row in container.INFO if any(isinstance(s, Group) and s.least for s in row.sources)
    ]
    for reading in tried:
        if reading.value is not None:
            return reading.of(True)
    [first, *_] = tried
    return first.of(False) if all(reading.reason in (NO_LIMIT, NOT_MOUNTED, MISSING) for reading in tried) else first


ADAPTERS = (
    OperatingSystem, VirtualMachine, MicroVM, Container, KubernetesPod, WebAssembly, FunctionAsAService,
    EdgeComputing, Blockchain, EmbeddedBareMetal, RealTimeOS, GameEngine, Mobile,
)  # fmt: skip
