"""`backstay classify`, `doctor` and `completion`."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

from backstay import cli
from backstay.cli import checks
from backstay.cli.meaning import meanings, rows
from backstay.errors import classify
from backstay_core.failure import KINDS, Failure


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert cli.main([*arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


class TestClassify:
    @pytest.mark.parametrize(
        ("what", "kind", "why"),
        [
            ("ConnectionRefusedError", "connect", "Python's"),
            ("ConnectionResetError", "disconnect", "by its base ConnectionError"),
            ("KeyError", "unknown", "nothing of its own"),
            ("PoolTimeout", "capacity", "httpx.PoolTimeout"),
            ("httpx.ConnectError", "connect", "by its name"),
            ("503", "unavailable", "HTTP status"),
            ("429", "throttle", "HTTP status"),
            ("ECONNRESET", "disconnect", "system error"),
            ("-32601", "unsupported", "JSON-RPC"),
            ("unavailable", "unavailable", "kind of failure"),
            ("DEADLINE_EXCEEDED", "timeout", "gRPC"),
        ],
    )
    def test_says_what_it_is_and_why(self, what: str, kind: str, why: str):
        assert any(failure.kind == kind and why in reason for reason, failure in meanings(what))

    @pytest.mark.parametrize("error", [ConnectionRefusedError, ConnectionResetError, TimeoutError, KeyError, TypeError])
    def test_agrees_with_what_policies_do(self, error: type[Exception]):
        assert {failure.kind for _, failure in meanings(error.__name__)} == {classify(error()).kind}

    def test_knows_every_exception_of_python(self):
        for name, value in vars(builtins).items():
            if isinstance(value, type) and issubclass(value, BaseException) and value.__name__ == name:
                assert meanings(name), name

    def test_answers_every_question_about_every_kind(self):
        for kind in KINDS:
            assert all(answer for _, answer, _ in rows(Failure(kind)))

    def test_takes_several(self, capsys: pytest.CaptureFixture[str]):
        found = asked(capsys, "classify", "ECONNREFUSED", "404")
        assert [(row["asked"], row["kind"]) for row in found] == [("ECONNREFUSED", "connect"), ("404", "missing")]
        assert cli.main(["classify", "ECONNREFUSED", "--", "-32005"]) == 0
        assert "throttle" in capsys.readouterr().out

    @pytest.mark.parametrize("nonsense", ["Foo", "0", "1000000", "", "--x", "5" * 5000])
    def test_what_nobody_knows_is_one_line(self, nonsense: str, capsys: pytest.CaptureFixture[str]):
        assert cli.main(["classify", nonsense]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)


class TestDoctor:
    def test_looks_at_this_machine(self, capsys: pytest.CaptureFixture[str]):
        found = {row["what"]: row for row in asked(capsys, "doctor")}
        assert list(found) == ["python", "backstay", "extras", "clock", "event loop", "open files"]
        assert found["python"]["verdict"] == "ok"
        assert "steps of" in found["clock"]["finding"]

    def test_a_check_that_fails_is_a_finding_and_exit_code_1(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        def broken() -> checks.Check:
            raise OSError("no such clock")

        monkeypatch.setattr(checks, "CHECKS", (broken,))
        assert cli.main(["doctor"]) == 1
        assert "no such clock" in capsys.readouterr().out

    def test_few_open_files_are_a_note(self, monkeypatch: pytest.MonkeyPatch):
        resource = pytest.importorskip("resource", reason="this system has no resource limits")
        monkeypatch.setattr(resource, "getrlimit", lambda which: (100, resource.RLIM_INFINITY))
        assert checks.open_files() == ("open files", "note", "100 at once, no limit if raised")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["completion", shell]) == 0
    assert "_BACKSTAY_COMPLETE" in capsys.readouterr().out
    assert cli.main(["completion", "tcsh"]) == 2
