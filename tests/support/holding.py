"""What a gate believes to be inside it, and a lookup to be on its way."""

from __future__ import annotations

from typing import Any


def holds(gate: Any) -> int:
    """How many calls a gate counts as inside or waiting, and a lookup as fetching; 0 for what counts none."""
    kind = gate.options.KIND
    if kind in ("cache", "idempotency"):
        return 0 if gate.kept is None else len(gate.kept.entries._flights)
    if kind in ("bulkhead", "concurrency_limit", "rate_limit"):
        assert (gate.head, gate.tail) == (None, None) or gate.waiting
        inside: int = gate.places() - gate.free
        return inside
    running = 0
    tenth = gate.epoch if kind == "throttle" else None
    while tenth is not None:
        running += tenth.running
        tenth = tenth.older
    return running
