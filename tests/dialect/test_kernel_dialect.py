"""The core is written in its dialect, and the linter that says so notices every violation."""

from pathlib import Path

import pytest

from tests.dialect.dialect import CORE, CORE_RULES, KERNEL_RULES, check, is_kernel, modules

VIOLATIONS = {
    "os-import": ["import os", "import os.path as p", "from time import monotonic_ns", "import backstay_core, sys"],
    "function-import": ["def f():\n    import math", "async def f():\n    from backstay_core import clock"],
    "module-state": [
        "seen = []",
        "cache: dict = {}",
        "names = {'a', 'b'}",
        "pair = (1, [])",
        "a, B = [], 1",
        "rng = Rng(1)",
        "squares = (n * n for n in range(3))",
        "register(1)",
        "if X:\n    late = {}",
        "class A:\n    shared = []",
    ],
    "constant-write": [
        "TABLE['a'] = 1",
        "def f():\n    del TABLE['a']",
        "def f():\n    TABLE['a'] += 1",
        "def f():\n    _TABLE.append(1)",
        "def f():\n    codes.TABLE.update(a=1)",
        "def f():\n    TABLE['a'].add(1)",
        "def f():\n    TABLE.attribute = 1",
        "COUNT += 1",
    ],
    "global": ["def f():\n    global count"],
    "hash-or-id": ["def f(a):\n    return hash(a)", "def f(a):\n    return id(a)"],
    "set-order": [
        "def f():\n    for a in {1, 2}:\n        pass",
        "def f(a):\n    return [b for b in set(a)]",
        "def f(a):\n    return list({b for b in a})",
        "def f(a):\n    return ', '.join(frozenset(a))",
        "def f():\n    return [*{1, 2}]",
    ],
    "kernel-import": ["import enum", "from typing import Any", "import json", "if True:\n    import abc"],
    "match": ["def f(a):\n    match a:\n        case 1:\n            pass"],
    "starred-display": ["A = (*B, 1)", "def f(a):\n    return [*a]", "def f(a):\n    return {*a, 1}"],
    "positional-only": ["def f(a, /):\n    pass", "F = lambda a, /: a"],
    "class-magic": [
        "class A(metaclass=B):\n    pass",
        "class A:\n    def __init_subclass__(cls):\n        pass",
        "def f(a):\n    return a.__mro__",
    ],
}

ALLOWED = {
    "constants": """
TABLE = {'a': 1}
_CODES = frozenset((1, 2))
FIRST, SECOND = [1], [2]
__all__ = ['f']
""",
    "types": """
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    import os
else:
    from backstay_core import clock
""",
    "plain values": """
limit = 3
name = 'a' + 'b'
bounds = (1, (2, 3))
key = lambda a: [a]
""",
    "state of objects": """
class A:
    __slots__ = ('b',)
    LIMITS = (F(1), F(2))
    c = property(get)

    def f(self):
        self.b = []
        self.b.append(1)
""",
    "locals, and sets whose order does not show": """
def f():
    a = {}
    a['b'] = 1
    return sorted({1, 2}), 1 in {1, 2}, len({1})
""",
    "defining __hash__": """
class A:
    def __hash__(self):
        return hash(self.b)
""",
}


def test_the_core_is_there():
    assert len(modules()) > 5, f"no modules found under {CORE}"


@pytest.mark.parametrize("path", modules(), ids=str)
def test_module_keeps_to_the_dialect(path: Path):
    source = (CORE / path).read_text(encoding="utf-8")
    found = check(source, f"core/backstay_core/{path}", kernel=is_kernel(path))
    assert not found, "\n" + "\n".join(map(str, found))


def test_every_rule_has_a_violating_snippet():
    assert VIOLATIONS.keys() == CORE_RULES.keys() | KERNEL_RULES.keys()


@pytest.mark.parametrize(("rule", "snippet"), [(rule, s) for rule in VIOLATIONS for s in VIOLATIONS[rule]])
def test_the_linter_catches(rule: str, snippet: str):
    assert rule in [violation.rule for violation in check(snippet)]


@pytest.mark.parametrize("snippet", ALLOWED.values(), ids=ALLOWED)
def test_the_linter_allows(snippet: str):
    assert check(snippet) == []


@pytest.mark.parametrize(("rule", "snippet"), [(rule, s) for rule in KERNEL_RULES for s in VIOLATIONS[rule]])
def test_rules_of_the_kernel_are_not_rules_of_the_whole_core(rule: str, snippet: str):
    assert rule not in [violation.rule for violation in check(snippet, kernel=False)]


@pytest.mark.parametrize(
    ("path", "kernel"),
    [("policy.py", True), ("strategies/retry.py", True), ("errors/registry.py", False), ("config.py", False)],
)
def test_what_is_kernel(path: str, kernel: bool):
    assert is_kernel(Path(path)) is kernel


def test_a_violation_explains_itself():
    [violation] = check("\nimport os", "core/backstay_core/clock.py")
    assert str(violation).startswith("core/backstay_core/clock.py:2: os-import: `import os` – the core has no OS")
