"""Keeps the table of events in docs/logging.md true: ``python tools/logging_page.py`` writes it anew."""

import logging
import sys
from pathlib import Path

from backstay.logging import DETAILS, LEVELS
from backstay.watching import EVENTS
from backstay_core.clock import to_seconds
from backstay_core.strategies.breaker import TRANSITIONS

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.made_parts import renew, renewed

PAGE = Path(__file__).parents[1] / "docs" / "logging.md"

WHEN = {
    **{event: when for _, event, _, when in TRANSITIONS},
    "retry": "another attempt follows, after a pause",
    "fallback": "a substitute takes the place of a failure, or of a result",
    "refused": "a strategy refuses a call",
    "wait_over": "a call has waited for a place as long as it may",
    "limit": "a concurrency limit is set anew, or a probe begins or ends",
    "pushback": "a rate limit hears the server push back, and lets less in",
    "budget_exhausted": "a retry is not made, because the budget has no token left",
    "hit": "a lookup finds an answer",
    "miss": "a lookup finds none",
    "stale": "an old answer stands in for a failure",
    "uncached": "a call has no key by which its answer could be kept",
    "hedge": "a further attempt begins beside one that takes long",
    "injected": "a fault on purpose takes the place of a call",
    "switched_on": "an operator lets faults be injected",
    "switched_off": "an operator lets no more faults be injected",
    "auto": "an operator has given a breaker back to itself",
    "disabled": "an operator has switched a breaker off: it admits every call and counts none",
    "forced_closed": "an operator lets every call through, and counts",
    "forced_open": "an operator refuses every call",
    "metrics_only": "an operator lets every call through, while the breaker goes on as usual",
}


def attributes(event: str) -> str:
    if event == "fallback":
        return "`failure`, `error`"
    if event not in DETAILS:
        return ""
    name, written = DETAILS[event]
    return f"`{name}`" + (", seconds" if written is to_seconds else "")


def events() -> str:
    """The table of events: those of a policy's whole call, of its strategies, and of an operator's hand."""
    rows = ["| event | when | level | attributes |", "|---|---|---|---|"]
    for name in EVENTS:
        level = logging.getLevelName(LEVELS.get(name, logging.INFO))
        rows.append(f"| `{name}` | {WHEN[name]} | {level} | {attributes(name)} |")
    return "\n".join(rows) + "\n"


PARTS = {"events": events}

if __name__ == "__main__":
    renew(PAGE, renewed(PAGE.read_text("utf-8"), PARTS))
