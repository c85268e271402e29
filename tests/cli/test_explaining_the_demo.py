"""`backstay policy explain` of the demo's own policy: it fits a screen, and what it says of the worst case is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from backstay import Policy, cli
from backstay.demo.protection import protection
from backstay.demo.scenario import FULL
from backstay_core.advice.bounds import worst_case
from backstay_core.advice.timeline import worst_timeline
from backstay_core.clock import SECOND
from backstay_core.execution import ATTEMPT, START, WAIT, WAKE, Execution

SEEDS = range(300)


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    data = protection(FULL, 1).to_data()
    document = {"policies": {data.pop("name"): data}}
    (tmp_path / "demo.json").write_text(json.dumps(document), "utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["policy", "explain", "demo.json"]) == 0
    return capsys.readouterr().out.splitlines()


def hanging_call(seed: int) -> tuple[int, int]:
    """A first call whose every attempt hangs, by the step machine, with pauses that chance gives: (ns, attempts)."""
    call = Execution(Policy("demo", *protection(FULL, seed).options(), seed=seed))
    actions = call.step((START,), 0)
    now = attempts = 0
    while actions and actions[-1][0] in (ATTEMPT, WAIT):
        attempts += actions[-1][0] == ATTEMPT
        now = actions[-1][2] if actions[-1][0] == ATTEMPT else actions[-1][1]
        actions = call.step((WAKE,), now)
    return now, attempts


def test_fits_a_screen(said: list[str]):
    assert len(said) < 24  # a line is left for the prompt
    assert max(map(len, said)) <= 80


def test_the_worst_case_is_that_of_the_step_machine(said: list[str]):
    [(attempts, seconds)] = re.findall(r"At worst a call makes (\d+) attempts and takes ([\d.]+) s\.", " ".join(said))
    calls = [hanging_call(seed) for seed in SEEDS]
    assert max(made for _, made in calls) == int(attempts)
    assert max(took for took, _ in calls) == float(seconds) * SECOND
    bounds = worst_case(protection(FULL, 1).options())
    assert (bounds.ns, bounds.attempts) == (float(seconds) * SECOND, int(attempts))


def test_the_picture_is_that_call(said: list[str]):
    segments = worst_timeline(protection(FULL, 1).options())
    assert segments[-1][2] == max(took for took, _ in map(hanging_call, SEEDS))
    picture, scale = said[-2:]
    assert picture.count("|") == sum(what == "attempt" for what, _, _ in segments)
    assert scale.split() == ["0", f"{segments[-1][2] / SECOND:g}", "s"]
