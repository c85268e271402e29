"""`import backstay` is cheap: it loads none of the modules that make other libraries slow to start.

Counted, not timed: a fresh interpreter without site-packages (`-I -S`) compares `sys.modules` before and after.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.dialect.dialect import CORE, is_kernel, module_name, modules

NATIVE = CORE.parents[1] / "targets" / "native"
HEAVY = {
    *("asyncio", "contextlib", "dataclasses", "enum", "functools", "inspect"),
    *("json", "logging", "random", "re", "threading", "typing"),
}

# Prints every module that the imports add, with the module that asked for it first.
PROBE = """
import builtins, sys

roots, names = eval(sys.argv[1])
sys.path[:0] = roots
asked = {}
genuine = builtins.__import__

def tracing(name, globals=None, locals=None, fromlist=(), level=0):
    if not level:
        asker = sys._getframe(1).f_globals.get("__name__", "?")
        for i, char in enumerate(name + "."):
            if char == ".":
                asked.setdefault(name[:i], asker)
    return genuine(name, globals, locals, fromlist, level)

before = set(sys.modules)
builtins.__import__ = tracing
for name in names:
    __import__(name)
builtins.__import__ = genuine
print(repr((sorted(before), {name: asked.get(name, "?") for name in sys.modules if name not in before})))
"""


def imported(*names: str) -> tuple[list[str], dict[str, str]]:
    """What a bare interpreter has loaded, and what importing `names` adds: module → who asked for it."""
    arguments = repr(([str(CORE.parent), str(NATIVE)], names))
    command = [sys.executable, "-I", "-S", "-c", PROBE, arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"importing {', '.join(names)} failed:\n{run.stderr}"
    before, added = eval(run.stdout)
    return before, added


def chain(name: str, added: dict[str, str]) -> str:
    """`threading ← backstay.native ← backstay`."""
    links = [name]
    while (asker := added.get(links[-1], "?")) in added and asker not in links:
        links.append(asker)
    return " ← ".join(links)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([module_name(path) for path in modules() if is_kernel(path)], id="kernel"),
        pytest.param(["backstay"], id="backstay"),
    ],
)
def test_heavy_modules_are_not_imported(names: list[str]):
    before, added = imported(*names)
    assert names[-1] in added
    assert not HEAVY & set(before), "a bare interpreter has loaded these already, so nothing can be said about them"
    heavy = [chain(name, added) for name in sorted(HEAVY & added.keys())]
    assert not heavy, "imported, but too slow for a cold start (module ← who imports it):\n" + "\n".join(heavy)


def test_the_probe_sees_who_imports_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "outer.py").write_text("import inner")
    (tmp_path / "inner.py").write_text("import json.decoder")
    monkeypatch.setattr("tests.dialect.test_import_budget.NATIVE", tmp_path)
    _, added = imported("outer")
    assert chain("json", added) == "json ← inner ← outer"
    assert chain("re", added) == "re ← json.decoder ← inner ← outer"
