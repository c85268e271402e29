"""A checker for the part of JSON Schema that `vectors.schema.json` uses."""

import re
from typing import Any

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": int,
}
ANNOTATIONS = {"$schema", "$defs", "title", "description"}


def problems(value, schema, root, path="$"):
    """What is wrong with `value`, each with its path; nothing if it fits."""
    if "$ref" in schema:
        return problems(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, path)
    found = []
    for keyword, limit in schema.items():
        if keyword not in ANNOTATIONS:
            found += CHECKS[keyword](value, limit, schema, root, path)
    return found


def _type(value, limit, schema, root, path):
    right = isinstance(value, TYPES[limit]) and (limit == "boolean" or not isinstance(value, bool))
    return [] if right else [f"{path}: {value!r} is no {limit}"]


def _enum(value, limit, schema, root, path):
    return [] if value in limit else [f"{path}: {value!r} is not one of {limit}"]


def _minimum(value, limit, schema, root, path):
    return [f"{path}: {value!r} is under {limit}"] if isinstance(value, (int, float)) and value < limit else []


def _pattern(value, limit, schema, root, path):
    wrong = isinstance(value, str) and not re.search(limit, value)
    return [f"{path}: {value!r} does not match {limit}"] if wrong else []


def _min_length(value, limit, schema, root, path):
    return [f"{path}: {value!r} is too short"] if isinstance(value, (str, list)) and len(value) < limit else []


def _max_items(value, limit, schema, root, path):
    return [f"{path}: {value!r} is too long"] if isinstance(value, list) and len(value) > limit else []


def _items(value, limit, schema, root, path):
    items = enumerate(value) if isinstance(value, list) else []
    return [problem for i, item in items for problem in problems(item, limit, root, f"{path}[{i}]")]


def _prefix_items(value, limit, schema, root, path):
    pairs = zip(value, limit, strict=False) if isinstance(value, list) else []
    return [problem for i, (item, part) in enumerate(pairs) for problem in problems(item, part, root, f"{path}[{i}]")]


def _properties(value, limit, schema, root, path):
    known = [name for name in limit if name in value] if isinstance(value, dict) else []
    return [problem for name in known for problem in problems(value[name], limit[name], root, f"{path}.{name}")]


def _required(value, limit, schema, root, path):
    return [f"{path}: {name} is missing" for name in limit if isinstance(value, dict) and name not in value]


def _additional_properties(value, limit, schema, root, path):
    extra = [name for name in value if name not in schema["properties"]] if isinstance(value, dict) else []
    return [f"{path}: {name} is unknown" for name in extra]


def _any_of(value, limit, schema, root, path):
    tries = [problems(value, part, root, path) for part in limit]
    return [] if [] in tries else [f"{path}: {value!r} fits nothing that is allowed"]


CHECKS = {
    "type": _type,
    "enum": _enum,
    "minimum": _minimum,
    "pattern": _pattern,
    "minLength": _min_length,
    "minItems": _min_length,
    "maxItems": _max_items,
    "items": _items,
    "prefixItems": _prefix_items,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional_properties,
    "anyOf": _any_of,
}
