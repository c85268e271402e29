"""The adapters of the environments, as tables."""

from backstay_core.environments import health, machine
from backstay_core.environments.adapter import Ability, TableAdapter
from backstay_core.environments.kinds import RuntimeEnvironment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def yes(value: "Any") -> bool:
    return bool(value)


MACHINE_ABILITIES = (
    Ability("multiprocessing", "fact:processes", test=yes),
    Ability("process_management", "fact:processes", test=yes),
    Ability("multithreading", "fact:threads", test=yes),
    Ability("file_system", "fact:writable", test=yes),
    Ability("network", "names:/sys/class/net", test=lambda names: any(name != "lo" for name in names)),
)


class OperatingSystem(TableAdapter):
    """A server or desktop operating system."""

    ENVIRONMENT = RuntimeEnvironment.OPERATING_SYSTEM
    KEY = "os"
    INFO = machine.INFO
    USAGE = machine.USAGE
    RULES = health.MACHINE
    ABILITIES = MACHINE_ABILITIES
    SWITCHES = {"monitor_processes": machine.PROCESSES, "monitor_network": machine.NETWORK}  # noqa: RUF012


class VirtualMachine(OperatingSystem):
    """A virtual machine."""

    ENVIRONMENT = RuntimeEnvironment.VIRTUAL_MACHINE
    KEY = "virtual_machine"


class MicroVM(OperatingSystem):
    """A minimal virtual machine, such as Firecracker's."""

    ENVIRONMENT = RuntimeEnvironment.MICRO_VM
    KEY = "micro_vm"


class Container(OperatingSystem):
    """A container."""

    ENVIRONMENT = RuntimeEnvironment.CONTAINER
    KEY = "container"


class KubernetesPod(OperatingSystem):
    """A container in a Kubernetes pod."""

    ENVIRONMENT = RuntimeEnvironment.KUBERNETES_POD
    KEY = "kubernetes_pod"


class RealTimeOS(OperatingSystem):
    """A real-time operating system."""

    ENVIRONMENT = RuntimeEnvironment.REAL_TIME_OS
    KEY = "real_time_os"


class GameEngine(OperatingSystem):
    """A game loop."""

    ENVIRONMENT = RuntimeEnvironment.GAME_ENGINE
    KEY = "game_engine"


class Mobile(OperatingSystem):
    """A telephone or tablet."""

    ENVIRONMENT = RuntimeEnvironment.MOBILE
    KEY = "mobile"


class FunctionAsAService(OperatingSystem):
    """A function that a platform starts for each event."""

    ENVIRONMENT = RuntimeEnvironment.FUNCTION_AS_A_SERVICE
    KEY = "function_as_a_service"


class EdgeComputing(OperatingSystem):
    """A gateway or device at the edge of the network."""

    ENVIRONMENT = RuntimeEnvironment.EDGE_COMPUTING
    KEY = "edge_computing"


class Blockchain(OperatingSystem):
    """A client of blockchain nodes."""

    ENVIRONMENT = RuntimeEnvironment.BLOCKCHAIN
    KEY = "blockchain"


class WebAssembly(OperatingSystem):
    """A WebAssembly host."""

    ENVIRONMENT = RuntimeEnvironment.WEBASSEMBLY
    KEY = "webassembly"


class EmbeddedBareMetal(OperatingSystem):
    """A microcontroller without an operating system."""

    ENVIRONMENT = RuntimeEnvironment.EMBEDDED_BARE_METAL
    KEY = "embedded"


ADAPTERS = (
    OperatingSystem,
    VirtualMachine,
    MicroVM,
    Container,
    KubernetesPod,
    RealTimeOS,
    GameEngine,
    Mobile,
    FunctionAsAService,
    EdgeComputing,
    Blockchain,
    WebAssembly,
    EmbeddedBareMetal,
)
