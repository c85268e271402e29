"""The programs in examples/ run as they stand, and print what they promise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

#  program → what it prints, as a pattern
PRINTED = {
    "http_client.py": r"tried again\ntried again\nquote: 42\.00\nno quote: 404\n",
    "worker_pool.py": r"40 pages, the last one: printed 39\nnever more than two at once: True\n",
    "streaming.py": r"tick 41\.00\ntick 42\.00\ntick end\nconnections: 2\n",
    "service.py": (
        r"WARNING req-1 stock: circuit_breaker: opened, open_for 30 s\n"
        r"req-1 502 \{'failed': 'ConnectError'\} retry after -\n"
        r"req-2 503 \{'refused': 'CIRCUIT_OPEN'\} retry after (30|[12]\d)\n"
    ),
    "command.py": r"42\.00\n",
}


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", PRINTED)
def test_prints_what_it_promises(name: str):
    done = run(name)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(PRINTED[name], done.stdout), done.stdout


def test_a_command_that_fails_says_so_in_a_line_and_with_its_exit_code():
    done = run("command.py", "http://127.0.0.1:1/")
    assert (done.returncode, done.stdout) == (1, "")
    *retries, last = done.stderr.splitlines()
    assert len(retries) == 3
    assert all(line.startswith("trying again in ") for line in retries)
    assert "refused" in last


def test_every_example_is_listed_and_run():
    files = {path.name for path in EXAMPLES.glob("*.py")}
    assert files == {*PRINTED, "flaky.py"}
    text = (EXAMPLES / "README.md").read_text("utf-8")
    assert set(re.findall(r"\]\((\w+\.py)\)", text)) == files
    for path in EXAMPLES.glob("*.py"):
        assert path.read_text("utf-8").startswith('"""'), f"{path.name} says at its head what it shows"
