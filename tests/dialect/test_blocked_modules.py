"""The core imports and works where the operating system's modules do not exist.

In a fresh interpreter every module of the core is imported, and strategies are exercised, while any import of a blocked
module *by the core* fails. What the standard library imports for itself is its own affair.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.dialect.dialect import CORE, NO_OS, module_name, modules

# `importlib` would be a way round the other names.
BLOCKED = (*NO_OS, "importlib")

GUARD = """
import builtins, sys

root, blocked, names = eval(sys.argv[1])
sys.path.insert(0, root)
genuine = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    asker = sys._getframe(1).f_globals.get("__name__", "?")
    if asker.partition(".")[0] == "backstay_core" and not level and name.partition(".")[0] in blocked:
        raise ImportError(f"{asker} imports {name}, which the core must do without")
    return genuine(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
loaded = {name: genuine(name, fromlist=("*",)) for name in names}
for name, module in loaded.items():
    for attribute, value in vars(module).items():
        if type(value) is type(sys) and value.__name__.partition(".")[0] in blocked:
            raise ImportError(f"{name}.{attribute} is the module {value.__name__}, which the core must do without")
"""

EXERCISE = """
from backstay_core.canonical import dumps
from backstay_core.clock import ManualClock
from backstay_core.failure import FAILED
from backstay_core.rng import stream
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.contract import GRANTED, REFUSED

clock = ManualClock(1)
options = CircuitBreaker(failure_rate=0.5, window_calls=4, open_for=30.0)
breaker = options.state(stream(1, 2).next())
for _ in range(4):
    permit = breaker.admit(clock())
    assert permit.decision == GRANTED
    breaker.settle(permit, clock.advance(1), FAILED)
assert breaker.admit(clock()).decision == REFUSED
twin = options.state()
twin.restore(breaker.snapshot(clock()), clock(), "resume")
assert dumps(twin.snapshot(clock())) == dumps(breaker.snapshot(clock()))

places = Bulkhead(1).state()
assert [places.admit(clock()).decision for _ in range(2)] == [GRANTED, REFUSED]
print("exercised")
"""


def run_guarded(root: Path, names: list[str], exercise: str = "") -> subprocess.CompletedProcess[str]:
    """Import `names` from `root` in a bare interpreter with `BLOCKED` out of the core's reach, then run `exercise`."""
    arguments = repr((str(root), BLOCKED, names))
    command = [sys.executable, "-I", "-S", "-c", GUARD + exercise, arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_core_works_without_the_operating_system():
    run = run_guarded(CORE.parent, [module_name(path) for path in modules()], EXERCISE)
    assert (run.returncode, run.stdout) == (0, "exercised\n"), run.stderr


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import os.path",
        "from time import monotonic_ns",
        "def late():\n    import threading\nlate()",
        "__import__('asyncio')",
        "from importlib import import_module\nimport_module('os')",
        "from collections import _sys",
    ],
)
def test_the_guard_catches(tmp_path: Path, source: str):
    package = tmp_path / "backstay_core"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "culprit.py").write_text(source)
    run = run_guarded(tmp_path, ["backstay_core.culprit"])
    assert run.returncode != 0
    assert "which the core must do without" in run.stderr
    assert "backstay_core.culprit" in run.stderr


def test_the_guard_leaves_the_standard_library_alone(tmp_path: Path):
    package = tmp_path / "backstay_core"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "innocent.py").write_text("import tempfile")  # imports os, io, random itself
    assert run_guarded(tmp_path, ["backstay_core.innocent"]).returncode == 0
