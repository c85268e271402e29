"""The row about the types of guarded functions: type checkers read the uses of all libraries at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.peers.claims import Adapter, Lab, Row

GUARDS = {
    "T": ("tenacity", "tenacity.retry()"),
    "S": ("stamina", "stamina.retry(on=ValueError)"),
    "HX": ("hyx.retry", "hyx.retry.retry()"),
    "NP": ("nopanic", "nopanic.retry()"),
    "PR": ("pyresilience", "pyresilience.resilient(retry=pyresilience.RetryConfig())"),
    "IL": ("interlock", 'interlock.CircuitBreaker(name="b")'),
    "RD": ("redress", "redress.retry(max_attempts=1)"),
    "RX": ("resilix", "resilix.protect.when(ValueError, retry=3)"),
}
NOTHING = ("functools", "functools.lru_cache(None)")
"""It decorates, and forgets what may be given."""

HEAD = """
def call(number: int, *, name: str) -> int: return number
async def acall(number: int, *, name: str) -> int: return number
"""
USES = """
async def main{index}() -> None:
    import {library}
    guarded, aguarded = {guard}(call), {guard}(acall)
    right: int = guarded(1, name="x") + await aguarded(1, name="x")
    guarded("1", name="x")
    guarded(1)
    guarded(1, name="x").upper()
    await aguarded("1", name="x")
    await aguarded(1)
    (await aguarded(1, name="x")).upper()
"""
WRONG = list(range(6, 12))
"""Lines of `USES` that are."""

COMMANDS = (
    ("mypy", "--output", "json", "--no-incremental"),
    ("pyright", "--pythonpath", sys.executable, "--outputjson"),
    ("pyrefly", "check", "--preset", "default", "--python-interpreter-path", sys.executable, "--output-format", "json"),
)


def mypy(output: str) -> list[tuple[str, int]]:
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [(item["severity"], item["line"]) for item in found]


def pyright(output: str) -> list[tuple[str, int]]:
    found = json.loads(output)["generalDiagnostics"]
    return [(item["severity"], item["range"]["start"]["line"] + 1) for item in found]


def pyrefly(output: str) -> list[tuple[str, int]]:
    return [(item["severity"], item["line"]) for item in json.loads(output)["errors"]]


READ: dict[str, Callable[[str], list[tuple[str, int]]]] = {"mypy": mypy, "pyright": pyright, "pyrefly": pyrefly}
"""What a checker found: how severe, and in which line."""


@cache
def complaints() -> dict[tuple[str, str], list[int]]:
    """By checker and guard, lines of its uses."""
    guards = [*GUARDS.values(), NOTHING]
    uses = [USES.format(index=index, library=name, guard=guard) for index, (name, guard) in enumerate(guards)]
    offset, length = HEAD.count("\n") + 1, USES.count("\n")
    found: dict[tuple[str, str], list[int]] = {}
    with TemporaryDirectory() as directory:
        file = Path(directory) / "uses.py"
        file.write_text(HEAD + "".join(uses), "utf-8")
        for command in COMMANDS:
            run = [sys.executable, "-m", *command, file.name]
            output = subprocess.run(run, cwd=directory, capture_output=True, text=True).stdout
            lines = {line for severity, line in READ[command[0]](output) if severity == "error"}
            for index, (_, guard) in enumerate(guards):
                first = offset + index * length
                found[command[0], guard] = [line - first + 1 for line in sorted(lines) if 0 <= line - first < length]
    return found


def types(lab: Lab, make: Callable[[], tuple[str, str]]) -> None:
    library, guard = make()
    lab.library(library)
    for checker in READ:
        found = complaints()[checker, guard]
        assert found == WRONG, f"{checker} complains of {found}"


def of(column: str) -> Adapter:
    return lambda lab: GUARDS[column]


ROWS = (
    Row(
        "types of guarded functions, three checkers",
        types,
        {column: of(column) for column in ("T", "S", "NP", "PR", "IL", "RX")},
        {
            "HX": (of("HX"), r"mypy complains of \[\]"),
            "RD": (of("RD"), "pyright complains of"),
        },
        nothing=lambda lab: NOTHING,
    ),
)
