"""What pages show of commands and their output is what comes out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backstay import cli
from tools.logging_page import PAGE, PARTS
from tools.made_parts import renewed

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_quickstarts_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "quickstart.md").read_text("utf-8")
    commands = re.findall(r"^backstay ([\w ]+?)(?:  .*)?$", text, re.MULTILINE)
    assert commands == ["doctor", "init", "validate", "policy explain"]
    for command in commands:
        assert cli.main(command.split()) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("page", "command"), [("quickstart.md", ("validate",)), ("ordering.md", ("policy", "lint"))], ids=str
)
def test_what_a_command_says_of_the_file_shown(
    page: str, command: tuple[str, ...],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    [file] = blocks(page, "toml")
    [said] = blocks(page, "text")
    (tmp_path / "backstay.toml").write_text(file, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(list(command)) == 1
    assert capsys.readouterr().out == said


def test_the_table_of_events_is_up_to_date():
    text = PAGE.read_text("utf-8")
    assert renewed(text, PARTS) == text, "docs/logging.md is out of date; run: python tools/logging_page.py"


def test_the_log_is_the_one_shown():
    code, [shown] = blocks("logging.md", "python")[0], blocks("logging.md", "text")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == shown
