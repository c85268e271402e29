"""What holds for every command: an interrupt, a reader who leaves, a narrow terminal, JSON, a file of any sort."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from backstay import cli, configuration
from backstay_core.config.template import template
from tests.cli.test_cli import ENV

#  every command, with arguments with which it prints something, and does it quickly
COMMANDS = {
    "classify": ("503",),
    "completion": ("bash",),
    "demo": ("--virtual", "--quick"),
    "doctor": (),
    "env": (),
    "init": ("new.toml",),
    "policy diagram": (),
    "policy explain": (),
    "policy lint": (),
    "policy list": (),
    "validate": (),
    "version": (),
}
NOT_HERE = {"wasm build": "takes 10 s and a compiler; its errors are in tests/wasm"}
READS_A_FILE = ("policy diagram", "policy explain", "policy lint", "policy list", "validate")


def leaves(group: click.Group = cli.backstay, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command by its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield before + name, command


CALLED = dict(leaves())


@pytest.fixture(autouse=True)
def in_a_folder_with_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "backstay.toml").write_text(template(), "utf-8")
    monkeypatch.chdir(tmp_path)


def line(command: str) -> list[str]:
    return [*command.split(), *COMMANDS[command]]


def test_no_command_is_forgotten():
    assert {*COMMANDS, *NOT_HERE} == set(CALLED)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interrupt_is_one_line_and_130(command: str, capsys: pytest.CaptureFixture[str]):
    """A real SIGINT, as the command's own code begins."""
    body: Any = inspect.unwrap(CALLED[command].callback)  # type: ignore[arg-type]

    def interrupt(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code is body.__code__:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(interrupt)
    try:
        assert cli.main(line(command)) == 130
    finally:
        sys.setprofile(None)
    assert capsys.readouterr() == ("", "backstay: interrupted\n")


@pytest.mark.skipif(os.name != "posix", reason="a signal to another process")
def test_an_interrupt_of_the_whole_program_while_it_serves():
    code = (
        "import asyncio, signal, sys\n"
        "from backstay import cli\n"
        "from backstay.demo import live\n"
        "run = live.run\n"
        "async def interrupted(*arguments):\n"
        "    asyncio.get_running_loop().call_later(0.2, signal.raise_signal, signal.SIGINT)\n"
        "    return await run(*arguments)\n"
        "live.run = interrupted\n"
        "sys.exit(cli.main(['demo', '--quick']))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=ENV)
    assert (done.returncode, done.stderr) == (130, "backstay: interrupted\n")


@pytest.mark.skipif(os.name != "posix", reason="pipes that can be closed at one end")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_who_leaves_is_silent_and_141(command: str):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "backstay", *line(command)],
            stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=ENV,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_terminal_of_twenty_columns(command: str):
    printed, code = on_a_terminal(line(command), 20)
    assert code == 0
    assert printed.strip()
    assert "Traceback" not in printed


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
def test_an_explanation_fits_a_terminal_of_twenty_columns():
    printed, _ = on_a_terminal(["policy", "explain"], 20)
    assert max(map(len, printed.splitlines())) <= 20
    assert "|=" in printed


def on_a_terminal(arguments: list[str], columns: int) -> tuple[str, int]:
    """What a command prints on a terminal so wide, and its exit code."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**{name: value for name, value in ENV.items() if name not in ("COLUMNS", "LINES")}, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "backstay", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env={**env, "TERM": "xterm"}) as process:
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
    return click.unstyle(printed.decode()).replace("\r\n", "\n"), process.returncode


@pytest.mark.parametrize("command", COMMANDS)
def test_json_everywhere(command: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main([*line(command), "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out)


#  what a file may be, and what is said of it
FILES = {
    "not there": "no such file",
    "a folder": "a directory",
    "a loop of links": "symbolic links",
    "no text": "UTF-8",
    "ten megabytes": "larger than",
    "nested too deep": "nested",
    "the same key twice": "overwrite",
    "no TOML": "backstay.toml:1",
}


def make(sort: str, path: Path) -> None:
    path.unlink()
    if sort == "a folder":
        path.mkdir()
    elif sort == "a loop of links":
        path.symlink_to(path.name)
    elif sort == "no text":
        path.write_bytes(b"x = '\xff'")
    elif sort == "ten megabytes":
        path.write_bytes(b"#" * 10_000_000)
    elif sort == "nested too deep":
        path.write_text("x = " + "[" * 5000 + "]" * 5000)
    elif sort == "the same key twice":
        path.write_text("[policies.a]\nstrategies = []\nstrategies = []\n")
    elif sort == "no TOML":
        path.write_text("[[[")


@pytest.mark.parametrize("sort", FILES)
@pytest.mark.parametrize("command", READS_A_FILE)
def test_a_file_of_any_sort_is_one_line_and_1(command: str, sort: str, capsys: pytest.CaptureFixture[str]):
    if sort == "a loop of links" and os.name != "posix":
        pytest.skip("links need rights that not everybody has")
    make(sort, Path("backstay.toml"))
    assert cli.main(line(command)) == 1
    out, err = capsys.readouterr()
    said = out if command == "validate" else err  # problems are what validate prints
    assert (out + err).count("\n") == 1
    assert FILES[sort] in said
    assert "backstay.toml" in said


#  a name that would clear the screen, forge a line, turn the direction of writing
HOSTILE = """
[policies."a\\u001b[2J\\nADVICE\\u202e\\u0007日本"]
strategies = [
    {kind = "fallback", value = "\\u001b[31m"},
    {kind = "retry", on = "b\\u001b[31m\\n", results = "c\\u001b\\n"},
]
"""
HALF = '{"policies": {"\\ud800": {"strategies": []}}}'


@pytest.mark.parametrize("command", [*READS_A_FILE, "policy diagram --mermaid"])
def test_names_in_a_file_are_only_text_to_a_terminal(command: str, capsys: pytest.CaptureFixture[str]):
    for file, text in (("hostile.toml", HOSTILE), ("half.json", HALF)):
        Path(file).write_text(text, "utf-8")
        assert cli.main([*command.split(), file]) == (file == "hostile.toml" and command == "policy lint")
        printed = capsys.readouterr().out
        assert all(line.isprintable() for line in printed.split("\n")), printed
        assert "\nADVICE" not in printed


def test_an_error_is_only_text_to_a_terminal(capsys: pytest.CaptureFixture[str]):
    Path("hostile.toml").write_text(HOSTILE, "utf-8")
    for arguments in (["policy", "list", "no\x1b[2J.toml"], ["policy", "explain", "hostile.toml", "--policy", "x"]):
        assert cli.main(arguments) == 1
        assert capsys.readouterr().err.removesuffix("\n").isprintable()


@pytest.mark.parametrize("command", READS_A_FILE)
def test_a_file_is_read_once(command: str, monkeypatch: pytest.MonkeyPatch):
    """Or one that is replaced meanwhile would be another one than that which was found good."""

    def then_gone(file: str) -> configuration.Examined:
        examined = examine(file)
        Path(file).unlink()
        return examined

    examine = configuration.examine
    monkeypatch.setattr(configuration, "examine", then_gone)
    assert cli.main(line(command)) == 0


def test_what_an_encoding_lacks_is_escaped():
    Path("names.toml").write_text('policies."日本" = {strategies = []}', "utf-8")
    command = [sys.executable, "-m", "backstay", "policy", "list", "names.toml"]
    done = subprocess.run(command, capture_output=True, env={**ENV, "PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, rb"\u65e5\u672c: no strategies" + b"\n", b"")


@pytest.mark.parametrize("command", READS_A_FILE)
def test_a_file_that_may_not_be_read(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def locked(path: Any, *_: Any) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", locked)  # who runs the tests may be allowed everything
    assert cli.main(line(command)) == 1
    assert "".join(capsys.readouterr()).endswith("backstay.toml: cannot be read: permission denied\n")
