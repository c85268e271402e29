"""The examples in README.md and in docs/ run as they stand, and a broken one fails."""

from pathlib import Path

import pytest
import structlog

from backstay_core.config.template import template
from tests.docs.snippets import ELSEWHERE, ROOT, Snippet, pages, snippets

ALL = {path: path.read_text("utf-8") for path in pages()}
HERE = {path: text for path, text in ALL.items() if path.relative_to(ROOT).as_posix() not in ELSEWHERE}


@pytest.mark.parametrize("snippet", [each for path, text in HERE.items() for each in snippets(path, text)], ids=str)
def test_example_runs(snippet: Snippet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "backstay.toml").write_text(template(), "utf-8")  # what `backstay init` writes
    monkeypatch.chdir(tmp_path)
    snippet.run()
    structlog.reset_defaults()


def test_no_example_is_overlooked():
    for path, text in HERE.items():
        assert len(snippets(path, text)) == text.count("```python"), path
    for page, test in ELSEWHERE.items():
        assert ROOT / page in ALL
        assert (ROOT / test).is_file()


@pytest.mark.parametrize("path", HERE, ids=lambda path: path.stem)
def test_a_broken_example_fails_and_names_its_line(path: Path):
    """Each page with something wrong in its last example."""
    text = HERE[path]
    if "```python" not in text:
        return
    before, fence, rest = text.rpartition("```python\n")
    broken = snippets(path, before + fence + "\nassert False, 'broken'\n" + rest)[-1]
    with pytest.raises(AssertionError, match="broken") as caught:
        broken.run()
    assert str(caught.traceback[-1].path) == str(path)
    assert caught.traceback[-1].lineno + 1 == before.count("\n") + 3
