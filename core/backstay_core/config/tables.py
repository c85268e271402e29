"""The tables of the document, as data: what stands around the strategies, and the runtime environments.

``{"policies": {name: …}, "shared": {name: …}, "runtime_environments": {name: …}}``
"""

from backstay_core.config.rows import Row, rows_of
from backstay_core.options import Field, Options
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.contract import GATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Strategies = Mapping[str, type[Options]]

#  key                     what it holds
DOCUMENT = {
    "policies":             "Policies by name.",
    "shared":               "Strategies and retry budgets by name, whose state several policies share.",
    "runtime_environments": "What is known and wanted of the environments that the program may run in.",
}  # fmt: skip

SCHEMA_KEY = "$schema"  # where an editor looks for the schema of a JSON file; means nothing to Backstay

POLICY_ROWS = (
    Row(Field("strategies", "list", "the strategies, outermost first"), required=True),
    Row(Field("seed", "integer", "makes random pauses reproducible (default: each process has its own)")),
    Row(Field("failures", "failures", "what counts as a failure for every circuit breaker and retry without an `on`")),
)

#  a strategy is written down here, or stands under a name in `shared`
REFERENCE_ROW = Row(Field("shared", "name", "the name of a strategy in `shared`, in place of `kind` and options"))

#  keys that a strategy has only in a file, by kind
EXTRA_ROWS = {
    "fallback": (Row(Field("call", "name", "the name, bound in code, of a function of the failure; not with `value`")),)
}


def strategy_rows(strategies: "Strategies", kind: str) -> "tuple[Row, ...]":
    """The rows of a strategy."""
    return rows_of(strategies[kind]) + EXTRA_ROWS.get(kind, ())


def shareable(strategies: "Strategies") -> "dict[str, type[Options]]":
    """What may stand in `shared`, by kind: all gates, and retry budgets. The rest has no state to share."""
    found = {kind: cls for kind, cls in strategies.items() if getattr(cls, "ROLE", "") == GATE}
    found[Budget.KIND] = Budget
    return found


class Environment:
    """The table of one runtime environment: its key in the file, the environment's own name, its rows."""

    __slots__ = ("doc", "environment", "key", "rows")

    def __init__(self, key: str, environment: str, doc: str, *rows: Row) -> None:
        self.key = key
        self.environment = environment
        self.doc = doc
        self.rows = (ENABLED,) + rows


def _flag(name: str, doc: str) -> Row:
    return Row(Field(name, "flag", doc), True)


def _bytes(name: str, doc: str) -> Row:
    return Row(Field(name, "count", doc, least=1, optional=True), unit="bytes")


def _seconds(name: str, doc: str, default: "float | None") -> Row:
    return Row(Field(name, "seconds", doc, least=1e-9, optional=default is None), default)


ENABLED = _flag("enabled", "whether Backstay may take this for the environment it runs in")
_CORES = Row(Field("total_cpu_cores", "count", "processor cores, where they cannot be read", least=1, optional=True))
_MEMORY = _bytes("total_memory", "memory, where it cannot be read")
_NETWORK = _flag("monitor_network", "watch network interfaces")
_LIMITS = _flag("monitor_resource_limits", "watch use against the limits of the control group")

ENVIRONMENTS = (
    Environment("os", "operating_system", "A server or desktop operating system.",
                _flag("monitor_processes", "watch processes"), _NETWORK),
    Environment("embedded", "embedded_bare_metal", "A microcontroller without an operating system.", _MEMORY, _CORES),
    Environment("real_time_os", "real_time_os", "A real-time operating system.", _MEMORY, _CORES,
                _seconds("tick", "length of a scheduler tick", 0.001)),
    Environment("game_engine", "game_engine", "A game loop.",
                _seconds("frame_time", "time of a frame; nothing of Backstay's may take longer", 1 / 64)),
    Environment("mobile", "mobile", "A telephone or tablet.", _flag("monitor_battery", "watch the battery"), _NETWORK),
    Environment("virtual_machine", "virtual_machine", "A virtual machine.",
                _flag("monitor_stolen_time", "watch processor time that the host gives to others")),
    Environment("micro_vm", "micro_vm", "A minimal virtual machine, such as Firecracker's.", _MEMORY, _CORES),
    Environment("container", "container", "A container.", _LIMITS),
    Environment("kubernetes_pod", "kubernetes_pod", "A container in a Kubernetes pod.", _LIMITS,
                _seconds("grace_period", "time between the signal to end and the end", 30.0)),
    Environment("webassembly", "webassembly", "A WebAssembly host.", _bytes("memory_limit", "memory of one instance")),
    Environment("function_as_a_service", "function_as_a_service", "A function that a platform starts for each event.",
                _seconds("reserve", "time kept free before the platform ends the invocation", 0.5)),
    Environment("edge_computing", "edge_computing", "A gateway or device at the edge of the network.", _NETWORK,
                _seconds("offline_after", "time without an answer after which the network counts as gone", 30.0)),
    Environment("blockchain", "blockchain", "A client of blockchain nodes.",
                Row(Field("chain_id", "count", "the chain that nodes must be on", least=1, optional=True)),
                Row(Field("confirmations", "count", "blocks after which a transaction counts as final"), 12)),
)  # fmt: skip

ENVIRONMENT_KEYS = tuple([table.key for table in ENVIRONMENTS])

#  the environment's own name → the key of its table, where they differ
KEYS_BY_ENVIRONMENT = {table.environment: table.key for table in ENVIRONMENTS if table.environment != table.key}
