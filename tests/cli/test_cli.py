"""The command line: what it prints where, and its exit codes."""

import json
import os
import subprocess
import sys

import pytest

from backstay import CircuitBreaker, Policy, __version__, cli
from backstay.demo import virtual
from backstay.demo.protection import BREAKER, protection

ENV = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")}
ENV["BACKSTAY_ENGINE"] = "no-such-component.wasm"


def backstay(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "backstay", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**ENV, **more})


def test_help_says_what_to_do_and_what_exit_codes_mean():
    done = backstay("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "backstay demo" in done.stdout
    for code in ("0", "1", "2", "130", "141"):
        assert f" {code}  " in done.stdout
    assert backstay().stdout == done.stdout


def test_version():
    assert backstay("--version").stdout == f"backstay {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dmo"], "No such command 'dmo'"),
        (["demo", "--seed", "one"], "'one'"),
        (["demo", "--seed", "-1"], "-1 is not in the range"),
        (["demo", "--seed"], "--seed"),
        (["demo", "--slow"], "--slow"),
        (["demo", "more"], "more"),
        (["--nothing"], "--nothing"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("backstay: ")
    assert err.count("\n") == 1
    assert said in err


def test_the_demo_prints_plain_text_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["demo", "--virtual", "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.isascii()
    assert "\x1b" not in out
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[2:8]] == ["healthy", "slow", "errors", "down", "hanging", "recovery"]
    assert sum(line.startswith("kept ") for line in lines) == 3


def test_the_demo_prints_json(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["demo", "--virtual", "--quick", "--json", "--seed", str(2**64 - 1)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["seed"], data["virtual"], data["verdict"]) == (2**64 - 1, True, "kept")


def test_a_broken_promise_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def hasty(scenario, seed):
        parts = list(protection(scenario, seed).strategies)
        breaker = parts[BREAKER]
        assert isinstance(breaker, CircuitBreaker)
        parts[BREAKER] = breaker.replace(failure_rate=0.5)
        return Policy("demo", *parts, seed=seed)

    monkeypatch.setattr(virtual, "protection", hasty)
    assert cli.main(["demo", "--virtual"]) == 1
    out = capsys.readouterr().out
    assert "BROKEN  in every phase at least as many useful answers" in out
    assert "        errors: " in out


def test_an_interrupt_is_one_line_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupted(scenario, seed):
        raise KeyboardInterrupt

    monkeypatch.setattr(virtual, "run", interrupted)
    assert cli.main(["demo", "--virtual"]) == 130
    assert capsys.readouterr() == ("", "backstay: interrupted\n")


def test_what_the_system_refuses_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def refused(scenario, seed):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(virtual, "run", refused)
    assert cli.main(["demo", "--virtual"]) == 1
    assert capsys.readouterr() == ("", "backstay: [Errno 98] Address already in use\n")


@pytest.mark.skipif(os.name != "posix", reason="pipes that can be closed at one end")
@pytest.mark.parametrize("arguments", [["demo", "--virtual"], ["demo", "--virtual", "--json"], ["--help"]])
def test_a_closed_pipe_is_silent(arguments: list[str]):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-W", "error", "-m", "backstay", *arguments]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
@pytest.mark.parametrize(("no_color", "green"), [("", True), ("1", False)])
def test_colour_on_a_terminal_unless_it_is_not_wanted(no_color: str, green: bool):
    import pty

    ours, theirs = pty.openpty()
    env = {**ENV, "TERM": "xterm-256color", "COLUMNS": "80", **({"NO_COLOR": no_color} if no_color else {})}
    command = [sys.executable, "-m", "backstay", "demo", "--virtual", "--quick"]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=env) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # Linux says so at the end
                break
            if not more:
                break
            printed += more
        os.close(ours)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert b"recovery" in printed
    assert (b"\x1b[32m" in printed) is green


def test_output_is_written_in_any_encoding():
    done = backstay("demo", "--virtual", "--quick", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
