"""Links within the project lead somewhere: files that are there, headings that are there."""

import re
from pathlib import Path

import pytest

from tests.docs.snippets import ROOT, pages

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
PAGES = [*pages(), *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "changes/README.md"))]


def anchors(text: str) -> set[str]:
    """What headings are called in links, as GitHub and MyST make it."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(path: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for target, anchor in LINK.findall(CODE.sub("", text)):
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            found.append(f"{target}#{anchor}" if anchor else target)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path):
    assert broken(path, path.read_text("utf-8")) == []


def test_one_that_leads_nowhere_is_found():
    text = "[a](README.md) [b](nothing.md) [c](README.md#order) [d](README.md#nowhere) [e](https://x.example) `[f](g)`"
    assert broken(ROOT / "page.md", text) == ["nothing.md", "README.md#nowhere"]
