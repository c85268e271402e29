"""Pages with parts that are made, between ``<!-- name -->`` and ``<!-- end -->``; the rest is written by hand."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

_PART = re.compile(r"(<!-- (?!end)(\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def renewed(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """The page as it should be. Raises `KeyError` for a part that nobody makes."""
    return _PART.sub(lambda found: found[1] + parts[found[2]](), text)


def named(text: str) -> list[str]:
    """The parts that a page has, in order."""
    return [name for _, name in _PART.findall(text)]


def renew(path: Path, after: str) -> None:
    """Write a page anew and say on stderr whether that changed it."""
    before = path.read_text("utf-8") if path.exists() else ""
    path.write_text(after, "utf-8")
    print(f"{path.name} " + ("is up to date" if before == after else "was renewed"), file=sys.stderr)
