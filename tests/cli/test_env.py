"""`backstay env`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backstay import cli
from backstay_core.environments.capabilities import CAPABILITIES
from tests.environments.recordings import FIXTURES

HOST = str(FIXTURES / "firecracker_host" / "capture.json")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["env", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_json_has_the_promised_shape(capsys: pytest.CaptureFixture[str]):
    data = json.loads(run(capsys, "--json", "--capture", HOST))
    assert set(data) == {"primary", "layers", "capabilities"}
    assert data["primary"] == "micro_vm"
    assert [layer["environment"] for layer in data["layers"]] == ["micro_vm", "operating_system"]
    assert all(set(layer) == {"environment", "confidence", "evidence"} for layer in data["layers"])
    assert list(data["capabilities"]) == list(CAPABILITIES)


def test_this_system(capsys: pytest.CaptureFixture[str]):
    assert json.loads(run(capsys, "--json"))["layers"]


def test_explain_shows_what_was_ruled_out_and_where_readings_are_from(capsys: pytest.CaptureFixture[str]):
    out = run(capsys, "--explain", "--capture", HOST)
    assert "not container" in out
    assert "stale" in out
    assert "/proc/meminfo" in out
    assert "needs two readings" in out


def test_matrix(capsys: pytest.CaptureFixture[str]):
    out = run(capsys, "--matrix")
    assert [line.split()[0] for line in out.splitlines() if "✓" in line] == list(CAPABILITIES)
    assert json.loads(run(capsys, "--matrix", "--json"))["container"]["interrupts"] is False


def test_rules(capsys: pytest.CaptureFixture[str]):
    assert "circuit_breaker with multiprocessing: failure_rate = 1.0, window_calls = 10" in run(capsys, "--rules")
    assert {row["strategy"] for row in json.loads(run(capsys, "--rules", "--json"))} >= {"circuit_breaker", "retry"}


def test_watch(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert run(capsys, "--watch", "--times", "2", "--capture", HOST).count("memory") == 2
    assert len(run(capsys, "--watch", "--times", "2", "--json", "--capture", HOST).splitlines()) == 2


def test_the_environment_may_be_named(capsys: pytest.CaptureFixture[str]):
    assert json.loads(run(capsys, "--json", "--environment", "container", "--capture", HOST))["primary"] == "container"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--environment", "micro_v"], 2, "did you mean 'micro_vm'?"),
        (["--capture", "no-such-file"], 1, "No such file"),
        (["--root", "no-such-directory"], 2, "does not exist"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["env", *arguments]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"answers": 1}', "[" * 100_000])
def test_what_is_no_recording_is_one_line(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "capture.json"
    file.write_text(text)
    assert cli.main(["env", "--capture", str(file)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reading_is_a_line_of_which_a_terminal_makes_nothing_else(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    recording = {"answers": {"env:container": "\x1b]0;gotcha\x07\n\udcffx"}}
    (tmp_path / "x.json").write_text(json.dumps(recording))
    out = run(capsys, "--explain", "--environment", "container", "--capture", str(tmp_path / "x.json"))
    assert "\x1b" not in out
    assert out.count("\\x1b]0;gotcha") == 2  # evidence, and a reading
