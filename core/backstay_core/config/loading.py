"""`check` and `load`: a plain document in; every problem at once, or policies out."""

from backstay_core.config.binding import Bindings
from backstay_core.config.outline import outline
from backstay_core.config.problem import refusal
from backstay_core.config.reading import Reference, Walk, copied
from backstay_core.config.tables import ENVIRONMENTS
from backstay_core.options import Options
from backstay_core.policy import STRATEGIES, Policy, Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from backstay_core.config.problem import Problem
    from backstay_core.config.tables import Strategies


class Settings:
    """The table of one runtime environment: its values by name, also as attributes. Immutable."""

    __slots__ = ("_values", "environment")
    environment: str

    def __init__(self, environment: str, values: "dict[str, Any]") -> None:
        object.__setattr__(self, "environment", environment)
        object.__setattr__(self, "_values", dict(values))

    def values(self) -> "dict[str, Any]":
        """All values by name; None where nothing is known."""
        return dict(object.__getattribute__(self, "_values"))

    def __getattr__(self, name: str) -> "Any":
        values = object.__getattribute__(self, "_values")
        if name not in values:
            raise AttributeError(f"{self.environment} has no {name!r}; it has {', '.join(values)}")
        return values[name]

    def __setattr__(self, name: str, value: "Any") -> None:
        raise AttributeError("settings are immutable; they come from the configuration")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.environment == other.environment and self.values() == other.values()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join([f"{name}={value!r}" for name, value in self.values().items()])
        return f"Settings({self.environment}: {shown})"


class Configuration:
    """What a document says: `policies` and `shared` by name, `runtime_environments` by key, and the document itself."""

    def __init__(
        self,
        policies: "dict[str, Any]",
        shared: "dict[str, Shared]",
        runtime_environments: "dict[str, Settings]",
        document: "dict[str, Any]",
    ) -> None:
        self.policies = policies
        self.shared = shared
        self.runtime_environments = runtime_environments
        self.document = document

    def to_data(self) -> "dict[str, Any]":
        """The document with every default filled in. Raises `ConfigurationError` where an option is code."""
        return {
            "shared": {name: shared.options.to_data() for name, shared in self.shared.items()},
            "policies": {name: _policy_data(policy) for name, policy in self.policies.items()},
            "runtime_environments": {
                key: {name: value for name, value in settings.values().items() if value is not None}
                for key, settings in self.runtime_environments.items()
            },
        }


def _policy_data(policy: Policy) -> "dict[str, Any]":
    rows = []
    for strategy in policy.strategies:
        if isinstance(strategy, Shared):
            rows.append({"shared": strategy.name})
            continue
        row = strategy.to_data()
        if isinstance(row.get("budget"), Shared):
            row["budget"] = row["budget"].name
        rows.append(row)
    data: "dict[str, Any]" = {"strategies": rows}
    if getattr(policy, "seeded", True):
        data["seed"] = policy.seed
    return data


class Checked:
    """A document that has been walked through. `problems` is all that is wrong with it, `needed` are the names that
    code must bind where none were given."""

    def __init__(
        self, document: "Any", bind: "Mapping[str, Any] | None" = None, strategies: "Strategies | None" = None
    ) -> None:
        bindings = Bindings(bind)
        self.document = document
        self.problems = outline(document)
        self._walk: "Walk | None" = None
        if not self.problems:
            self._walk = Walk(document, bindings, strategies or STRATEGIES)
            self.problems = self._walk.problems + bindings.unused()
        self.needed = tuple(bindings.needed)

    def build(
        self,
        policy: "type[Policy]" = Policy,
        share: "Callable[[str, Options], Shared]" = Shared,
        keep: "Mapping[str, Shared] | None" = None,
    ) -> Configuration:
        """The configuration. Raises one `ConfigurationError` with all problems.

        `policy` is the class of policies to make, whose strategies the document was checked for; `share` makes what
        they share. What `keep` holds under the same name with the same options is taken in place of a new shared state.
        """
        walk = self._walk
        if self.problems or walk is None:
            raise refusal(self.problems)
        shared = {}
        for name, plan in walk.shared.items():
            options = plan.make({})  # type: ignore[union-attr]
            known = keep.get(name) if keep else None
            shared[name] = known if known is not None and known.options == options else share(name, options)
        policies = {}
        for name, (strategies, seed) in walk.policies.items():
            parts = [shared[part.name] if isinstance(part, Reference) else part.make(shared) for part in strategies]
            more: "dict[str, Any]" = {} if seed is None else {"seed": seed}
            policies[name] = policy(name, *parts, **more)
        environments = {
            table.key: Settings(table.environment, walk.environments[table.key])
            for table in ENVIRONMENTS
            if table.key in walk.environments
        }
        return Configuration(policies, shared, environments, copied(self.document))


def check(
    document: "Any", bind: "Mapping[str, Any] | None" = None, strategies: "Strategies | None" = None
) -> "list[Problem]":
    """All problems of a document. Without `bind` any name may be bound in code later (`Checked.needed`)."""
    return Checked(document, bind, strategies).problems


def load(document: "Any", bind: "Mapping[str, Any] | None" = None, policy: "type[Policy]" = Policy) -> Configuration:
    """The configuration that a document describes. Raises one `ConfigurationError` with all problems.

    `bind` gives what names in the document stand for; a name that nothing refers to is refused.
    """
    return Checked(document, bind or {}, policy.STRATEGIES).build(policy)
