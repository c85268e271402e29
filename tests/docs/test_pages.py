"""The examples of pages that consist of prose and examples run as they stand."""

import re
from pathlib import Path

import pytest

from tests.docs.test_readme import examples

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("deadlines.md",)
BLOCKS = [
    pytest.param(DOCS / page, *block, id=f"{page}-line-{block[0]}")
    for page in PAGES
    for block in examples((DOCS / page).read_text("utf-8"))
]


@pytest.mark.parametrize(("page", "line", "code"), BLOCKS)
def test_example_runs(page: Path, line: int, code: str):
    exec(compile("\n" * (line - 1) + code, page, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", PAGES)
def test_no_example_is_overlooked(page: str):
    text = (DOCS / page).read_text("utf-8")
    assert len(examples(text)) == text.count("```python") > 0


@pytest.mark.parametrize("page", PAGES)
def test_linked_files_exist(page: str):
    text = (DOCS / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((DOCS / page).parent / target).is_file(), target
