"""Rows of docs/comparison.md, run with the libraries that are said to do what they say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.peers.cells import ROWS
from tests.peers.claims import Lab, Row, skipped_if_absent
from tests.peers.scenarios import NotSetUp

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # some of these libraries are old


def play(row: Row, adapter: Any, patch: pytest.MonkeyPatch) -> None:
    lab = Lab(patch)
    with skipped_if_absent(), lab.after:
        row.scenario(lab, lambda: adapter(lab))


def each(side: str) -> Any:
    cells = [(row, who, how) for row in ROWS for who, how in getattr(row, side).items()]
    names = [f"{row.title}-{who}" for row, who, _ in cells]
    return pytest.mark.parametrize(("row", "how"), [(row, how) for row, _, how in cells], ids=names)


@each("does")
def test_a_library_does_it(row: Row, how: Any, monkeypatch: pytest.MonkeyPatch):
    play(row, how, monkeypatch)


@each("does_not")
def test_a_library_does_not(row: Row, how: Any, monkeypatch: pytest.MonkeyPatch):
    adapter, shows = how
    with pytest.raises(AssertionError, match=shows):
        play(row, adapter, monkeypatch)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_nothing_does_it_by_itself(row: Row, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises((AssertionError, NotSetUp)):
        play(row, row.nothing, monkeypatch)
