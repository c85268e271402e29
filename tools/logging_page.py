"""Keeps the table of events in docs/logging.md true: ``python tools/logging_page.py`` writes it anew."""

import logging
import sys
from pathlib import Path

from backstay.logging import WRITTEN
from backstay.watching import EVENTS
from backstay_core.clock import to_seconds

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.made_parts import renew, renewed

PAGE = Path(__file__).parents[1] / "docs" / "logging.md"


def attributes(detail: str) -> str:
    if detail == "failure":
        return "`failure`, `error`"
    return f"`{detail}`" + (", seconds" if WRITTEN[detail] is to_seconds else "") if detail else ""


def events() -> str:
    """The table of events: those of a policy's whole call, of its strategies, and of an operator's hand."""
    rows = ["| event | when | level | attributes |", "|---|---|---|---|"]
    for name, (when, level, detail) in EVENTS.items():
        rows.append(f"| `{name}` | {when} | {logging.getLevelName(level)} | {attributes(detail)} |")
    return "\n".join(rows) + "\n"


PARTS = {"events": events}

if __name__ == "__main__":
    renew(PAGE, renewed(PAGE.read_text("utf-8"), PARTS))
