"""What docs/wasm.md shows runs as it stands there, and what it lists is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import backstay_wasm.policy
from backstay_core import documents, engine
from backstay_core.failure import FAILED, KINDS, NEUTRAL, OK
from backstay_core.strategies.retry import HELPS
from backstay_wasm import recovery
from tests.wasm.test_conformance import RAISING

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "wasm.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "wasm-host.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_run(code: str, component: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKSTAY_ENGINE", str(component))
    monkeypatch.setattr(backstay_wasm.policy, "_DEFAULT", [])
    exec(compile(code, "docs/wasm.md", "exec"), {"__name__": "example"})
    for made in backstay_wasm.policy._DEFAULT:
        made.shut()


def test_every_kind_of_error_is_listed():
    sources = [Path(module.__file__ or "").read_text("utf-8") for module in (documents, engine)]
    sources.append((ROOT / "targets" / "wasm" / "guest" / "app.py").read_text("utf-8"))
    kinds = set(re.findall(r'(?:EngineError|failed)\(\s*"([a-z-]+)"', "".join(sources)))
    assert len(kinds) > 8
    for text in (GUIDE, (ROOT / "wit" / "types.wit").read_text("utf-8")):
        assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text] == []


def test_the_table_of_kinds_is_that_of_the_core():
    """What the guide says of each kind of failure, all of them."""
    verdicts = {FAILED: "counts a failure", NEUTRAL: "ignores it", OK: "counts a success"}
    said = {}
    rows = re.findall(r"^\| (`[a-z`, ]+) \| ([^|`]+) \| (tries[^|]*|does not) \|$", GUIDE, re.MULTILINE)
    for kinds, breaker, retry in rows:
        for kind in re.findall("[a-z]+", kinds):
            said[kind] = (breaker.split(":")[0], retry.split(",")[0])
    assert said == {
        kind: (
            verdicts[verdict],
            "does not" if retry not in HELPS else "tries again" if executed == "no" else "tries again if `idempotent`",
        )
        for kind, (_, verdict, retry, executed, _) in KINDS.items()
    }


def test_the_reasons_of_refusals_are_listed():
    vectors = (ROOT / "tests" / "conformance" / "vectors").glob("*.json")
    reasons = set(re.findall(r'"rejected", "([A-Z_]+)"', "".join(path.read_text("utf-8") for path in vectors)))
    assert len(reasons) > 5
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in GUIDE] == []


def test_the_numbers_are_those_of_the_code():
    script = (ROOT / "targets" / "wasm" / "js" / "src" / "recovery.js").read_text("utf-8")
    (there,) = re.findall(r"const FEWEST = (\d+);", script)
    assert f"after {recovery.FEWEST} inputs ({there} in JavaScript)" in PAGE
    calls = (ROOT / "wit" / "calls.wit").read_text("utf-8")
    configuration = (ROOT / "wit" / "configuration.wit").read_text("utf-8")
    assert f"{engine.MOST_CALLS:,} calls".replace(",", " ") in calls
    assert f"{documents.MOST_POLICIES:,} policies".replace(",", " ") in configuration
    assert f"{documents.LONGEST_DETAIL:,} characters".replace(",", " ") in calls
    assert f"{documents.LONGEST_CONFIGURATION:,} characters".replace(",", " ") in configuration


def test_the_suite_says_what_a_component_cannot_run():
    """That it decides all others is tested in `test_conformance`."""
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    suite = (ROOT / "tests" / "conformance" / "README.md").read_text("utf-8")
    assert f"every vector but the {words[len(RAISING)]} with\n`raising`" in suite
