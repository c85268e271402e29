"""What enters an engine as text: JSON that is checked before it is parsed, and the policies document.

A document is an object::

    {"policies": [{"name": "quotes", "seed": 7, "strategies": [{"kind": "retry", "attempts": 3}, {"shared": "db"}]}],
     "shared": {"db": {"kind": "circuit_breaker"}}}

`policies` may also be an object by name. `seed` may be decimal text. A ``{"shared": name}`` stands for one strategy
whose state several policies of the document have in common.
"""

import json

from backstay_core.failure import KINDS, LONGEST_MESSAGE, NEVER, ConfigurationError, Failure, UnifiedError
from backstay_core.policy import Policy, Shared
from backstay_core.rng import stream
from backstay_core.strategies.priority import Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

DEEPEST = 100  # nested brackets; the parser of a component traps at a thousand
LONGEST_CONFIGURATION = 1 << 20  # characters
LONGEST_SNAPSHOT = 1 << 24
LONGEST_DETAIL = 1 << 16
MOST_POLICIES = 1000

#  the fields of a failure that cross; `context` and `cause` stay with the host
TEXTS = ("kind", "code", "severity", "retry", "executed", "reason", "domain", "message")


class EngineError(UnifiedError):
    """What an engine answers instead of a result. `kind` is one of an open set of words for programs."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def parse(text: str, longest: int, kind: str) -> "Any":
    """The value of a JSON text. Raises `EngineError` of `kind`, or "too-large"."""
    if len(text) > longest:
        raise EngineError("too-large", f"at most {longest} characters are taken; got {len(text)}")
    if text.count("[") + text.count("{") > DEEPEST and _depth(text) > DEEPEST:
        raise EngineError(kind, f"more than {DEEPEST} brackets are open at once")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise EngineError(kind, f"this is no JSON: {error}") from None


def _no_constant(name: str) -> "NoReturn":
    raise ValueError(f"{name} is no number")


def _depth(text: str) -> int:
    """How many brackets are open at once, at most; those in strings do not count."""
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
    depth = deepest = 0
    for piece in outside:
        for char in piece:
            if char == "[" or char == "{":
                depth += 1
                if depth > deepest:
                    deepest = depth
            elif char == "]" or char == "}":
                depth -= 1
    return deepest


def number(value: "Any", least: int, most: int) -> "int | None":
    """A whole number within bounds, given as a number or as decimal text; None if it is not one."""
    if isinstance(value, str) and 0 < len(value) <= 40:
        digits = value[1:] if value[0] == "-" else value
        if digits.isascii() and digits.isdigit():
            value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        return None
    return value


def failure_of(detail: "str | None") -> Failure:
    """The failure that a host reports: the name of a kind, or a JSON object with the fields of a `Failure`."""
    if detail is None:
        return Failure()
    if detail in KINDS:
        return Failure(detail)
    if detail[:1] != "{":
        raise EngineError("invalid-event", f"a failure is the name of a kind or a JSON object; got {detail[:40]!r}")
    fields: "dict[str, Any]" = {}
    data = parse(detail, LONGEST_DETAIL, "invalid-event")
    for name in data:
        value = data[name]
        if name in TEXTS:
            if not isinstance(value, str):
                raise EngineError("invalid-event", f"the failure's {name} must be text")
            fields[name] = value[:LONGEST_MESSAGE]
        elif name == "retry_after":
            fields[name] = None if value is None else number(value, -NEVER, NEVER)
            if fields[name] is not value and fields[name] is None:
                raise EngineError("invalid-event", "the failure's retry_after must be a whole number of ns")
        elif name == "injected" and (value is True or value is False):
            fields[name] = value
        else:
            raise EngineError("invalid-event", f"a failure takes no {name!r} here")
    try:
        return Failure(**fields)
    except ConfigurationError as error:
        raise EngineError("invalid-event", str(error)) from None


def caller_of(text: str) -> Caller:
    """Whose call it is: a JSON object with a priority and a tenant, either of which may be left out."""
    data = parse(text, LONGEST_DETAIL, "invalid-caller")
    if not isinstance(data, dict):
        raise EngineError("invalid-caller", f"a caller is a JSON object; got {text[:40]!r}")
    for name in data:
        if name not in ("priority", "tenant"):
            raise EngineError("invalid-caller", f"a caller has a priority and a tenant, and no {name[:40]!r}")
    try:
        return Caller(**data)
    except ConfigurationError as error:
        raise EngineError("invalid-caller", str(error)) from None


def policies_of(text: str, seed: int) -> "list[Policy]":
    """The policies of a document; `seed` stands in for seeds that it does not give.

    Raises `EngineError` "invalid-config" with the path of what is wrong, or "too-large".
    """
    data = parse(text, LONGEST_CONFIGURATION, "invalid-config")
    try:
        return _policies(data, seed)
    except ConfigurationError as error:
        raise EngineError("invalid-config", str(error)) from None


def _policies(data: "Any", seed: int) -> "list[Policy]":
    if not isinstance(data, dict):
        raise ConfigurationError(f"a configuration is an object; got {type(data).__name__}")
    for key in data:
        if key != "policies" and key != "shared":
            raise ConfigurationError(f"unknown key {key!r}; there are policies and shared")
    rows = data.get("policies")
    if isinstance(rows, dict):
        rows = [_named(name, rows[name]) for name in rows]
    if not isinstance(rows, list) or not rows or len(rows) > MOST_POLICIES:
        raise ConfigurationError(f"policies must be a list of 1 to {MOST_POLICIES} policies, or an object by name")
    shared: "dict[str, Shared]" = {}
    given = data.get("shared", {})
    if not isinstance(given, dict):
        raise ConfigurationError("shared must be an object: strategies by name")
    for name in given:
        options = Policy.strategy_from_data(given[name], f"shared.{name}")
        shared[name] = Shared(name, options, seed=seed)
    policies = [_policy(rows[i], f"policies[{i}]", shared, stream(seed, i).next()) for i in range(len(rows))]
    names = [policy.name for policy in policies]
    for i in range(len(names)):
        if names[i] in names[:i]:
            raise ConfigurationError(f"policies[{i}]: {names[i]!r} is there twice")
    return policies


def _named(name: str, row: "Any") -> "Any":
    if not isinstance(row, dict):
        raise ConfigurationError(f"policies.{name} must be an object")
    if row.get("name", name) != name:
        raise ConfigurationError(f"policies.{name} has another name in it: {row['name']!r}")
    return dict(row, name=name)


def _policy(row: "Any", where: str, shared: "dict[str, Shared]", seed: int) -> Policy:
    if not isinstance(row, dict):
        raise ConfigurationError(f"{where} must be an object")
    for key in row:
        if key not in ("name", "seed", "strategies"):
            raise ConfigurationError(f"{where}: unknown key {key!r}; it has name, seed and strategies")
    given = row.get("strategies", [])
    if not isinstance(given, list):
        raise ConfigurationError(f"{where}.strategies must be a list")
    strategies: "list[Any]" = []
    for i in range(len(given)):
        part = given[i]
        path = f"{where}.strategies[{i}]"
        if isinstance(part, dict) and "shared" in part:
            if len(part) != 1 or not isinstance(part["shared"], str) or part["shared"] not in shared:
                raise ConfigurationError(f"{path}: shared must name a strategy under shared, and nothing else")
            strategies.append(shared[part["shared"]])
        else:
            strategies.append(Policy.strategy_from_data(part, path))
    if "seed" in row:
        found = number(row["seed"], -(1 << 63), (1 << 64) - 1)
        if found is None:
            raise ConfigurationError(f"{where}.seed must be a whole number of 64 bits; got {row['seed']!r}")
        seed = found
    return Policy(row.get("name", ""), *strategies, seed=seed)
