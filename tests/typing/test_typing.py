"""Three type checkers read `api.py` without a complaint, and complain of the marked lines of `wrong.py`, no others."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = [str(ROOT / "core"), str(ROOT / "targets" / "native")]
MARK = re.compile(r"#\s*wrong(?: \(([\w, ]+)\))?$")

Found = dict[int, str]  # line → the first complaint of it
pytestmark = pytest.mark.timeout(1500)


def run(*command: object) -> str:
    done = subprocess.run([sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def mypy(file: Path) -> Found:
    found: Found = {}
    for line in run("mypy", "--output", "json", "--no-incremental", file).splitlines():
        if not line.startswith("{"):
            continue
        item = json.loads(line)
        if item["severity"] == "error" and Path(item["file"]).name == file.name:
            found.setdefault(item["line"], item["message"])
    return found


def pyright(file: Path) -> Found:
    found: Found = {}
    for item in json.loads(run("pyright", "--pythonpath", sys.executable, "--outputjson", file))["generalDiagnostics"]:
        if item["severity"] == "error":
            found.setdefault(item["range"]["start"]["line"] + 1, item["message"])
    return found


def pyrefly(file: Path) -> Found:
    options = [option for source in SOURCES for option in ("--search-path", source)]
    output = run("pyrefly", "check", "--preset", "default", "--output-format", "json", *options, file)
    found: Found = {}
    for item in json.loads(output)["errors"]:
        if item["severity"] == "error":
            found.setdefault(item["line"], item["description"])
    return found


CHECKERS: list[Callable[[Path], Found]] = [mypy, pyright, pyrefly]
each = pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)


def marked(text: str, checker: str) -> set[int]:
    """The lines that `checker` must report."""
    lines = set()
    for number, line in enumerate(text.splitlines(), 1):
        mark = MARK.search(line)
        if mark and checker in (mark[1] or checker).split(", "):
            lines.add(number)
    return lines


def listed(lines: set[int], text: str, found: Found) -> str:
    source = text.splitlines()
    return "".join(f"\n  {line}: {source[line - 1].strip()}  {found.get(line, '')}" for line in sorted(lines))


@each
def test_right_uses_have_the_expected_types(checker):
    file = HERE / "api.py"
    found = checker(file)
    assert not found, f"{checker.__name__}:{listed(set(found), file.read_text('utf-8'), found)}"


@each
def test_wrong_uses_are_reported(checker):
    file = HERE / "wrong.py"
    text = file.read_text("utf-8")
    expected, found = marked(text, checker.__name__), checker(file)
    assert expected - set(found) == set(), f"not reported:{listed(expected - set(found), text, {})}"
    assert set(found) - expected == set(), f"not marked:{listed(set(found) - expected, text, found)}"
    assert len(expected) > 40


def test_marks_are_read():
    text = "a  # wrong\nb\nc  # wrong (mypy, pyright)\nd  # wrong turn"
    assert marked(text, "mypy") == {1, 3}
    assert marked(text, "pyrefly") == {1}
