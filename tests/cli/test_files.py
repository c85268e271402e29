"""`backstay init`, `validate` and `policy`: from an empty folder to a policy that is understood."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backstay import Policy, Retry, Timeout, cli
from backstay_core.advice.timeline import draw, worst_timeline
from backstay_core.clock import SECOND
from backstay_core.failure import NEVER

RISKY = """
[[policies.quotes.strategies]]
kind = "circuit_breaker"
[[policies.quotes.strategies]]
kind = "retry"
on = "transport"
[policies.calm]
strategies = []
"""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def risky() -> str:
    Path("risky.toml").write_text(RISKY, encoding="utf-8")
    return "risky.toml"


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert cli.main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """The one line that an error is."""
    assert cli.main(list(arguments)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("backstay: ")
    assert err.count("\n") == 1
    return err


class TestInit:
    def test_writes_a_file_that_is_good_and_has_nothing_risky(self, capsys: pytest.CaptureFixture[str]):
        assert "wrote backstay.toml" in said(capsys, 0, "init")
        assert said(capsys, 0, "validate") == "backstay.toml: good; 1 policy\n"
        assert said(capsys, 0, "policy", "lint") == "example: nothing to say\n"

    def test_does_not_write_over_a_file_unless_told_to(self, capsys: pytest.CaptureFixture[str]):
        Path("mine.toml").write_text("# mine", encoding="utf-8")
        assert "--force" in refused(capsys, 1, "init", "mine.toml")
        assert Path("mine.toml").read_text(encoding="utf-8") == "# mine"
        said(capsys, 0, "init", "mine.toml", "--force", "--name", "quotes")
        assert said(capsys, 0, "policy", "list", "mine.toml").startswith("quotes: timeout > retry > ")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--name", ""], "must not be empty"),
            (["backstay.json"], "would be read as JSON"),
            (["--name", "\udcff"], "Unicode text"),
            (["\udcff.toml"], "Unicode text"),
        ],
    )
    def test_what_would_be_no_good_file_is_refused(
        self, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
    ):
        assert said in refused(capsys, 2, "init", *arguments)
        assert [*Path().iterdir()] == []

    @pytest.mark.skipif(os.name != "posix", reason="names that not every system has")
    @pytest.mark.parametrize("name", ["a\nb = 1.toml", 'a".toml', "größe.toml"])
    def test_a_file_of_any_name_is_good(self, name: str, capsys: pytest.CaptureFixture[str]):
        said(capsys, 0, "init", name, "--name", name)
        assert "good; 1 policy" in said(capsys, 0, "validate", name)

    @pytest.mark.skipif(os.name != "posix", reason="a limit on the size of files")
    @pytest.mark.parametrize("there", [True, False])
    def test_where_the_disk_is_full_nothing_changes(self, there: bool):
        if there:
            Path("backstay.toml").write_text("# mine", "utf-8")
        code = (
            "import resource, sys\n"
            "from backstay import cli\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            f"sys.exit(cli.main({['init', *(['--force'] if there else [])]}))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "cannot be written" in done.stderr
        assert [(path.name, path.read_text("utf-8")) for path in Path().iterdir()] == (
            [("backstay.toml", "# mine")] if there else []
        )

    @pytest.mark.skipif(os.name != "posix", reason="links and rights")
    def test_writing_over_a_file_keeps_its_rights_and_links(self, capsys: pytest.CaptureFixture[str]):
        Path("real.toml").touch(0o640)
        Path("link.toml").symlink_to("real.toml")
        said(capsys, 0, "init", "link.toml", "--force")
        assert Path("link.toml").is_symlink()
        assert Path("real.toml").stat().st_mode & 0o777 == 0o640
        assert "kind" in Path("real.toml").read_text("utf-8")
        assert len([*Path().iterdir()]) == 2

    def test_where_nothing_can_be_written_is_one_line(self, capsys: pytest.CaptureFixture[str]):
        assert "cannot be written" in refused(capsys, 1, "init", "no/such/folder.toml")


class TestValidate:
    def test_lists_every_problem_with_its_line(self, capsys: pytest.CaptureFixture[str]):
        Path("bad.toml").write_text(RISKY.replace("on =", "atempts =") + "\n[policy]\n", encoding="utf-8")
        out = said(capsys, 1, "validate", "bad.toml")
        assert "bad.toml:6: " in out
        assert "'attempts'" in out
        assert len(out.splitlines()) == 2
        data = json.loads(said(capsys, 1, "validate", "bad.toml", "--json"))
        assert len(data["problems"]) == 2

    def test_says_what_is_risky_and_what_code_must_bind(self, risky: str, capsys: pytest.CaptureFixture[str]):
        out = said(capsys, 0, "validate", risky)
        assert "to be bound in code: transport" in out
        assert "advice LI1" in out
        data = json.loads(said(capsys, 0, "validate", risky, "--json"))
        assert data["bind"] == ["transport"]
        assert {row["rule"] for row in data["advice"]["quotes"]} >= {"LI1", "LI3", "LI5", "LI8"}

    @pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[[[", b""])
    def test_a_file_that_cannot_be_read_is_a_problem(self, content: bytes | None, capsys: pytest.CaptureFixture[str]):
        if content is not None:
            Path("odd.toml").write_bytes(content)
        out = said(capsys, 0 if content == b"" else 1, "validate", "odd.toml")
        assert out.count("\n") == 1


class TestPolicy:
    def test_explains_in_words_and_a_picture_that_fit_a_screen(self, capsys: pytest.CaptureFixture[str]):
        said(capsys, 0, "init")
        lines = said(capsys, 0, "policy", "explain").splitlines()
        assert "At worst a call makes 3 attempts and takes 4.8 s." in " ".join(lines)
        assert any(line.strip().startswith("::|===") for line in lines)
        assert len(lines) <= 24
        data = json.loads(said(capsys, 0, "policy", "explain", "--json"))
        assert len(data["example"]["strategies"]) == 5

    def test_lint_says_what_is_risky_and_exits_with_1(self, risky: str, capsys: pytest.CaptureFixture[str]):
        out = said(capsys, 1, "policy", "lint", risky)
        assert "LI3 quotes, strategy 0: " in out
        assert "calm: nothing to say" in out
        assert said(capsys, 0, "policy", "lint", risky, "--policy", "calm") == "calm: nothing to say\n"
        assert json.loads(said(capsys, 1, "policy", "lint", risky, "--json"))["calm"] == []

    def test_draws_boxes_or_mermaid(self, risky: str, capsys: pytest.CaptureFixture[str]):
        lines = said(capsys, 0, "policy", "diagram", risky, "--policy", "quotes").splitlines()
        assert len({len(line) for line in lines}) == 1
        assert "circuit_breaker" in lines[1]
        assert "n0 --> n1 --> n2" in said(capsys, 0, "policy", "diagram", risky, "--policy", "quotes", "--mermaid")

    def test_of_a_name_that_is_not_there_is_one_line(self, risky: str, capsys: pytest.CaptureFixture[str]):
        assert "did you mean 'quotes'" in refused(capsys, 1, "policy", "explain", risky, "--policy", "quote")
        assert "cannot be read" in refused(capsys, 1, "policy", "list", "nothing.toml")


class TestTimeline:
    @pytest.mark.parametrize(
        ("strategies", "segments"),
        [
            ((Timeout(1),), [("attempt", 0, SECOND)]),
            ((), [("attempt", 0, NEVER)]),
            (
                (Retry(2, base=0.5, backoff="constant"), Timeout(1)),
                [
                    ("attempt", 0, SECOND),
                    ("pause", SECOND, 3 * SECOND // 2),
                    ("attempt", 3 * SECOND // 2, 5 * SECOND // 2),
                ],
            ),
            ((Timeout(0.5), Retry(3), Timeout(1)), [("attempt", 0, SECOND // 2)]),
        ],
        ids=str,
    )
    def test_is_the_worst_call(self, strategies: tuple[Any, ...], segments: list[tuple[str, int, int]]):
        assert worst_timeline(Policy("p", *strategies).options()) == segments

    def test_is_drawn_to_scale(self):
        line, scale = draw(
            [("attempt", 0, 4 * SECOND), ("pause", 4 * SECOND, 6 * SECOND), ("attempt", 6 * SECOND, 8 * SECOND)], 8
        )
        assert line == "|===..|="
        assert scale == "0    8 s"
        assert draw([]) == []
