"""docs/comparison.md: every row names a test that is there, and what is in bold is what is run."""

import ast
import re
from pathlib import Path

import pytest

from tests.peers.cells import seen

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "comparison.md").read_text("utf-8")
ROWS = [line for line in TEXT.partition("## Not there")[0].splitlines() if re.match(r"\| (?!feature)\w|\| \"", line)]


def cells() -> dict[tuple[str, str], str]:
    """By row and column, without the number of a note."""
    found = {}
    columns: list[str] = []
    for line in TEXT.partition("## Not there")[0].splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if line.startswith("| feature"):
            columns = cells
        elif line in ROWS:
            for column, cell in zip(columns[2:], cells[2:], strict=True):
                found[cells[0].removesuffix(" ●"), column] = cell.partition(" ")[0]
    return found


def marked() -> set[str]:
    return {row.split("|")[1].strip().removesuffix(" ●") for row in ROWS if row.split("|")[1].endswith(" ● ")}


SAYS = {frozenset([True]): "Yp", frozenset([False]): "–p", frozenset([True, False]): "p"}
"""What a cell may say, by what was seen of the library."""


def test_what_is_in_bold_was_run_and_says_what_was_seen():
    ran, page = seen(), cells()
    assert {at for at, cell in page.items() if cell.startswith("**")} == set(ran)
    assert [at for at, outcomes in ran.items() if page[at].strip("*") not in SAYS[frozenset(outcomes)]] == []


def test_what_a_python_library_is_said_to_have_is_run():
    assert [at for at, cell in cells().items() if at[1] not in ("R4", "PO") and cell in ("Y", "?")] == []


def test_rows_that_are_run_are_marked():
    assert marked() == {row for row, _ in seen()}


def test_every_note_is_referred_to():
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    referred = {int(number.translate(digits)) for row in ROWS for number in re.findall("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", row)}
    notes = TEXT.partition("## What a run showed")[2].partition("##")[0]
    assert sorted(referred) == [int(number) for number in re.findall(r"^(\d+)\.", notes, re.MULTILINE)]


def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_row_names_a_test_that_is_there(row: str):
    [named] = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
    assert named[1] in names_in(named[0])


def test_there_are_rows_of_one_width():
    assert len(ROWS) > 50
    for table in re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_every_comparison_is_in_the_page():
    for file in sorted((ROOT / "tests" / "comparison").glob("test_*_rows.py")):
        for name in names_in(f"tests/comparison/{file.name}"):
            if name.startswith("test_"):
                assert f"{file.name}::{name}`" in TEXT, name
