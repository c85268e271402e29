"""The examples in docs/testing.md run as they stand: those with tests under pytest, the others as programs."""

from pathlib import Path

import pytest

from tests.docs.snippets import examples

pytest_plugins = ["pytester"]
PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
TEXT = PAGE.read_text("utf-8")
EXAMPLES = examples(TEXT)
FOR_PYTEST = [code for _, code in EXAMPLES if "def test_" in code or "pytest" in code]
PROGRAMS = [pytest.param(*block, id=f"line-{block[0]}") for block in EXAMPLES if block[1] not in FOR_PYTEST]


@pytest.mark.parametrize(("line", "code"), PROGRAMS)
def test_example_runs(line: int, code: str):
    exec(compile("\n" * (line - 1) + code, PAGE, "exec"), {"__name__": "__main__"})


def test_examples_for_pytest_pass(pytester: pytest.Pytester):
    tests, fixture = FOR_PYTEST
    pytester.makepyfile(tests)
    pytester.makeconftest(fixture)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2)


def test_no_example_is_overlooked():
    assert len(EXAMPLES) == TEXT.count("```python")
    assert len(PROGRAMS) >= 5
