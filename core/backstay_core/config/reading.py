"""From the document to options: one walk that finds every problem, and what there is to load where there is none."""

from backstay_core.config.binding import Bindings
from backstay_core.config.problem import Problem, quoted, unknown
from backstay_core.config.rows import BUDGET_ROWS, Row, says_no, shortened, shown
from backstay_core.config.tables import (
    DOCUMENT,
    ENVIRONMENT_KEYS,
    ENVIRONMENTS,
    KEYS_BY_ENVIRONMENT,
    POLICY_ROWS,
    REFERENCE_ROW,
    SCHEMA_KEY,
    shareable,
    strategy_rows,
)
from backstay_core.failure import ConfigurationError
from backstay_core.options import Options
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.retry import Retry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from backstay_core.config.problem import Path
    from backstay_core.config.tables import Environment, Strategies


JUDGES: "tuple[str, ...]" = (CircuitBreaker.KIND, Retry.KIND)  # what a policy's `failures` are for


class Reference:
    """A strategy or a budget that stands in `shared`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Plan:
    """Options to be made: their class, and the values to give it, in which a `Reference` may stand."""

    __slots__ = ("cls", "values")

    def __init__(self, cls: "type[Options]", values: "dict[str, Any]") -> None:
        self.cls = cls
        self.values = values

    def make(self, shared: "Mapping[str, Any]") -> Options:
        """The options, with what is shared in the place of references."""
        return self.cls(
            **{
                name: shared[value.name] if isinstance(value, Reference) else value
                for name, value in self.values.items()
            }
        )


class Walk:
    """One walk through a document whose outline is right. `problems` is what it found; if there are none, `policies`
    holds for each name the strategies (`Plan` or `Reference`) and the seed, `shared` plans by name, and `environments`
    values by key."""

    def __init__(self, document: "Any", bindings: Bindings, strategies: "Strategies") -> None:
        self.problems: "list[Problem]" = []
        self.bindings = bindings
        self.strategies = strategies
        self.shared: "dict[str, Plan | None]" = {}  # None: there was something wrong with it
        self.policies: "dict[str, tuple[list[Any], int | None]]" = {}
        self.environments: "dict[str, dict[str, Any]]" = {}
        if not isinstance(document, dict):
            self.say((), f"must be a table; got {shown(document)}")
            return
        for key in document:
            if key not in DOCUMENT and key != SCHEMA_KEY:
                self.problems.append(unknown((key,), "key", key, tuple(DOCUMENT)))
        for name, row in self.table(("shared",), document.get("shared", {})).items():
            self.read_shared(("shared", name), name, row)
        for name, table in self.table(("policies",), document.get("policies", {})).items():
            self.read_policy(("policies", name), name, table)
        self.read_environments(("runtime_environments",), document.get("runtime_environments", {}))

    def say(self, path: "Path", message: str) -> None:
        self.problems.append(Problem(path, message))

    def table(self, path: "Path", value: "Any") -> "dict[str, Any]":
        if isinstance(value, dict):
            return value
        self.say(path, f"must be a table; got {shown(value)}")
        return {}

    def keys(self, path: "Path", given: "dict[str, Any]", rows: "tuple[Row, ...]", *more: str) -> None:
        """Refuses keys that no row has, and asks for those that must be there."""
        known = more + tuple([row.name for row in rows])
        for name in given:
            if name not in known:
                self.problems.append(unknown(path + (name,), "option", name, known, "it takes"))
        for row in rows:
            if row.required and row.name not in given:
                self.say(path, f"needs {row.name} ({row.doc})")

    # Policies

    def read_policy(self, path: "Path", name: str, value: "Any") -> None:
        if not name:
            self.say(path, "a policy's name must not be empty")
        table = self.table(path, value)
        if table is not value:
            return
        self.keys(path, table, POLICY_ROWS)
        seed = table.get("seed")
        if "seed" in table and (isinstance(seed, bool) or not isinstance(seed, int)):
            self.say(path + ("seed",), f"must be a whole number; got {shown(seed)}")
            seed = None
        rows = table.get("strategies", [])
        if not isinstance(rows, (list, tuple)):
            self.say(path + ("strategies",), f"must be a list of tables; got {shown(rows)}")
            rows = []
        strategies = [self.read_strategy(path + ("strategies", i), row) for i, row in enumerate(rows)]
        taken = set()
        for index, strategy in enumerate(strategies):
            if isinstance(strategy, Reference):
                if strategy.name in taken:
                    self.say(path + ("strategies", index), f"{quoted(strategy.name)} stands in this policy twice")
                taken.add(strategy.name)
        if "failures" in table:
            self.judge_by(path + ("failures",), table["failures"], strategies)
        self.policies[name] = (strategies, seed)

    def judge_by(self, path: "Path", value: "Any", strategies: "list[Any]") -> None:
        """Gives `failures` to the strategies that judge and do not say by what."""
        [row] = [row for row in POLICY_ROWS if row.name == "failures"]
        found = self.bindings.failures(row, self.strategies[Retry.KIND], value, path, self.problems)
        for strategy in strategies:
            if isinstance(strategy, Plan) and strategy.cls.KIND in JUDGES and found is not None:
                strategy.values.setdefault("on", found)

    def read_strategy(self, path: "Path", row: "Any") -> "Plan | Reference | None":
        if not isinstance(row, dict):
            self.say(path, f"must be a table with a kind; got {shown(row)}")
            return None
        if REFERENCE_ROW.name in row:
            self.keys(path, row, (REFERENCE_ROW,))
            return self.read_reference(path + (REFERENCE_ROW.name,), row[REFERENCE_ROW.name], budget=False)
        return self.read_options(path, row, self.strategies)

    def read_options(self, path: "Path", row: "dict[str, Any]", allowed: "Any") -> "Plan | None":
        """The options of a table with a `kind` that `allowed` has."""
        kind = row.get("kind")
        if "kind" not in row:
            self.say(path, f"needs a kind: one of {', '.join(sorted(allowed))}")
            return None
        if not isinstance(kind, str):
            self.say(path + ("kind",), f"must be a text; got {shown(kind)}")
            return None
        if kind not in allowed:
            if kind in self.strategies:
                self.say(path + ("kind",), f"{kind} has no state to share; shared are {', '.join(sorted(allowed))}")
            else:
                self.problems.append(unknown(path + ("kind",), "kind", kind, tuple(sorted(allowed)), "kinds:"))
            return None
        if kind == Budget.KIND:
            return self.read_budget(path, row, "kind")
        return self.build(path, self.strategies[kind], strategy_rows(self.strategies, kind), row, "kind")

    def read_reference(self, path: "Path", name: "Any", budget: bool) -> "Reference | None":
        if not isinstance(name, str):
            self.say(path, f"must be a name; got {shown(name)}")
        elif name not in self.shared:
            self.problems.append(unknown(path, "shared strategy", name, tuple(self.shared), "shared are"))
        else:
            plan = self.shared[name]
            if plan is None or (plan.cls is Budget) is budget:
                return Reference(name)
            self.say(path, f"{quoted(name)} is {'no' if budget else 'a'} budget")
        return None

    def read_shared(self, path: "Path", name: str, value: "Any") -> None:
        if not name:
            self.say(path, "a shared strategy's name must not be empty")
        row = self.table(path, value)
        if row is value:
            self.shared[name] = self.read_options(path, row, shareable(self.strategies))

    # Options

    def build(
        self, path: "Path", cls: "type[Options]", rows: "tuple[Row, ...]", given: "dict[str, Any]", *more: str
    ) -> "Plan | None":
        """The options that the keys of a table make; None where there are problems."""
        before = len(self.problems)
        self.keys(path, given, rows, *more)
        values: "dict[str, Any]" = {}
        for row in rows:
            if row.name in given:
                self.read_value(path + (row.name,), cls, row, given[row.name], values)
        if "call" in given and "value" in given:
            self.say(path, "takes value or call, not both")
        if len(self.problems) > before:
            return None
        values = {name: value.make({}) if isinstance(value, Plan) else value for name, value in values.items()}
        try:
            cls(**{name: None if isinstance(value, Reference) else value for name, value in values.items()})
        except ConfigurationError as error:
            self.misfit(path, cls, str(error))
            return None
        return Plan(cls, values)

    def read_value(self, path: "Path", cls: "type[Options]", row: Row, value: "Any", values: "dict[str, Any]") -> None:
        bindings, problems = self.bindings, self.problems
        if row.name == "call":
            values["value"] = bindings.function(value, path, problems)
            return
        if row.type == "function":
            values[row.name] = bindings.function(value, path, problems)
            return
        if row.type == "anything":
            values[row.name] = copied(value)
            return
        if value is None:
            self.say(path, "null means nothing here; leave the key out")
            return
        if row.type == "budget":
            values[row.name] = (
                self.read_budget(path, value)
                if isinstance(value, dict)
                else self.read_reference(path, value, budget=True)
            )
            return
        if row.type == "failures":
            value = bindings.failures(row, cls, value, path, problems)
        else:
            if row.type == "results":
                value = bindings.results(row, cls, value, path, problems)
            why = says_no(row, cls, value)
            if why:
                self.say(path, why)
        values[row.name] = tuple(value) if isinstance(value, list) else value

    def read_budget(self, path: "Path", given: "dict[str, Any]", *more: str) -> "Plan | None":
        return self.build(path, Budget, BUDGET_ROWS, given, *more)

    def misfit(self, path: "Path", cls: "type[Options]", text: str) -> None:
        """Two options that do not fit together; the message begins with the one to blame: ``Class(option=…) …``."""
        name, found, rest = text.partition("=…) ")
        begin = cls.__name__ + "("
        if found and name.startswith(begin):
            path, text = path + (name[len(begin) :],), rest
        self.say(path, shortened(text))

    # Runtime environments

    def read_environments(self, path: "Path", value: "Any") -> None:
        given = self.table(path, value)
        for key in given:
            if key not in ENVIRONMENT_KEYS:
                problem = unknown(path + (key,), "runtime environment", key, ENVIRONMENT_KEYS, "there are")
                problem.hint = KEYS_BY_ENVIRONMENT.get(key, problem.hint)
                self.problems.append(problem)
        for table in ENVIRONMENTS:
            if table.key in given:
                self.read_environment(path + (table.key,), table, given[table.key])

    def read_environment(self, path: "Path", environment: "Environment", value: "Any") -> None:
        given = self.table(path, value)
        self.keys(path, given, environment.rows)
        values = {row.name: row.default for row in environment.rows}
        for row in environment.rows:
            if row.name in given:
                why = "null means nothing here; leave the key out"
                wrong = why if given[row.name] is None else says_no(row, Options, given[row.name])
                if wrong:
                    self.say(path + (row.name,), wrong)
                values[row.name] = given[row.name]
        self.environments[environment.key] = values


def copied(value: "Any") -> "Any":
    """A value that the document's owner can no longer change."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(part) for part in value]
    return value
