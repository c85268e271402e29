"""What the MicroPython bundle takes out of a module, what it leaves, and what goes into it."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from targets.micropython.bundle import bundle, imports, transform
from tests.conformance import simulate
from tests.dialect.dialect import is_kernel, modules
from tests.portability.vectors import answer, random_vectors

PROGRAM = Path(__file__).parents[2] / "targets" / "micropython" / "bundle.py"

# rule: (source, what is made of it)
RULES = {
    "annotations of arguments and results": (
        "def f(a: int, *b: 'str', c: list[int] = 0, **d: X) -> 'Y':\n    return a",
        "def f(a, *b, c=0, **d):\n    return a",
    ),
    "annotations of coroutine functions": (
        "async def f(a: int) -> None:\n    await a",
        "async def f(a):\n    await a",
    ),
    "annotations of variables": (
        "a: int = 1\nself.b: 'list[int]' = []",
        "a = 1\nself.b = []",
    ),
    "declarations in a class": (
        "class A:\n    b: int\n    d: 'str' = ''",
        "class A:\n    d = ''",
    ),
    "declarations in a function": (
        "def f(a):\n    b: int\n    if a:\n        c: int\n    else:\n        d: int\n    return a",
        "def f(a):\n    if a:\n        pass\n    return a",
    ),
    "a class of nothing but declarations": ("class A:\n    b: int", "class A:\n    pass"),
    "docstrings": (
        "'''Module.'''\nclass A:\n    '''Class.'''\n    def f(self):\n        '''Method.'''\n        return 'kept'",
        "class A:\n\n    def f(self):\n        return 'kept'",
    ),
    "a body of nothing but a docstring": ("def f():\n    '''Does nothing.'''", "def f():\n    pass"),
    "mere constants": (
        "def f(a):\n    if a:\n        ...\n    'why'\n    g()",
        "def f(a):\n    if a:\n        pass\n    g()",
    ),
    "what is only for type checkers": (
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any\na = 1",
        "a = 1",
    ),
    "the else of what is only for type checkers": (
        "if TYPE_CHECKING:\n    from typing import Any\nelse:\n    Any: object = None\n    B: int\na = 1",
        "Any = None\na = 1",
    ),
    "what is only for type checkers, in a class": (
        "class A:\n    if TYPE_CHECKING:\n        b: int",
        "class A:\n    pass",
    ),
    "native exceptions after the first base": (
        "class X(UnifiedError, ValueError):\n    pass\nclass Y(A, B, TimeoutError, OSError):\n    pass",
        "class X(UnifiedError):\n    pass\n\nclass Y(A, B):\n    pass",
    ),
    "a native exception that is the first base": (
        "class X(ValueError):\n    pass\nclass Y(KeyError, Mixin):\n    pass",
        "class X(ValueError):\n    pass\n\nclass Y(KeyError, Mixin):\n    pass",
    ),
    "f-strings": (
        """x = f"{a['k']}{b!r:>8} {c:04x} {{}}" "{d}" + f'none' + f"{{" """,
        "x = '{}{!r:>8} {:04x} {{}}{{d}}'.format(a['k'], b, c) + 'none'.format() + '{{'.format()",
    ),
    "f-strings in f-strings": ("x = f'{f(f\"{a}\")}'", "x = '{}'.format(f('{}'.format(a)))"),
    "comments": ("# why\na = 1  # type: ignore[assignment]", "a = 1"),
}


@pytest.mark.parametrize(("source", "expected"), RULES.values(), ids=RULES)
def test_rule(source: str, expected: str):
    made = transform(source)
    assert made.strip() == expected
    assert transform(made) == made


def test_an_empty_module_stays_empty():
    assert transform("'''Only words.'''") == ""


def test_what_is_left_means_the_same():
    source = '''
        """Module."""

        TYPE_CHECKING = False
        if TYPE_CHECKING:
            from nowhere import Any

        class Base(Exception):
            """Base."""

        class Bad(Base, ValueError):
            """Both."""

        class Point:
            """A point."""

            x: int
            __slots__ = ("x", "y")

            def __init__(self, x: "int", y: "Any" = None) -> None:
                """Make one."""
                self.x = x
                self.y: "Any" = y

        def f(a: "Any", *, b: int = 1) -> "tuple[int, int]":
            c: int
            c = a + b
            return a, c
    '''
    scope: dict = {}
    exec(transform(dedent(source)), scope)
    assert scope["f"](1, b=2) == (1, 3)
    assert scope["Point"](4).x == 4
    assert scope["Bad"].__mro__[1:3] == (scope["Base"], Exception)
    assert "TYPE_CHECKING" not in scope
    assert not any(scope[name].__doc__ for name in ("f", "Point", "Bad"))


def test_imports():
    assert imports("import a, b.c\nfrom d import e, f\ndef g():\n    import h") == ["a", "b.c", "d", "d.e", "d.f", "h"]


def test_relative_imports_are_refused():
    with pytest.raises(ValueError, match="line 2: relative imports are not followed"):
        imports("a = 1\nfrom . import b")


def test_computed_formats_are_refused():
    with pytest.raises(ValueError, match="line 1: a format that is computed"):
        transform("f'{a:{b}}'")


def test_modules_are_found_by_their_imports(tmp_path: Path):
    files = {
        "pack/__init__.py": "",
        "pack/one.py": "from pack.sub import two",
        "pack/sub/__init__.py": "",
        "pack/sub/two.py": "import json\nfrom pack.three import THREE",
        "pack/three.py": "if TYPE_CHECKING:\n    from pack.types import T\nTHREE = 3",
        "pack/types.py": "T = 0",
        "pack/other.py": "import pack.one",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    main = tmp_path / "main.py"
    main.write_text("from pack.one import two")
    expected = ["main.py", *sorted(files.keys() - {"pack/types.py", "pack/other.py"})]
    assert list(bundle([main], core=tmp_path, roots=())) == expected
    assert list(bundle(core=tmp_path, roots=["pack.three"])) == ["pack/__init__.py", "pack/three.py"]


def test_the_bundle_is_the_kernel():
    assert list(bundle()) == sorted(f"backstay_core/{path.as_posix()}" for path in modules() if is_kernel(path))


def test_nothing_is_left_that_the_rules_take_out():
    for path, text in bundle().items():
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, ast.AnnAssign), path
            assert not getattr(node, "annotation", None), path
            assert not getattr(node, "returns", None), path
            assert not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)), path
            assert not (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"), path


def test_the_command_writes_a_bundle_that_decides_like_the_core(tmp_path: Path):
    outdir = tmp_path / "new" / "bundle"
    command = [sys.executable, str(PROGRAM), str(outdir), simulate.__file__]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.endswith(f"in {outdir}\n")
    script = dedent("""
        import json, sys
        sys.path.insert(0, sys.argv[1])
        import simulate
        from backstay_core import canonical
        assert canonical.__file__.startswith(sys.argv[1])
        for vector in json.load(sys.stdin):
            print(canonical.dumps(simulate.run(vector)))
    """)
    vectors = [vector for vector in random_vectors(50) if answer(vector).startswith("{")]
    isolated = [sys.executable, "-I", "-S", "-B", "-c", script, str(outdir)]
    run = subprocess.run(isolated, input=json.dumps(vectors), capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert run.stdout.splitlines() == [answer(vector) for vector in vectors]
