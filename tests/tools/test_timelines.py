"""The tool that runs random timelines runs them, finds a difference, and goes on where it was stopped."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import native
from tools import timelines


def test_they_follow_from_their_number():
    assert timelines.vector_of(7) == timelines.vector_of(7)
    assert timelines.vector_of(7)["policy"] == timelines.vector_of(8)["policy"] != timelines.vector_of(27)["policy"]
    assert timelines.vector_of(7)["calls"] != timelines.vector_of(9)["calls"]


def test_all_drivers_run(capsys: pytest.CaptureFixture[str]):
    assert timelines.main(["--count", "40"]) == 0
    line = capsys.readouterr().out
    assert line.startswith("timelines 0 to 39, Python ")
    assert "on asyncio, frames" in line
    assert "on sync, stepwise" in line
    assert "no difference" in line


def test_a_difference_is_told_with_its_number(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    sync = native.RUNNERS["sync, frames"]
    odd = range(1, 100, 2)
    number = next(number for number in odd if sync(timelines.vector_of(number)) is not None)

    def wrong(vector: Any, known: Any) -> Any:
        found = sync(vector, known)
        if found is not None and vector == timelines.vector_of(number):
            found["final"].append("one more")
        return found

    monkeypatch.setitem(native.RUNNERS, "sync, frames", wrong)
    assert timelines.main(["--first", str(number), "--count", "1"]) == 1
    assert f"DIFFERENT: {number};" in capsys.readouterr().out


def test_it_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "progress.json"
    ran: list[int] = []
    stop = 6

    def run_one(number: int) -> Any:
        if len(ran) == stop:
            raise KeyboardInterrupt
        ran.append(number)
        return Counter(attempt=1)

    monkeypatch.setattr(timelines, "run_one", run_one)
    with pytest.raises(KeyboardInterrupt):
        timelines.run(timelines.Progress(100, 8, path), every=4)
    assert json.loads(path.read_text("utf-8"))["done"] == 4
    stop = 100
    assert timelines.run(timelines.Progress(100, 8, path), every=4)
    assert ran == [100, 101, 102, 103, 104, 105, 104, 105, 106, 107]
    assert json.loads(path.read_text("utf-8"))["seen"] == {"attempt": 8}  # none counted twice


def test_progress_of_another_run_is_refused(tmp_path: Path):
    path = tmp_path / "progress.json"
    timelines.Progress(0, 5, path).add(Counter(), [], 5, 1)
    with pytest.raises(SystemExit, match="another run: count differ"):
        timelines.main(["--count", "6", "--keep", str(path)])
