"""The examples in docs/calling.md run as they stand."""

from pathlib import Path

import pytest

from tests.docs.test_readme import examples

PAGE = Path(__file__).parents[2] / "docs" / "calling.md"
TEXT = PAGE.read_text("utf-8")


@pytest.mark.parametrize(("line", "code"), [pytest.param(*block, id=f"line-{block[0]}") for block in examples(TEXT)])
def test_example_runs(line: int, code: str):
    exec(compile("\n" * (line - 1) + code, PAGE, "exec"), {"__name__": "__main__"})


def test_no_example_is_overlooked():
    assert len(examples(TEXT)) == TEXT.count("```python") > 0
