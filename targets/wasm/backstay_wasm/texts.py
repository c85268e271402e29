"""What documents and snapshots that an engine has taken say to the host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Place = tuple[int, int, bool]  # handle of the policy, latest token, does it wait?


def places_of(calls: list[Any]) -> Iterator[tuple[int, Place]]:
    """The calls of a snapshot and where they stand."""
    for call, policy, _, saved in calls:
        state = saved["state"]
        yield int(call), (int(policy), int(state["token"]), state["mode"] in ("queued", "paused"))


def rows_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Names and rows of a document that the engine has taken."""
    document = json.loads(text)
    rows = document["policies"]
    if isinstance(rows, dict):
        rows = [{**row, "name": name} for name, row in rows.items()]
    shared = document.get("shared", {})
    for row in rows:
        row["strategies"] = [shared[part["shared"]] if "shared" in part else part for part in row.get("strategies", [])]
    return [(row["name"], row) for row in rows]
