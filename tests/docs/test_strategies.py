"""Every strategy has a page in docs/strategies, and what is made in it is what the code says."""

import re
from xml.etree import ElementTree

import pytest

from backstay_core.advice.lint import RULES
from backstay_core.policy import STRATEGIES
from tools.call_diagram import lives
from tools.made_parts import named, renewed
from tools.state_diagram import draw, states
from tools.strategy_pages import HEADINGS, PAGES, advice, made, page, parts, transitions

AGAIN = "run: python tools/strategy_pages.py"


@pytest.mark.parametrize("kind", STRATEGIES)
def test_has_a_page(kind: str):
    assert page(kind).exists(), f"docs/strategies/{kind}.md is to be written; tools/strategy_pages.py says how"
    text = page(kind).read_text("utf-8")
    headings = re.findall(r"^## .*$", text, re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == list(HEADINGS)
    assert sorted(named(text)) == sorted(parts(kind)), "each part that is made stands on the page, once"
    assert "```python" in text, "a page shows its strategy at work"


@pytest.mark.parametrize("kind", STRATEGIES)
def test_what_is_made_is_up_to_date(kind: str):
    text = page(kind).read_text("utf-8")
    assert renewed(text, parts(kind)) == text, f"docs/strategies/{kind}.md is out of date; {AGAIN}"
    assert "| `" in parts(kind)["options"](), "a strategy without options?"
    assert parts(kind)["rules"](), "a strategy without rules?"


def test_index_and_pictures_are_up_to_date():
    for path, text in made().items():
        assert path.read_text("utf-8") == text, f"{path.name} is out of date; {AGAIN}"


def test_every_rule_of_lint_is_on_the_page():
    assert advice().count("**LI") == len(RULES)


def test_nothing_else_is_there():
    assert set(PAGES.iterdir()) == {path for path in made() if path.parent == PAGES}


@pytest.mark.parametrize("kind", [kind for kind, cls in STRATEGIES.items() if transitions(cls)])
def test_a_picture_shows_every_state_and_event(kind: str):
    table = transitions(STRATEGIES[kind])
    texts = [node.text or "" for node in ElementTree.fromstring(draw(table)).iter() if node.tag.endswith("}text")]
    assert sorted(texts) == sorted(states(table) + [event for _, event, _, _ in table])


def test_a_change_in_the_code_shows():
    kind = "circuit_breaker"
    before = draw(transitions(STRATEGIES[kind]))
    assert draw((*transitions(STRATEGIES[kind]), ("open", "broken", "gone", "never"))) != before
    assert renewed("<!-- rules -->\nold\n<!-- end -->", parts(kind)).count("**CB") == 21
    with pytest.raises(KeyError):
        renewed("<!-- nonsense -->\n<!-- end -->", parts(kind))


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("bulkhead", [("call", "waiting"), ("waiting", "attempt"), ("waiting", "refused")]),
        ("circuit_breaker", [("call", "attempt"), ("call", "refused")]),
        ("fallback", [("attempt", "substitute"), ("substitute", "returned"), ("substitute", "failed")]),
        ("retry", [("attempt", "pause"), ("pause", "attempt"), ("attempt", "failed")]),
        ("timeout", [("attempt", "timed out")]),
    ],
)
def test_what_a_call_can_live_through_is_found(kind: str, steps: list[tuple[str, str]]):
    found = {(row[0], row[2]) for row in lives(STRATEGIES[kind])}
    assert found >= {*steps, ("attempt", "returned")}
    assert ("substitute" in {end for _, end in found}) == (kind == "fallback")
    assert ("pause" in {end for _, end in found}) == (kind == "retry")
