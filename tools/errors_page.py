"""Keeps docs/errors.md true: ``python tools/errors_page.py`` writes its tables and outputs anew.

Two things on the page are made, not written: the tables between ``<!-- name -->`` and ``<!-- end -->``, from the core's
own data; and every ``text`` block that follows a ``python`` block, which is what that block prints, with the traceback
if it ends in one. `tests/errors/test_page.py` fails where the page and the code differ.
"""

import contextlib
import io
import linecache
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from backstay_core.errors.http import STATUS
from backstay_core.errors.jsonrpc import CODES
from backstay_core.errors.recovery import ADVICE
from backstay_core.errors.system import ERRNO
from backstay_core.errors.tables import CLASSES
from backstay_core.errors.wasm import TRAPS
from backstay_core.failure import FAILED, KINDS, NEUTRAL

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
FILE = "shop.py"  # what the examples call themselves in tracebacks

_TABLE = re.compile(r"(<!-- (kinds|sources) -->\n).*?(?=<!-- end -->)", re.DOTALL)
_EXAMPLE = re.compile(r"(```python\n)(.*?)(```\n\n```text\n)(.*?)(```\n)", re.DOTALL)
_FRAME = re.compile(r'^([ |]*)File "([^"]*)", line \d+')
_MARKS = re.compile(r"^[ |]*[~^]+$")  # under the source line; they differ between versions of Python


def kinds() -> str:
    """The table of kinds."""
    rows = ["| kind | code | a breaker | trying again | executed | severity | default advice |", "|---" * 7 + "|"]
    for kind, (code, verdict, retry, executed, severity) in KINDS.items():
        counts = {FAILED: "counts it", NEUTRAL: "ignores it"}.get(verdict, "counts a success")
        rows.append(f"| `{kind}` | {code} | {counts} | {retry} | {executed} | {severity} | {', '.join(ADVICE[kind])} |")
    return "\n".join(rows) + "\n"


def sources() -> str:
    """What each source calls a kind."""
    rows = ["| kind | HTTP | JSON-RPC | errno | WASM | Python |", "|---" * 6 + "|"]
    for kind in KINDS:
        cells = [
            ", ".join(str(status) for status, found in sorted(STATUS.items()) if found == kind),
            ", ".join(str(code) for code, (found, _) in CODES.items() if found == kind),
            ", ".join(name for name, found in ERRNO.items() if found == kind),
            ", ".join(name for name, found, _ in TRAPS if found == kind),
            ", ".join(cls.__name__ for cls, found in CLASSES.items() if found == kind),
        ]
        if any(cells):
            rows.append(f"| `{kind}` | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


TABLES: dict[str, Callable[[], str]] = {"kinds": kinds, "sources": sources}


def run(code: str) -> str:
    """What `code` prints, run as a program of its own, and the traceback if it ends in one."""
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, FILE, "exec"), {"__name__": "__main__"})
    except Exception as error:
        printed.write(shown("".join(traceback.format_exception(error))))
    finally:
        del linecache.cache[FILE]
    return printed.getvalue()


def shown(text: str) -> str:
    """A traceback with the frames of the example alone; dots stand for the others."""
    kept: list[str] = []
    hidden = None  # the indentation of a frame that is left out
    for line in text.splitlines():
        frame = _FRAME.match(line)
        if frame:
            hidden = None if frame[2] == FILE else frame[1]
            if hidden is not None and kept[-1] != hidden + "...":
                kept.append(hidden + "...")
        elif hidden is not None and not line.startswith(hidden + "  "):
            hidden = None
        if hidden is None and not _MARKS.match(line):
            kept.append(line)
    return "\n".join(kept) + "\n"


def renewed(text: str) -> str:
    """The page as it should be."""
    text = _TABLE.sub(lambda found: found[1] + TABLES[found[2]](), text)
    return _EXAMPLE.sub(lambda found: found[1] + found[2] + found[3] + run(found[2]) + found[5], text)


if __name__ == "__main__":
    before = PAGE.read_text("utf-8")
    after = renewed(before)
    PAGE.write_text(after, "utf-8")
    print(f"{PAGE.name} " + ("is up to date" if before == after else "was renewed"), file=sys.stderr)
