"""docs/environments.md and the pages of the environments say what the code does."""

import re

import pytest

from backstay.environments import RuntimeEnvironment
from tools.environment_pages import HEADINGS, MAIN, MAIN_PARTS, page, parts
from tools.made_parts import named, renewed

AGAIN = "run: python tools/environment_pages.py"


def test_the_matrix_and_the_other_tables_are_up_to_date():
    text = MAIN.read_text("utf-8")
    assert renewed(text, MAIN_PARTS) == text, f"docs/environments.md is out of date; {AGAIN}"
    assert sorted(named(text)) == sorted(MAIN_PARTS)
    assert "| multiprocessing | ✓ | · | · | ✓ |" in text


@pytest.mark.parametrize("environment", RuntimeEnvironment)
def test_an_environment_has_its_page(environment: RuntimeEnvironment):
    text = page(environment).read_text("utf-8")
    headings = [heading for heading in re.findall(r"^## .*$", text, re.MULTILINE) if heading in HEADINGS]
    assert headings == list(HEADINGS)
    assert sorted(named(text)) == sorted(parts(environment))
    assert renewed(text, parts(environment)) == text, f"{page(environment).name} is out of date; {AGAIN}"


@pytest.mark.parametrize("environment", RuntimeEnvironment)
def test_every_reading_says_where_it_is_from(environment: RuntimeEnvironment):
    for part in ("info", "usage"):
        for line in parts(environment)[part]().splitlines()[2:]:
            name, _, what, source = line.replace("\\|", "").strip("| ").split(" | ")
            assert what, name
            assert "`" in source, name
