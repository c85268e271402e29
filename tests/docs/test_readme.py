"""The examples in README.md run as they stand."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def examples(text: str) -> list[tuple[int, str]]:
    """The Python blocks of a Markdown text: the line on which the code begins (from 1), and the code."""
    return [(text.count("\n", 0, block.start(1)) + 1, block[1]) for block in BLOCK.finditer(text)]


def execute(line: int, code: str) -> None:
    """Run one block as a module of its own; a traceback shows its lines in README.md."""
    exec(compile("\n" * (line - 1) + code, README, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(
    ("line", "code"), [pytest.param(*block, id=f"line-{block[0]}") for block in examples(README.read_text("utf-8"))]
)
def test_example_runs(line: int, code: str):
    execute(line, code)


def test_no_example_is_overlooked():
    text = README.read_text("utf-8")
    assert len(examples(text)) == text.count("```python") > 0


def test_a_failing_example_names_its_line():
    [block] = examples("# Title\n\n```python\n\nassert False, 'no'\n```\n")
    with pytest.raises(AssertionError, match="no") as caught:
        execute(*block)
    assert caught.traceback[-1].lineno + 1 == 5


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#:]+)\)", README.read_text("utf-8")))
def test_linked_file_exists(target: str):
    assert (README.parent / target).is_file()
