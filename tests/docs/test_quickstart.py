"""The quickstart's steps, as a new user takes them; what the page shows is what comes out."""

import re
from pathlib import Path

import pytest

from backstay import cli

TEXT = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text("utf-8")


def test_the_commands_do_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^backstay ([\w ]+?)(?:  .*)?$", TEXT, re.MULTILINE)
    assert commands == ["doctor", "init", "validate", "policy explain"]
    for command in commands:
        assert cli.main(command.split()) == 0
    assert capsys.readouterr().err == ""


def test_the_mistake_is_found_as_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    [wrong] = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    [said] = re.findall(r"^```text\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "backstay.toml").write_text(wrong, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["validate"]) == 1
    assert capsys.readouterr().out == said
