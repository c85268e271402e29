"""The schema as a JSON Schema (draft 2020-12): what editors complete and mark while a file is written.

It says of a document what can be said of each value by itself; how options fit together, and what names stand for, only
`check` knows.
"""

from backstay_core.config.rows import BIGGEST, BUDGET_ROWS, KIND_NAMES, LONGEST_SECONDS, Row
from backstay_core.config.tables import (
    DOCUMENT,
    ENVIRONMENTS,
    POLICY_ROWS,
    REFERENCE_ROW,
    SCHEMA_KEY,
    shareable,
    strategy_rows,
)
from backstay_core.failure import KINDS
from backstay_core.options import NO_FAULTS
from backstay_core.policy import STRATEGIES
from backstay_core.strategies.budget import Budget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.config.tables import Strategies

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(strategies: "Strategies | None" = None) -> "dict[str, Any]":
    """The JSON Schema of the document, as plain data."""
    known = strategies or STRATEGIES
    own = [{"$ref": f"#/$defs/{kind}"} for kind in sorted(known)]
    shared = [{"$ref": f"#/$defs/{kind}"} for kind in sorted(shareable(known))]
    definitions = {kind: _kind(kind, strategy_rows(known, kind)) for kind in sorted(known)}
    if "fallback" in definitions:
        definitions["fallback"]["not"] = {"required": ["value", "call"]}
    definitions[Budget.KIND] = _kind(Budget.KIND, BUDGET_ROWS)
    definitions["budget_options"] = _table(BUDGET_ROWS)
    definitions["reference"] = dict(_table((REFERENCE_ROW,)), required=[REFERENCE_ROW.name])
    definitions["strategy"] = {"type": "object", "oneOf": own + [{"$ref": "#/$defs/reference"}]}
    definitions["policy"] = _table(POLICY_ROWS)
    environments = {
        table.key: dict(_table(table.rows), description=f"{table.doc} ({table.environment})") for table in ENVIRONMENTS
    }
    return {
        "$schema": DIALECT,
        "title": "Backstay's configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            SCHEMA_KEY: {"type": "string"},
            "policies": _named(DOCUMENT["policies"], {"$ref": "#/$defs/policy"}),
            "shared": _named(DOCUMENT["shared"], {"type": "object", "oneOf": shared}),
            "runtime_environments": {
                "description": DOCUMENT["runtime_environments"],
                "type": "object",
                "additionalProperties": False,
                "properties": environments,
            },
        },
        "$defs": definitions,
    }


def _named(doc: str, value: "dict[str, Any]") -> "dict[str, Any]":
    names = {"minLength": 1}
    return {"description": doc, "type": "object", "propertyNames": names, "additionalProperties": value}


def _kind(kind: str, rows: "tuple[Row, ...]") -> "dict[str, Any]":
    """The table of a strategy: its options, and its kind."""
    table = _table(rows)
    table["properties"] = dict({"kind": {"const": kind}}, **table["properties"])
    table["required"] = ["kind"] + table.get("required", [])
    return table


def _table(rows: "tuple[Row, ...]") -> "dict[str, Any]":
    table: "dict[str, Any]" = {
        "type": "object",
        "additionalProperties": False,
        "properties": {row.name: _value(row) for row in rows},
    }
    required = [row.name for row in rows if row.required]
    if required:
        table["required"] = required
    return table


def _value(row: Row) -> "dict[str, Any]":
    described: "dict[str, Any]" = {"description": row.doc + (f" ({row.unit})" if row.unit else "")}
    if row.default is not None:
        described["default"] = row.default
    return dict(_type(row), **described)


def _type(row: Row) -> "dict[str, Any]":
    bounds = row.bounds()
    if bounds is not None:
        least, most = bounds
        if row.type == "count":
            return {"type": "integer", "minimum": least, "maximum": BIGGEST if most is None else most}
        if most is None:
            return {"type": "number", "minimum": least, "exclusiveMaximum": LONGEST_SECONDS}
        return {"type": "number", "minimum": least, "maximum": most}
    if row.type == "flag":
        return {"type": "boolean"}
    if row.type == "choice":
        return {"enum": list(row.field.choices)}
    if row.type == "failures":
        name = {"anyOf": [{"enum": list(KIND_NAMES)}, {"type": "string", "description": "a name bound in code"}]}
        return {"anyOf": [name, {"type": "array", "items": name, "minItems": 1}]}
    if row.type == "function":
        return {"type": "string", "minLength": 1}
    if row.type == "fault":
        return {"enum": [kind for kind in sorted(KINDS) if kind not in NO_FAULTS]}
    if row.type == "results":
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    if row.type == "budget":
        return {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/budget_options"}]}
    if row.type == "list":
        return {"type": "array", "items": {"$ref": "#/$defs/strategy"}}
    if row.type == "integer":
        return {"type": "integer", "minimum": -BIGGEST - 1, "maximum": BIGGEST}
    if row.type == "name":
        return {"type": "string", "minLength": 1}
    return {}
