"""The site has every page, once; `make docs` builds it and looks at what came out."""

import re
from pathlib import Path

from tools.site_links import offline_problems

DOCS = Path(__file__).parents[2] / "docs"


def listed(page: Path) -> list[str]:
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]


def test_every_page_is_in_the_contents():
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    sections = {f"{path.parent.name}/index" for path in DOCS.glob("*/index.md")}
    assert sorted(listed(DOCS / "index.md")) == sorted({*pages, *sections}), "add it to docs/index.md"
    for section in sections:
        assert listed(DOCS / f"{section}.md") == ["*"]


def test_what_a_built_site_may_not_have(tmp_path: Path):
    (tmp_path / "good.html").write_text('<h1 id="top">x</h1><a href="#top">x</a><a href="https://x.example/">x</a>')
    assert offline_problems(tmp_path) == []
    (tmp_path / "bad.html").write_text(
        '<script src="https://cdn.example/x.js"></script><img src="gone.svg"><a href="good.html#gone">x</a>'
        '<link rel="stylesheet" href="//fonts.example/f.css"><style>@import url(https://x.example/y.css)</style>'
    )
    assert offline_problems(tmp_path) == [
        "bad.html: loads https://cdn.example/x.js",
        "bad.html: gone.svg leads nowhere",
        "bad.html: good.html#gone leads nowhere",
        "bad.html: loads //fonts.example/f.css",
        "bad.html: a style loads https://x.example/y.css",
    ]
