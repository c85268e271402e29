"""Makes MicroPython sources of the kernel: ``python targets/micropython/bundle.py OUTDIR [MODULE.py …]``.

OUTDIR then holds the package ``backstay_core`` as far as `ROOTS` and the further modules import it, and those modules
beside it. Nothing is rewritten by hand: the kernel keeps to what MicroPython knows, and here everything is taken out
that MicroPython does not know or that would only cost memory.

=========================================== ============================================================================
rule                                        why
=========================================== ============================================================================
annotations go                              they are not needed at run time
``name: type`` without a value goes         so is a declaration
``if TYPE_CHECKING:`` goes, ``else`` stays  it never runs, and MicroPython has no ``typing``
docstrings and other mere constants go      MicroPython keeps none, but has to read them
f-strings become ``"…".format(…)``          Python versions write their quotes differently, and not all are understood
a class with several bases loses all        an object can have the memory layout of only one built-in class
built-in exceptions but the first base
comments go                                 the text is written anew from the syntax tree
=========================================== ============================================================================
"""

import argparse
import ast
import builtins
from collections.abc import Iterable
from pathlib import Path

CORE = Path(__file__).parents[2] / "core"
ROOTS = (
    *("backstay_core.execution", "backstay_core.inflight", "backstay_core.policy", "backstay_core.events"),
    "backstay_core.entries",  # for hosts that have a Cache
)


class _Transform(ast.NodeTransformer):
    """The rules above. Each method takes out what its kind of node need not have."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign([node.target], node.value))

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        if any(_is_type_checking(target) for target in node.targets):
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST]:
        if _is_type_checking(node.test):
            return [kept for child in node.orelse for kept in _as_list(self.visit(child))]
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        values = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        text = ast.Constant("".join(map(_format, node.values)))
        return self.generic_visit(ast.Call(ast.Attribute(text, "format", ast.Load()), values, []))

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.bases = node.bases[:1] + [base for base in node.bases[1:] if not _is_native_exception(base)]
        return self.generic_visit(node)


def _is_type_checking(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"


def _is_native_exception(node: ast.expr) -> bool:
    native = getattr(builtins, node.id, None) if isinstance(node, ast.Name) else None
    return isinstance(native, type) and issubclass(native, BaseException)


def _format(part: ast.expr) -> str:
    """A part of an f-string as `str.format` writes it: `{!r}`, `{:04x}`, or text."""
    match part:
        case ast.Constant(str(text)):
            return text.replace("{", "{{").replace("}", "}}")
        case ast.FormattedValue(_, conversion, None):
            return "{}" if conversion < 0 else f"{{!{chr(conversion)}}}"
        case ast.FormattedValue(_, conversion, ast.JoinedStr([ast.Constant(str(spec))])):
            return f"{{:{spec}}}" if conversion < 0 else f"{{!{chr(conversion)}:{spec}}}"
    raise ValueError(f"line {part.lineno}: a format that is computed cannot be written with str.format")


def _as_list(visited: ast.AST | list[ast.AST] | None) -> list[ast.AST]:
    return visited if isinstance(visited, list) else [] if visited is None else [visited]


def transform(source: str) -> str:
    """The text of a module without what `_Transform` takes out."""
    tree = _Transform().visit(ast.parse(source))
    text = ast.unparse(ast.fix_missing_locations(tree))
    return text + "\n" if text else ""


def imports(source: str) -> list[str]:
    """The names that `source` imports, in order of appearance; ``from a import b`` gives both ``a`` and ``a.b``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError(f"line {node.lineno}: relative imports are not followed")
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found


def bundle(further: Iterable[Path] = (), core: Path = CORE, roots: Iterable[str] = ROOTS) -> dict[str, str]:
    """MicroPython sources by relative path: `roots`, the `further` files, and all they import from `core`."""
    texts = {path.name: transform(path.read_text(encoding="utf-8")) for path in further}
    wanted = [*roots, *(name for text in texts.values() for name in imports(text))]
    seen = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        path = core.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if path.is_file():  # else it is a name inside a module, or not of the core
            text = transform(path.read_text(encoding="utf-8"))
            texts[path.relative_to(core).as_posix()] = text
            wanted += [*imports(text), name.rpartition(".")[0] or name]
    return dict(sorted(texts.items()))


def write(outdir: Path, texts: dict[str, str]) -> None:
    """Write a bundle; `outdir` and its folders are made as needed."""
    for path, text in texts.items():
        target = outdir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make MicroPython sources of the kernel.")
    parser.add_argument("outdir", type=Path, metavar="OUTDIR")
    parser.add_argument("further", type=Path, nargs="*", metavar="MODULE.py", help="a module to go beside the kernel")
    arguments = parser.parse_args()
    texts = bundle(arguments.further)
    write(arguments.outdir, texts)
    print(f"{len(texts)} modules, {sum(map(len, texts.values()))} characters, in {arguments.outdir}")


if __name__ == "__main__":
    main()
