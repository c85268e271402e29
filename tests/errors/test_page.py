"""docs/errors.md says what the code does."""

import pytest

from tools.errors_page import PAGE, TABLES, renewed, shown

TEXT = PAGE.read_text("utf-8")


def test_the_page_is_up_to_date():
    assert renewed(TEXT) == TEXT, "docs/errors.md is out of date; run: python tools/errors_page.py"


def test_no_example_is_overlooked():
    assert TEXT.count("```python") == TEXT.count("```text") > 0
    assert all(f"<!-- {name} -->\n|" in TEXT for name in TABLES)


def test_three_tracebacks_have_notes():
    assert TEXT.count("Traceback (most recent call last)") >= 3
    assert TEXT.count("backstay: policy ") >= 4


TRACEBACK = """\
Traceback (most recent call last):
  File "shop.py", line 1, in <module>
    f()
    ~~^
  File "/somewhere/else.py", line 7, in f
    return g()
           ^^^
  File "/somewhere/else.py", line 8, in g
    return h()
  File "shop.py", line 2, in h
    raise ValueError
ValueError: x
"""


def test_frames_of_others_are_dots():
    assert shown(TRACEBACK) == (
        'Traceback (most recent call last):\n  File "shop.py", line 1, in <module>\n    f()\n  ...\n'
        '  File "shop.py", line 2, in h\n    raise ValueError\nValueError: x\n'
    )


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_markdown(name: str):
    rows = TABLES[name]().splitlines()
    assert len({row.count("|") for row in rows}) == 1
