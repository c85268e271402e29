"""The dialect of `backstay_core` as a linter: what cannot be written there, and why.

`CORE_RULES` hold in every module of the core, `KERNEL_RULES` only in the kernel. A module belongs to the kernel unless
`NOT_KERNEL` names it, so that a new one starts out strict. Code under `if TYPE_CHECKING:` never runs and is left alone.
The linter reads syntax only: a set that reaches a loop through a variable is beyond it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CORE = Path(__file__).parents[2] / "core" / "backstay_core"

NOT_KERNEL = (
    *("advice", "errors", "monitoring", "chaos", "simulation", "environments", "orchestration", "config"),
    *("documents", "engine", "engine_state", "http", "printable"),
)

NO_OS = (
    *("_thread", "asyncio", "io", "logging", "os", "pathlib"),
    *("random", "socket", "subprocess", "sys", "threading", "time"),
)
NOT_AT_RUN_TIME = ("abc", "contextlib", "dataclasses", "enum", "functools", "inspect", "json", "typing")

CORE_RULES = {
    "os-import": "the core has no OS assumptions: time and randomness are passed in",
    "function-import": "a module that is not imported at build time does not exist in the WASM component",
    "module-state": "a component is a build-time snapshot, so state made at import is frozen into every instance; "
    "a constant table is UPPER_CASE",
    "constant-write": "UPPER_CASE tables are constants, shared by all instances",
    "global": "a rebound module variable is module-level state",
    "hash-or-id": "hash() and id() differ between runtimes and runs",
    "set-order": "sets are ordered differently on every runtime; use a tuple, or sorted()",
}
KERNEL_RULES = {
    "kernel-import": "not on MicroPython, or too slow for a cold start; import it under `if TYPE_CHECKING:` for types",
    "match": "MicroPython has no match statement",
    "starred-display": "MicroPython takes a star in calls only, not in a tuple, a list or a set",
    "positional-only": "MicroPython has no positional-only parameters",
    "class-magic": "MicroPython has no metaclass=, __init_subclass__ and __mro__",
}

_CONSTANT = re.compile(r"_{0,2}[A-Z][A-Z0-9_]*$")
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp, ast.Call)
_DESCRIPTORS = ("classmethod", "property", "staticmethod")
_MUTATORS = (
    *("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"),
    *("add", "discard", "popitem", "setdefault", "update"),
)
_ORDER_MATTERS = ("dict", "enumerate", "iter", "list", "map", "tuple", "zip")


class Violation(NamedTuple):
    path: str
    line: int
    rule: str
    code: str

    def __str__(self) -> str:
        why = CORE_RULES.get(self.rule) or KERNEL_RULES[self.rule]
        return f"{self.path}:{self.line}: {self.rule}: `{self.code}` – {why}"


def is_kernel(path: Path) -> bool:
    """Whether the file `path`, relative to the package, belongs to the kernel."""
    return path.parts[0].removesuffix(".py") not in NOT_KERNEL


def modules(core: Path = CORE) -> list[Path]:
    """The files of the core, relative to the package, in a fixed order."""
    return sorted(path.relative_to(core) for path in core.rglob("*.py"))


def module_name(path: Path) -> str:
    """`strategies/retry.py` → `backstay_core.strategies.retry`."""
    parts = path.with_suffix("").parts
    return ".".join(("backstay_core", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def check(source: str, path: str = "<snippet>", *, kernel: bool = True) -> list[Violation]:
    """All violations in one module, by line."""
    linter = _Linter(path, kernel=kernel)
    linter.visit(ast.parse(source))
    return sorted(linter.found, key=lambda violation: violation.line)


class _Linter(ast.NodeVisitor):
    def __init__(self, path: str, *, kernel: bool) -> None:
        self.path = path
        self.kernel = kernel
        self.found: list[Violation] = []
        self.functions: list[str] = []

    def report(self, node: ast.AST, rule: str, shown: ast.AST | str | None = None) -> None:
        code = shown if isinstance(shown, str) else ast.unparse(shown or node).partition("\n")[0]
        self.found.append(Violation(self.path, getattr(node, "lineno", 1), rule, code))

    # What never runs

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.orelse:
                self.visit(statement)
        else:
            self.generic_visit(node)

    # Imports

    def visit_Import(self, node: ast.Import) -> None:
        self._import(node, [alias.name for alias in node.names])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._import(node, [node.module] if node.module and not node.level else [])

    def _import(self, node: ast.stmt, names: list[str]) -> None:
        roots = {name.partition(".")[0] for name in names}
        if roots.intersection(NO_OS):
            self.report(node, "os-import")
        if self.kernel and roots.intersection(NOT_AT_RUN_TIME):
            self.report(node, "kernel-import")
        if self.functions:
            self.report(node, "function-import")

    # State

    def visit_Global(self, node: ast.Global) -> None:
        self.report(node, "global")

    def visit_Assign(self, node: ast.Assign) -> None:
        self._assign(node, node.targets, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assign(node, [node.target], node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if _constant_in(node.target):
            self.report(node, "constant-write")
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if _constant_in(target):
                self.report(node, "constant-write")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not self.functions and isinstance(node.value, ast.Call):
            self.report(node, "module-state")
        self.generic_visit(node)

    def _assign(self, node: ast.stmt, targets: list[ast.expr], value: ast.expr | None) -> None:
        names = [name for target in targets for name in _names(target)]
        constant = all(_CONSTANT.match(name) or name == "__all__" for name in names)
        if value is not None and not self.functions and not constant and any(_mutable_parts(value)):
            self.report(node, "module-state")
        if any(isinstance(target, ast.Subscript | ast.Attribute) and _constant_in(target.value) for target in targets):
            self.report(node, "constant-write")
        self.generic_visit(node)

    # Calls and loops

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name("hash" | "id") if "__hash__" not in self.functions:
                self.report(node, "hash-or-id")
            case ast.Name(name) if name in _ORDER_MATTERS:
                self._ordered(node, node.args)
            case ast.Attribute(attr="join"):
                self._ordered(node, node.args)
            case ast.Attribute(owner, attr) if attr in _MUTATORS and _constant_in(owner):
                self.report(node, "constant-write")
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._ordered(node, [node.iter])
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._ordered(node.iter, [node.iter])
        self.generic_visit(node)

    def visit_Tuple(self, node: ast.Tuple | ast.List | ast.Set) -> None:
        if self.kernel and any(isinstance(part, ast.Starred) for part in node.elts):
            self.report(node, "starred-display")
        self.generic_visit(node)

    visit_List = visit_Set = visit_Tuple

    def visit_Starred(self, node: ast.Starred) -> None:
        self._ordered(node, [node.value])
        self.generic_visit(node)

    def _ordered(self, node: ast.AST, sources: list[ast.expr]) -> None:
        if any(_is_set(source) for source in sources):
            self.report(node, "set-order")

    # Functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if self.kernel and node.name == "__init_subclass__":
            self.report(node, "class-magic")
        for decorator in node.decorator_list:
            self.visit(decorator)
        self.visit(node.args)
        self.functions.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self.functions.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.functions.append("<lambda>")
        self.generic_visit(node)
        self.functions.pop()

    def visit_arguments(self, node: ast.arguments) -> None:
        if self.kernel and node.posonlyargs:
            self.report(node.posonlyargs[0], "positional-only", f"({ast.unparse(node)})")
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if self.kernel and node.keywords:
            self.report(node, "class-magic")
        self.generic_visit(node)

    def visit_Match(self, node: ast.Match) -> None:
        if self.kernel:
            self.report(node, "match")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if self.kernel and node.attr in ("__mro__", "mro"):
            self.report(node, "class-magic")
        self.generic_visit(node)


def _names(target: ast.expr) -> Iterator[str]:
    """The variables that an assignment to `target` binds."""
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


def _mutable_parts(value: ast.expr) -> Iterator[ast.expr]:
    """Displays, comprehensions and calls in `value` that run when it is evaluated."""
    if isinstance(value, ast.Lambda):
        return
    described = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _DESCRIPTORS
    if isinstance(value, _MUTABLE) and not described:
        yield value
    for child in ast.iter_child_nodes(value):
        if isinstance(child, ast.expr):
            yield from _mutable_parts(child)


def _constant_in(target: ast.expr) -> str | None:
    """The UPPER_CASE name that `target`, a name or something reached from it, belongs to."""
    while True:
        match target:
            case ast.Name(name) | ast.Attribute(attr=name) if _CONSTANT.match(name):
                return name
            case ast.Subscript(inner) | ast.Attribute(inner):
                target = inner
            case _:
                return None


def _is_set(value: ast.expr) -> bool:
    made = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in ("set", "frozenset")
    return made or isinstance(value, ast.Set | ast.SetComp)
