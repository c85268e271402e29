"""Real environments leave nothing behind: no process, no mount, no network device, no control group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments.real.dockerd import IMAGE, Docker, dockerd
from tests.environments.real.needs import ROOT
from tests.environments.real.processes import named_with, until
from tests.environments.real.traces import traces


def run_one(docker: Docker) -> None:
    docker("run", "--detach", "--network=none", f"--cgroup-parent={docker.group}", IMAGE, "sleep", "1000000")


class Mishap(Exception):
    pass


def test_docker_leaves_nothing_when_a_test_fails(scratch: Callable[[str], Path], layer: Path):
    folder, before = scratch("left"), traces()

    def fail() -> None:
        with dockerd(folder, layer) as docker:
            run_one(docker)
            assert traces() != before
            raise Mishap

    with pytest.raises(Mishap):
        fail()
    assert traces() == before
    assert named_with(f"{folder}/") == []


def test_an_engine_that_was_killed_leaves_nothing(scratch: Callable[[str], Path], layer: Path):
    folder, before = scratch("killed"), traces()
    with dockerd(folder, layer) as docker:
        run_one(docker)
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    assert traces() == before
    assert named_with(f"{folder}/") == []


SERVE = """
import sys
from pathlib import Path
from tests.environments.real.processes import named_with, serving
log = sys.argv[1]
with serving(["tail", "-f", log], lambda: any(named_with(f"tail\\0-f\\0{log}")), Path(log)) as process:
    print("serving", flush=True)
    input()
"""


def test_what_was_started_ends_when_the_tests_are_killed(tmp_path: Path):
    command: list[str | Path] = [sys.executable, "-c", SERVE, tmp_path / "log"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        assert tests.stdout.readline() == "serving\n"
        tests.kill()
    until(lambda: not named_with(f"tail\0-f\0{tmp_path}"), "the program to end")
