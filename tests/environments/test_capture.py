"""The tool that records environments asks what the tables ask, and what it writes can be replayed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from backstay.environments import Recorded, SystemProbe, detect
from backstay_core.environments.questions import questions
from backstay_core.failure import ConfigurationError
from tools import capture_environment as tool


def test_it_asks_what_the_tables_ask():
    assert set(questions()) <= set(tool.QUESTIONS)


def test_it_stands_alone_and_its_recording_decides_as_the_system_does(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", tool.__file__, "--about", "here"], capture_output=True, text=True, check=True
    )
    data = json.loads(done.stdout)
    assert data["about"] == "here"
    recorded, live = detect(Recorded.from_data(data)), detect(SystemProbe())
    assert recorded.environments == live.environments
    assert recorded.to_data() == live.to_data()


def test_it_runs_on_old_pythons():
    ast.parse(Path(tool.__file__).read_text("utf-8"), feature_version=(3, 6))
    modules = {name.partition(".")[0] for name in imports(Path(tool.__file__).read_text("utf-8"))}
    assert modules <= {"argparse", "json", "os", "re", "stat", "sys", "time"}


def imports(source: str) -> list[str]:
    return [
        alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
    ] + [node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]


def test_secrets_and_what_has_no_say_are_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SVCUID", "a secret")
    monkeypatch.setenv("PASSWORD", "another secret")
    data = tool.capture("here")
    assert data["answers"]["env:SVCUID"] == "set"
    assert "secret" not in json.dumps(list(data["answers"].values()))


@pytest.mark.parametrize("data", [None, [], {}, {"answers": []}, {"answers": {}, "missing": [1]}])
def test_what_is_no_recording_is_refused(data: object):
    with pytest.raises(ConfigurationError, match="no recording of an environment"):
        Recorded.from_data(data)
