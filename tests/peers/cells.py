"""Which cells of docs/comparison.md are run, and what was seen."""

from __future__ import annotations

from collections import defaultdict

from tests.peers import breaker_rows, flow_rows, limit_rows, retry_rows, time_rows, typing_rows, watching_rows
from tests.peers.test_peer_bugs import BUGS

MODULES = (breaker_rows, retry_rows, time_rows, limit_rows, flow_rows, watching_rows, typing_rows)
ROWS = [row for module in MODULES for row in module.ROWS]

COLUMNS = {
    "aiobreaker": "AB",
    "circuitbreaker": "CB",
    "hyx": "HX",
    "interlock": "IL",
    "nopanic": "NP",
    "purgatory": "PU",
    "pyresilience": "PR",
    "redress": "RD",
    "resilix": "RX",
}


def seen() -> dict[tuple[str, str], set[bool]]:
    """By row and column, whether the library did it; both if it did in part."""
    found: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for row in ROWS:
        for column in row.does:
            found[row.title, column].add(True)
        for column in row.does_not:
            found[row.title, column].add(False)
    for bug in BUGS:
        for does, makes in ((True, bug.stands), (False, bug.has)):
            for make in makes:
                found[bug.row, COLUMNS[make.__name__]].add(does)
    return dict(found)
