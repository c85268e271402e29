"""`make run` decides the same load inside the component too, and says whether it was the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backstay import cli
from backstay.demo import component as comparing
from backstay.demo import report, virtual
from backstay.demo.component import Comparison, compare, judge
from backstay.demo.scenario import FULL, QUICK

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(autouse=True)
def installed(component: Path, cache: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTAY_ENGINE", str(component))


def test_the_readme_shows_what_it_prints():
    shown = [line for line in README.read_text("utf-8").splitlines() if line.startswith("WASM ")]
    assert shown == report.component_lines(compare(FULL, 1))


def test_it_is_in_the_json(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["demo", "--virtual", "--quick", "--json", "--seed", "5"]) == 0
    data = json.loads(capsys.readouterr().out)["component"]
    assert (data["same"], data["different"]) == (True, None)
    assert data["decisions"] > 1000


def test_a_decision_that_differs_is_shown_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    real = virtual.run

    def meddled(scenario: Any, seed: int, policy: Any = None, trace: Any = None) -> Any:
        result = real(scenario, seed, policy, trace)
        if policy is not None and type(policy).__module__.startswith("backstay_wasm"):
            trace[7] = (*trace[7][:3], [("cancel", 1)])
        return result

    monkeypatch.setattr(virtual, "run", meddled)
    assert cli.main(["demo", "--virtual", "--quick"]) == 1
    out = capsys.readouterr().out
    assert "DIFFER  of " in out
    assert "[('cancel', 1)] inside" in out


def test_a_trace_that_ends_early_differs():
    assert judge([1, 2], [1]) == Comparison(2, "2 decisions native, 1 inside")


def test_without_a_component_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any):
    monkeypatch.setenv("BACKSTAY_ENGINE", str(tmp_path / "missing.wasm"))
    assert compare(QUICK, 1) is None
    assert cli.main(["demo", "--virtual", "--quick"]) == 0
    assert "WASM    not compared: the component is not installed (pip install" in capsys.readouterr().out


def test_without_wasmtime_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    def fail(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(comparing, "import_module", fail)
    assert compare(QUICK, 1) is None
