"""The words: kinds of runtime environments, of recovery, levels of health."""

from enum import StrEnum


class RuntimeEnvironment(StrEnum):
    """Where a program runs. In an order: what is nearest to the program comes first.

    Of several that are true at once (a function, in a micro VM, on an operating system) the first is the *primary* one,
    whose adapter does the work.
    """

    WEBASSEMBLY = "webassembly"
    EMBEDDED_BARE_METAL = "embedded_bare_metal"
    MOBILE = "mobile"
    BLOCKCHAIN = "blockchain"
    GAME_ENGINE = "game_engine"
    FUNCTION_AS_A_SERVICE = "function_as_a_service"
    KUBERNETES_POD = "kubernetes_pod"
    EDGE_COMPUTING = "edge_computing"
    CONTAINER = "container"
    REAL_TIME_OS = "real_time_os"
    MICRO_VM = "micro_vm"
    VIRTUAL_MACHINE = "virtual_machine"
    OPERATING_SYSTEM = "operating_system"


class RecoveryType(StrEnum):
    """What `RuntimeEnvironmentAdapter.perform_recovery` may be asked for."""

    MEMORY_CLEANUP = "memory_cleanup"
    CONNECTION_RESET = "connection_reset"
    PROCESS_RESTART = "process_restart"
    SERVICE_RESTART = "service_restart"
    SYSTEM_RESTART = "system_restart"
    CUSTOM = "custom"


class HealthLevel(StrEnum):
    """How well something is. UNKNOWN: it could not be read."""

    HEALTHY = "healthy"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


#  what makes the whole as bad as its worst part; what is not known makes nothing better or worse
BADNESS = {
    HealthLevel.UNKNOWN: 0,
    HealthLevel.HEALTHY: 1,
    HealthLevel.WARNING: 2,
    HealthLevel.ERROR: 3,
    HealthLevel.CRITICAL: 4,
}

NAMES = tuple([environment.value for environment in RuntimeEnvironment])
