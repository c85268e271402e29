"""docs/comparison.md: every row names a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "comparison.md").read_text("utf-8")
ROWS = [line for line in TEXT.partition("## Not there")[0].splitlines() if re.match(r"\| (?!feature)\w|\| \"", line)]


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
