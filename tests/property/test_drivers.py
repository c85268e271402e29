"""Random policies on random timelines: compiled frames, the drivers and the step machine decide alike."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from tests.property.cases import cases
from tests.property.comparison import Comparison
from tests.property.scenarios import scenarios


def test_asyncio():
    comparison = Comparison("asyncio, frames", "asyncio, stepwise")

    @cases(0.5)
    @given(scenarios(concurrent=True))
    def check(vector: dict[str, Any]) -> None:
        comparison.check(vector)

    check()
    comparison.covered("again", "wait", "cancel", "aborted", "substitute", "complete", "fail rejected", "fail timeout")


def test_sync():
    comparison = Comparison("sync, frames", "sync, stepwise")

    @cases(0.5)
    @given(scenarios(concurrent=False))
    def check(vector: dict[str, Any]) -> None:
        comparison.check(vector)

    check()
    comparison.covered("again", "wait", "substitute", "complete", "fail rejected")
