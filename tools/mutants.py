"""Small changes to a module, each of which some test should notice.

A mutant replaces one stretch of a module's source by another; the number of lines stays the same. It is named by what
it changes (module, function, text of the line, operator, before → after), not by where, so that its name survives edits
elsewhere. Of several with the same name the second one is marked (2), and so on.

Left alone are texts (docstrings, annotations, `__repr__`, f-strings, whatever stands in the call that makes an error),
assignments without which nothing runs at all (a local name's only one), and changes that another one stands for: the
negation of a whole condition (always true and always false are there), ``x > -1`` beside ``x >= 0``.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

OPERATORS = {
    "compare": "< ↔ <=, > ↔ >=, == ↔ !=, is ↔ is not, in ↔ not in",
    "boolean": "and ↔ or",
    "not": "not x → x, −x → x",
    "arithmetic": "+ ↔ −, * ↔ //, << ↔ >>, & ↔ |",
    "constant": "n → n + 1, n − 1",
    "flag": "True ↔ False",
    "minmax": "min ↔ max",
    "delete": "a statement → pass",
    "condition": "a condition → True, False",
    "return": "return x → return None",
    "row": "a table without one of its rows",
    "cell": "a cell of a table → another one of its column",
}

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,  # codespell:ignore
}  # fmt: skip
_STEP: dict[type[ast.cmpop], int] = {ast.Lt: 1, ast.LtE: -1, ast.Gt: -1, ast.GtE: 1}  # x < n + 1 is x <= n
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_MINMAX = {"min": "max", "max": "min"}
_NOT_NUMBERS = (ast.List, ast.Tuple, ast.Dict, ast.JoinedStr, ast.ListComp)
_NOT_CODE = ("__slots__", "__hash__", "__all__", "__version__", "TYPE_CHECKING")
_ERRORS = ("refuse",)  # functions that only raise; names that end in Error count too
_LONGEST = 96


class Mutant(NamedTuple):
    """`source[start:stop]` (bytes) → `replacement`. `line` is for people; `name` is what it is known by."""

    module: str
    function: str
    text: str
    operator: str
    change: str
    line: int
    start: int
    stop: int
    replacement: str

    @property
    def name(self) -> tuple[str, str, str, str, str]:
        return self[:5]

    def apply(self, source: str) -> str:
        whole = source.encode()
        return (whole[: self.start] + self.replacement.encode() + whole[self.stop :]).decode()

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function or '(module)'} [{self.operator}] {self.change}"


def find(source: str, module: str = "<snippet>") -> list[Mutant]:
    """All mutants of a module, in the order of its text."""
    finder = _Finder(source, module)
    finder.visit(ast.parse(source))
    unique: dict[tuple[int, int, str], Mutant] = {}
    for mutant in finder.found:
        unique.setdefault((mutant.start, mutant.stop, mutant.replacement), mutant)
    ordered = sorted(unique.values(), key=lambda mutant: (mutant.start, mutant.stop))
    names: Counter[tuple[str, ...]] = Counter()
    found = []
    for mutant in ordered:
        names[mutant.name] += 1
        again = names[mutant.name]
        found.append(mutant if again == 1 else mutant._replace(change=f"{mutant.change} ({again})"))
    return found


class _Finder(ast.NodeVisitor):
    def __init__(self, source: str, module: str) -> None:
        self.module = module
        self.lines = source.splitlines()
        self.starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.scopes: list[str] = []
        self.once: set[str] = set()  # names that the function around assigns in one place only
        self.in_function = False
        self.stood_for: set[ast.AST] = set()  # conditions that are not negated
        self.found: list[Mutant] = []

    def add(self, node: ast.expr | ast.stmt, operator: str, new: ast.AST | str, change: str | None = None) -> None:
        """`node` becomes `new`, a piece of syntax or text."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        text = new if isinstance(new, str) else ast.unparse(new)
        padding = "\n" * (node.end_lineno - node.lineno - text.count("\n"))
        self.found.append(
            Mutant(
                self.module,
                ".".join(self.scopes),
                self.lines[node.lineno - 1].strip(),
                operator,
                change or f"{_short(node)} → {_shorten(text)}",
                node.lineno,
                self.starts[node.lineno - 1] + node.col_offset,
                self.starts[node.end_lineno - 1] + node.end_col_offset,
                f"({text}{padding})" if isinstance(node, ast.expr) else text + padding,
            )
        )

    def changed(self, node: ast.expr | ast.stmt, operator: str, change: Callable[["ast.AST"], None]) -> None:
        """`node` becomes a copy of itself that `change` has worked on."""
        new = copy.deepcopy(node)
        change(new)
        self.add(node, operator, new)

    # Scopes

    def visit_Module(self, node: ast.Module) -> None:
        self.block(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        before = self.in_function
        self.in_function = False
        self.scopes.append(node.name)
        self.block(node.body)
        self.scopes.pop()
        self.in_function = before

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name == "__repr__":
            return
        before = self.once, self.in_function
        stored = Counter(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        arguments = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        self.once = {name for name, count in stored.items() if count == 1} - arguments
        self.in_function = True
        self.scopes.append(node.name)
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self.block(node.body, last=True)
        self.scopes.pop()
        self.once, self.in_function = before

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.body)

    # Statements

    def block(self, body: Sequence[ast.stmt], *, twin: bool = False, last: bool = False) -> None:
        """A list of statements. `twin`: without its only statement it would be as if its condition were false. `last`:
        it ends a function."""
        alone = twin and len(body) == 1
        for statement in body:
            if not alone and not (last and statement is body[-1] and isinstance(statement, ast.Return)):
                self.delete(statement)
            self.visit(statement)

    def delete(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(ast.Call()) | ast.Raise() | ast.Break() | ast.Continue() | ast.For():
                pass
            case ast.Return() | ast.AugAssign():
                pass
            case ast.Assign(targets=targets) if self.scopes and not self.only_names(targets):
                pass
            case ast.AnnAssign(target=target, value=ast.expr()) if self.scopes and not self.only_names([target]):
                pass
            case _:
                return
        self.add(node, "delete", "pass", f"{_short(node)} → pass")

    def only_names(self, targets: list[ast.expr]) -> bool:
        names = [name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        if any(name.id in _NOT_CODE for name in names):
            return True
        if any(isinstance(part, ast.Attribute | ast.Subscript) for target in targets for part in ast.walk(target)):
            return False
        return self.in_function and all(name.id in self.once for name in names)

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if any(name in _NOT_CODE for name in names):
            return
        if not self.in_function and any(name.isupper() for name in names):
            self.table(node.value)
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in _ARITHMETIC and not isinstance(node.value, _NOT_NUMBERS):
            self.changed(node, "arithmetic", _swap_operator)
        self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        value = node.value
        if value is None:
            return
        if not (isinstance(value, ast.Constant) and (value.value is None or value.value is False)):
            self.add(node, "return", "return None")
        self.visit(value)

    def visit_Raise(self, node: ast.Raise) -> None:
        pass

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            self.block(node.orelse)
            return
        self.condition(node.test)
        self.block(node.body, twin=not node.orelse)
        self.block(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        if not isinstance(node.test, ast.Constant):
            self.add(node.test, "condition", "False")
            self.visit(node.test)
        self.block(node.body)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self.block(node.body)

    def visit_Try(self, node: ast.Try) -> None:
        self.block(node.body)
        for handler in node.handlers:
            self.block(handler.body)
        self.block(node.orelse)
        self.block(node.finalbody)

    def condition(self, test: ast.expr) -> None:
        self.stood_for.add(test)
        self.add(test, "condition", "True")
        self.add(test, "condition", "False")
        self.visit(test)

    # Expressions

    def visit_IfExp(self, node: ast.IfExp) -> None:
        if not _is_text(node.body) and not _is_text(node.orelse):
            self.condition(node.test)
            self.visit(node.body)
            self.visit(node.orelse)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.visit(node.iter)
        for test in node.ifs:
            self.condition(test)

    def visit_Compare(self, node: ast.Compare) -> None:
        for position, operation in enumerate(node.ops):
            other = _COMPARE[type(operation)]()
            if node in self.stood_for and not isinstance(operation, tuple(_STEP)):
                continue

            def swap(new: ast.AST, position: int = position, other: ast.cmpop = other) -> None:
                new.ops[position] = other  # type: ignore[attr-defined]

            self.changed(node, "compare", swap)
        self.visit(node.left)
        for operation, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(right, ast.Constant) and type(operation) in _STEP and type(right.value) is int:
                self.add(right, "constant", str(right.value - _STEP[type(operation)]))
            else:
                self.visit(right)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        def swap(new: ast.AST) -> None:
            new.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()  # type: ignore[attr-defined]

        if not any(_is_text(value) for value in node.values):
            self.changed(node, "boolean", swap)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self.add(node, "not", node.operand)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        sides = (node.left, node.right)
        if type(node.op) in _ARITHMETIC and not any(isinstance(s, _NOT_NUMBERS) or _is_string(s) for s in sides):
            self.changed(node, "arithmetic", _swap_operator)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.add(node, "flag", str(not value))
        elif isinstance(value, int | float):
            self.add(node, "constant", str(value + 1))
            self.add(node, "constant", str(value - 1))

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(name) | ast.Attribute(attr=name) if name.endswith("Error") or name in _ERRORS:
                return
            case ast.Name("min" | "max" as name):

                def swap(new: ast.AST) -> None:
                    new.func = ast.Name(_MINMAX[name])  # type: ignore[attr-defined]

                self.changed(node, "minmax", swap)
        self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    # Tables

    def table(self, value: ast.expr) -> None:
        """The rows of a constant table, and the cells of rows of equal length."""
        rows: list[tuple[str, ast.expr]]
        if isinstance(value, ast.Dict):
            rows = [(_short(key) if key else "**", row) for key, row in zip(value.keys, value.values, strict=True)]
        elif isinstance(value, ast.Tuple | ast.List | ast.Set):
            rows = [(_short(row), row) for row in value.elts]
        else:
            return
        if len(rows) < 2:
            return
        for position, (name, _) in enumerate(rows):
            less = copy.deepcopy(value)
            if isinstance(less, ast.Dict):
                del less.keys[position], less.values[position]
            else:
                del less.elts[position]
            self.add(value, "row", less, f"without {name}")
        cells = [(name, row.elts) for name, row in rows if isinstance(row, ast.Tuple)]
        if len(cells) == len(rows) and len({len(row) for _, row in cells}) == 1:
            for position, (name, row) in enumerate(cells):
                later = [other for _, other in (*cells[position + 1 :], *cells[:position])]
                for column, cell in enumerate(row):
                    other = _other(cell, [row[column] for row in later])
                    if other is not None:
                        self.add(cell, "cell", other, f"{name}: {_short(cell)} → {_short(other)}")


def _other(cell: ast.expr, column: list[ast.expr]) -> ast.expr | None:
    """The next different value; None for cells that are text for people, or whose mutants are made elsewhere."""
    if _is_text(cell) or (isinstance(cell, ast.Constant) and isinstance(cell.value, bool | int)):
        return None
    return next((other for other in column if ast.dump(other) != ast.dump(cell)), None)


def _swap_operator(new: ast.AST) -> None:
    new.op = _ARITHMETIC[type(new.op)]()  # type: ignore[attr-defined]


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _is_text(node: ast.expr) -> bool:
    """Text for people: an f-string, or a string that is no word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return not node.value or " " in node.value
    return isinstance(node, ast.JoinedStr)


def _short(node: ast.AST) -> str:
    return _shorten(ast.unparse(node))


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
