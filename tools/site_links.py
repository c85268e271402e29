"""Looks at a site that was built: ``python tools/site_links.py build/site``.

Every link inside it leads to a file and a place that exist, and no page loads anything over a network: scripts, styles,
fonts and pictures are its own. Links that a reader may follow to elsewhere are left alone.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "copyright"}  # relations of <link>
FROM_ELSEWHERE = re.compile(r"^(?:[a-z]+:)?//")
STYLE = re.compile(r"""(?:@import\s+|url\(\s*)["']?((?:https?:)?//[^"')\s;]+)""")


class Page(HTMLParser):
    """What a page loads, links to, and is called inside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.names.add(values.get("id", ""))
        target = values.get(LOADS.get(tag, ""), "")
        if tag in LOADS and target and values.get("rel", "") not in NOT_LOADED:
            self.loads.append(target)
            self.links.append(target)
        elif tag == "a" and values.get("href"):
            self.links.append(values["href"])


def offline_problems(site: Path) -> list[str]:
    """What is wrong with the pages under `site`, a line each."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        for target in page.links:
            if FROM_ELSEWHERE.match(target):
                if target in page.loads:
                    problems.append(f"{name}: loads {target}")
            elif not target.startswith(("data:", "mailto:")) and not _leads_somewhere(path, target, pages):
                problems.append(f"{name}: {target} leads nowhere")
    for path in sorted([*pages, *site.resolve().rglob("*.css")]):
        name = path.relative_to(site.resolve()).as_posix()
        problems += [f"{name}: a style loads {found}" for found in STYLE.findall(path.read_text("utf-8"))]
    return problems


def _leads_somewhere(path: Path, target: str, pages: dict[Path, Page]) -> bool:
    file, _, place = target.partition("#")
    file = file.partition("?")[0]
    to = (path.parent / unquote(file)).resolve() if file else path
    return to.exists() and (not place or to not in pages or unquote(place) in pages[to].names)


if __name__ == "__main__":
    found = offline_problems(Path(sys.argv[1]))
    print("\n".join(found) or "every link leads somewhere, and nothing is loaded from elsewhere", file=sys.stderr)
    sys.exit(bool(found))
