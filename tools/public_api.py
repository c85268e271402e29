"""Writes `tests/api/public_api.txt`: every public name with its signature, read from the source without importing it.

Public is what a module of `MODULES` lists in ``__all__``, the types in `RETURNED`, and the members of classes there
without an underscore in front, inherited ones included. A changed line in a review is a changed promise.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).parents[1]
PINNED = ROOT / "tests" / "api" / "public_api.txt"
SOURCES = [ROOT / "core", ROOT / "targets" / "native"]
MODULES = (
    "backstay",
    "backstay.environments",
    "backstay.integrations.aiohttp",
    "backstay.integrations.asgi",
    "backstay.integrations.botocore",
    "backstay.integrations.fastapi",
    "backstay.integrations.grpc",
    "backstay.integrations.httpx",
    "backstay.integrations.httpx2",
    "backstay.integrations.requests",
    "backstay.logging",
    "backstay.propagation",
    "backstay.testing",
)
#  what the functions there give back
RETURNED = {
    "backstay.environments.cluster": ("Cluster",),
    "backstay.environments.draining": ("Drain",),
    "backstay.environments.endpoints": ("ProbeEndpoints",),
    "backstay.testing.environments": ("AdapterContract",),
    "backstay.blocks": ("Attempt", "Attempts"),
    "backstay.guarded": ("FallbackDecorator", "Guarded"),
    "backstay.handles": (
        "BreakerHandle",
        "BulkheadHandle",
        "ConcurrencyLimitHandle",
        "Handle",
        "RateLimitHandle",
        "RetryHandle",
    ),
    "backstay.key_policy": ("KeyPolicy",),
    "backstay.keyed": ("Keyed",),
    "backstay.pytest_plugin": ("disabled_policies", "instant_policies", "script", "virtual_time"),
    "backstay_core.events": ("Event",),
}
HEAD = "# Public names and signatures. Written by `make api`; a changed line is a changed promise.\n"
SPECIAL = {"__call__", "__enter__", "__aenter__", "__getitem__", "__iter__", "__aiter__", "__len__"}


def public_api() -> str:
    """The text of the file."""
    packages = griffe.GriffeLoader(search_paths=SOURCES)
    for package in ("backstay_core", "backstay"):
        packages.load(package)
    packages.resolve_aliases(external=False)
    names = {path: sorted(map(str, packages.modules_collection[path].exports or ())) for path in MODULES} | RETURNED
    lines = [line for path in names for line in module_lines(packages.modules_collection[path], names[path])]
    return HEAD + "\n".join(lines) + "\n"


def module_lines(module: griffe.Module, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield ""
        yield from object_lines(f"{module.path}.{name}", assigned(target_of(module.members[name])))


def target_of(member: griffe.Object | griffe.Alias) -> griffe.Object:
    return member.final_target if isinstance(member, griffe.Alias) else member


def assigned(item: griffe.Object) -> griffe.Object:
    """The class that ``Name = module.Name`` stands for."""
    if isinstance(item, griffe.Attribute) and isinstance(item.value, griffe.ExprAttribute):
        found = target_of(item.modules_collection.get_member(item.value.canonical_path))
        return found if isinstance(found, griffe.Class) else item
    return item


def object_lines(name: str, item: griffe.Object) -> Iterator[str]:
    if isinstance(item, griffe.Class):
        bases = ", ".join(str(base) for base in item.bases if str(base) != "object")
        yield f"class {name}" + (f"({bases})" if bases else "")
        yield from class_lines(name, item)
    elif isinstance(item, griffe.Function):
        yield from function_lines(name, item)
    else:
        yield attribute_line(name, item)


def class_lines(name: str, item: griffe.Class) -> Iterator[str]:
    members = {key: target_of(member) for key, member in item.all_members.items()}
    if isinstance(members.get("__init__"), griffe.Function):
        yield from function_lines(f"  {name}", members["__init__"], of_class=True)
    for key in sorted(members):
        member = members[key]
        if key.startswith("_") and key not in SPECIAL:
            continue
        if isinstance(member, griffe.Function):
            yield from function_lines(f"  {name}.{key}", member, of_class=True)
        elif isinstance(member, griffe.Attribute):
            yield attribute_line(f"  {name}.{key}", member)


def attribute_line(name: str, item: griffe.Object) -> str:
    annotation = getattr(item, "annotation", None)
    return name if annotation is None else f"{name}: {text(annotation)}"


def function_lines(name: str, item: griffe.Object, *, of_class: bool = False) -> Iterator[str]:
    assert isinstance(item, griffe.Function)
    for function in item.overloads or [item]:
        returns = "" if function.returns is None or function.name == "__init__" else f" -> {text(function.returns)}"
        prefix = "async " if "async" in function.labels else ""
        bound = of_class and "staticmethod" not in function.labels
        indent = name[: len(name) - len(name.lstrip())]
        yield f"{indent}{prefix}{name.lstrip()}({parameters(function, bound=bound)}){returns}"


def parameters(function: griffe.Function, *, bound: bool) -> str:
    """As they are written, without the first one of a method."""
    parts: list[str] = []
    previous = None
    for parameter in list(function.parameters)[1 if bound else 0 :]:
        kind = parameter.kind
        if previous is griffe.ParameterKind.positional_only and kind is not previous:
            parts.append("/")
        if kind is griffe.ParameterKind.keyword_only and previous not in (
            griffe.ParameterKind.keyword_only,
            griffe.ParameterKind.var_positional,
        ):
            parts.append("*")
        stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
        part = stars.get(kind, "") + parameter.name if kind is not None else parameter.name
        if parameter.annotation is not None:
            part += f": {text(parameter.annotation)}"
        if parameter.default is not None and kind not in stars:
            part += f" = {parameter.default}" if parameter.annotation is not None else f"={parameter.default}"
        parts.append(part)
        previous = kind
    if previous is griffe.ParameterKind.positional_only:
        parts.append("/")
    return ", ".join(parts)


def text(annotation: object) -> str:
    """An annotation; the kernel writes its own in quotes."""
    written = str(annotation)
    quoted = len(written) > 1 and written[0] == written[-1] and written[0] in "'\"" and "[" not in written[:1]
    return written[1:-1] if quoted else written


def main() -> int:
    PINNED.write_text(public_api(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
