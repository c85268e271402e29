"""The commented file that `backstay init` writes: a composition to start from, and every option there is."""

from backstay_core.config.problem import quoted
from backstay_core.config.rows import BUDGET_ROWS, Row
from backstay_core.config.tables import ENVIRONMENTS, POLICY_ROWS, strategy_rows
from backstay_core.failure import ConfigurationError
from backstay_core.options import Options
from backstay_core.policy import STRATEGIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#  outermost first: the kind, why it is there, and what the file says of it
COMPOSITION: "tuple[tuple[str, str, Mapping[str, Any]], ...]" = (
    ("timeout", "The whole call, all attempts and pauses.", {"seconds": 5.0}),
    (
        "retry",
        "Without `on` a failure is tried again only if that can help and is safe.",
        {"attempts": 3, "budget": {"ratio": 0.1, "per_second": 1.0, "burst": 10.0}},
    ),
    (
        "circuit_breaker",
        "Stops calling what keeps failing.",
        {"failure_rate": 0.5, "window_calls": 100, "open_for": 30.0},
    ),
    ("bulkhead", "So many calls at once; the others wait in a queue.", {"limit": 50, "queue": 50, "wait": 0.2}),
    ("timeout", "Each attempt.", {"seconds": 1.3}),
)

#  what stands for an option without a default
EXAMPLES = {
    "on": "transport_errors",
    "results": "busy",
    "total": 30.0,
    "window_seconds": 60.0,
    "minimum_calls": 20,
    "open_cap": 300.0,
    "half_open_for": 10.0,
    "slow_call": 2.0,
    "wait": 1.0,
    "decrease": 0.5,
    "burst": 200,
    "limit": 100,
    "value": "unknown",
    "after": 0.05,
    "fresh_for": 60.0,
    "key": "key_of_call",
    "quantile": 0.95,
    "minimum": 10,
    "budget": {"ratio": 0.1},
    "seed": 1,
    "failures": "transport_errors",
    "total_memory": 2_097_152,
    "total_cpu_cores": 2,
    "memory_limit": 67_108_864,
    "chain_id": 1,
}

HEADER = """\
## Backstay's configuration: backstay.load({file}) makes the policies below, outermost strategy first.
##
## What stands behind a single "#" is an option with its default, or with an example where it has none.
## Times are in seconds. In the environment, BACKSTAY__POLICIES__{variable}__STRATEGIES__1__ATTEMPTS=5 overrides
## what is said here.
"""


def toml_value(value: "Any") -> str:
    """A value as TOML writes it. Raises `ConfigurationError` for what TOML cannot say."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value - value == 0:
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join([_escaped(char) for char in value]) + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([toml_value(part) for part in value]) + "]"
    if isinstance(value, dict):
        parts = [f"{toml_key(key)} = {toml_value(part)}" for key, part in value.items()]
        return "{ " + ", ".join(parts) + " }" if parts else "{}"
    raise ConfigurationError(f"TOML has no value {value!r}")


def toml_key(name: str) -> str:
    """A key as TOML writes it, however long."""
    plain = quoted(name)
    return plain if plain == name else toml_value(name)


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char >= " " and char != "\x7f":
        return char
    return f"\\u{ord(char):04x}"


def template(
    name: str = "example", *, file: str = "backstay.toml", strategies: "Mapping[str, type[Options]] | None" = None
) -> str:
    """The text of a configuration file with one policy, `name`, and comments on all options."""
    known = strategies or STRATEGIES
    variable = "".join([char if char.isalnum() and char.isascii() else "_" for char in name]).upper()
    lines = [HEADER.format(file=toml_value(file), variable=variable)]
    key = toml_key(name)
    lines.append(f"[policies.{key}]")
    lines.extend([_comment(row) for row in POLICY_ROWS if row.name != "strategies"])
    told: "list[str]" = []
    for kind, why, values in COMPOSITION:
        lines += ["", f"## {why}", f"[[policies.{key}.strategies]]", f'kind = "{kind}"']
        rows = strategy_rows(known, kind)
        lines.extend([_setting(row, values[row.name]) for row in rows if row.name in values])
        if kind not in told:
            lines.extend([_comment(row) for row in rows if row.name not in values])
        told.append(kind)
    for kind in sorted(known):
        if kind not in told:
            lines += [
                "",
                f"## Another kind of strategy: {kind}.",
                f"# [[policies.{key}.strategies]]",
                f'# kind = "{kind}"',
            ]
            lines.extend([_comment(row) for row in strategy_rows(known, kind) if row.name != "call"])
    lines += ["", '## State that several policies share: strategies = [{ shared = "database" }], budget = "retries".']
    lines += ["# [shared.database]", '# kind = "circuit_breaker"', "# [shared.retries]", '# kind = "budget"']
    lines.extend([_comment(row) for row in BUDGET_ROWS])
    lines += ["", "## What is known and wanted of the environments that the program may run in."]
    for table in ENVIRONMENTS:
        lines.append(f"# [runtime_environments.{table.key}]  # {table.doc}")
        lines.extend([_comment(row) for row in table.rows])
    return "\n".join(lines) + "\n"


def _setting(row: Row, value: "Any") -> str:
    return f"{row.name} = {toml_value(value)}  # {row.doc}"


def _comment(row: Row) -> str:
    value = EXAMPLES.get(row.name) if row.default is None else row.default
    return f"# {row.name} = {toml_value(value)}  # {row.doc}; {row.expects()}"
