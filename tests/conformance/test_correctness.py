"""docs/correctness.md says what the rules and the vectors say."""

import pytest

from tests.conformance.rules import rules
from tools import correctness


def test_the_page_is_up_to_date() -> None:
    assert correctness.PAGE.read_text(encoding="utf-8") == correctness.page(), "run python tools/correctness.py"


@pytest.mark.parametrize("path", sorted(set(correctness.tests_and_code())))
def test_what_the_page_names_exists(path: str) -> None:
    assert (correctness.ROOT / path).is_file()


def test_every_rule_is_on_the_page() -> None:
    assert {rule[:2] for rule in rules()} == set(correctness.TITLES)
