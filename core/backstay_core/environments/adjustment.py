"""Adjustment: defaults of strategies that fit an environment, for options that the user did not set.

Rules are rows of `RULES`: a kind of strategy, what must be true of the environment, options with their values, and why.
A rule applies only if the table of the strategy sets none of the options in the rule's `unless`: what the user wrote
stands, and is never completed into something else.
"""

from backstay_core.environments.capabilities import EnvironmentCapabilities
from backstay_core.environments.kinds import RuntimeEnvironment
from backstay_core.failure import ConfigurationError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_BREAKER = ("failure_rate", "window_calls", "window_seconds", "minimum_calls", "shared")


def _consecutive(failures: int) -> "dict[str, Any]":
    """As `CircuitBreaker.consecutive`."""
    return {"failure_rate": 1.0, "window_calls": failures, "minimum_calls": failures}


class Rule:
    """One row: where `when` holds of the capabilities, a strategy of `kind` without any of `unless` gets `options`."""

    __slots__ = ("kind", "options", "unless", "when", "where", "why")

    def __init__(
        self,
        kind: str,
        where: str,
        when: "Callable[[EnvironmentCapabilities], bool]",
        options: "dict[str, Any]",
        why: str,
        unless: "tuple[str, ...]" = (),
    ) -> None:
        self.kind = kind
        self.where = where
        self.when = when
        self.options = options
        self.why = why
        self.unless = unless or tuple(options)


RULES = (
    Rule("circuit_breaker", "with multiprocessing", lambda c: c.multiprocessing, _consecutive(10),
         "many processes fail at their own pace; each waits for more evidence", _BREAKER),
    Rule("circuit_breaker", "without multiprocessing", lambda c: not c.multiprocessing, _consecutive(5),
         "one process has all the evidence, and little to spare for failing calls", _BREAKER),
    Rule("retry", "without network", lambda c: not c.network, {"attempts": 1},
         "what failed here fails again: there is nothing transient between caller and callee", ("attempts", "shared")),
    Rule("retry", "without multithreading", lambda c: c.network and not c.multithreading, {"cap": 1.0, "base": 0.05},
         "a pause stops the only thread there is", ("cap", "base", "shared")),
    Rule("bulkhead", "without multithreading", lambda c: not c.multithreading, {"queue": 0},
         "nobody could leave while the only thread waits for a place", ("queue", "shared")),
)  # fmt: skip

#  seconds between looks: at use, at health, at metrics
INTERVALS = {
    RuntimeEnvironment.OPERATING_SYSTEM: (5.0, 30.0, 10.0),
    RuntimeEnvironment.EMBEDDED_BARE_METAL: (60.0, 300.0, 120.0),
    RuntimeEnvironment.REAL_TIME_OS: (30.0, 60.0, 60.0),
    RuntimeEnvironment.GAME_ENGINE: (5.0, 30.0, 10.0),
    RuntimeEnvironment.MOBILE: (60.0, 300.0, 120.0),
    RuntimeEnvironment.VIRTUAL_MACHINE: (5.0, 30.0, 10.0),
    RuntimeEnvironment.MICRO_VM: (5.0, 30.0, 10.0),
    RuntimeEnvironment.CONTAINER: (10.0, 60.0, 15.0),
    RuntimeEnvironment.KUBERNETES_POD: (10.0, 10.0, 15.0),
    RuntimeEnvironment.WEBASSEMBLY: (30.0, 120.0, 60.0),
    RuntimeEnvironment.FUNCTION_AS_A_SERVICE: (5.0, 30.0, 10.0),
    RuntimeEnvironment.EDGE_COMPUTING: (30.0, 60.0, 60.0),
    RuntimeEnvironment.BLOCKCHAIN: (10.0, 60.0, 15.0),
}


class Adjustment:
    """What was adjusted: the new `config`, and each of the `changes` in a line."""

    __slots__ = ("changes", "config")

    def __init__(self, config: "dict[str, Any]", changes: "tuple[str, ...]") -> None:
        self.config = config
        self.changes = changes

    def __repr__(self) -> str:
        return f"<Adjustment: {'; '.join(self.changes) or 'nothing'}>"


def adjust_reliability_strategy(capabilities: EnvironmentCapabilities, config: "Mapping[str, Any]") -> Adjustment:
    """A configuration document (as in ``backstay.toml``) with defaults that fit; `config` itself is not changed.

    Raises `ConfigurationError` if it has not the shape of one; what is in it is checked when it is loaded.
    """
    if not isinstance(config, dict):
        raise ConfigurationError(f"a configuration is a table; got {shown(config)}")
    changes: "list[str]" = []
    adjusted: "dict[str, Any]" = dict(config)
    policies = config.get("policies", {})
    if not isinstance(policies, dict):
        raise ConfigurationError(f"policies must be a table; got {shown(policies)}")
    adjusted["policies"] = {
        name: _policy(f"policies.{name}", policy, capabilities, changes) for name, policy in policies.items()
    }
    shared = config.get("shared")
    if isinstance(shared, dict):
        adjusted["shared"] = {
            name: _strategy(f"shared.{name}", row, capabilities, changes) for name, row in shared.items()
        }
    return Adjustment(adjusted, tuple(changes))


def _policy(where: str, policy: "Any", capabilities: EnvironmentCapabilities, changes: "list[str]") -> "Any":
    if not isinstance(policy, dict) or not isinstance(policy.get("strategies"), list):
        return policy  # loading says what is wrong with it
    rows = [
        _strategy(f"{where}.strategies[{i}]", row, capabilities, changes) for i, row in enumerate(policy["strategies"])
    ]
    return {**policy, "strategies": rows}


def _strategy(where: str, row: "Any", capabilities: EnvironmentCapabilities, changes: "list[str]") -> "Any":
    if not isinstance(row, dict):
        return row
    options: "dict[str, Any]" = {}
    for rule in RULES:
        if rule.kind != row.get("kind") or not rule.when(capabilities):
            continue
        if any(name in row for name in rule.unless):
            continue
        options.update(rule.options)
        said = ", ".join([f"{name} = {value}" for name, value in rule.options.items()])
        changes.append(f"{where} ({rule.kind}): {said}, {rule.where}: {rule.why}")
    return {**row, **options} if options else row
