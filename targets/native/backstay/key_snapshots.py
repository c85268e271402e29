"""Snapshots of a keyed policy (KY8 in `backstay.keyed`)."""

from __future__ import annotations

from backstay.key_policy import LOCK
from backstay_core.failure import ConfigurationError, shown
from backstay_core.options import CHECKS, Field
from backstay_core.state import Fields, Reader, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from backstay.keyed import Keyed

MOST = Field("most", "count", "", least=1, most=100_000_000)


def take(keyed: Keyed, now: int, wall: int | None, most: int) -> dict[str, Any]:
    """The states of the `most` keys used last."""
    CHECKS["count"]("snapshot(most=…)", MOST, most)
    rows = [
        {"key": _plain(entry.key), "calls": entry.calls, "strategies": [x.snapshot(now) for x in entry.own()]}
        for entry in keyed.latest(most)
    ]
    return seal("keyed", keyed.policy.fingerprint(), {"name": keyed.policy.name, "keys": rows}, wall)


def put_back(keyed: Keyed, data: Any, now: int, mode: str, wall: int | None) -> None:
    """Check all of it, then adopt all of it."""
    read = Reader(data, "keyed", keyed.policy.fingerprint(), mode, wall)
    rows = read.nested("keys")
    if not isinstance(rows, (list, tuple)):
        read.refuse("keys must be a list")
    taken: list[tuple[Hashable, int, list[Any]]] = []
    for row in rows:
        part = read.part(row, f"key {shown(row.get('key') if isinstance(row, dict) else row)}")
        key = _key_of(part.nested("key"), part)
        entry = keyed.key_class(key, 0, 0)  # to check with: nothing is changed yet
        entry.fill([])
        own, saved = entry.own(), part.nested("strategies")
        if not isinstance(saved, (list, tuple)) or len(saved) != len(own):
            part.refuse(f"it must hold {len(own)} strategies")
        states = [x.parse(x.reader(one, mode, None), now - read.elapsed) for x, one in zip(own, saved, strict=True)]
        taken.append((key, part.integer("calls"), states))
    with LOCK:
        for key, calls, states in taken:
            entry = keyed.of(key)
            entry.calls = calls
            for layer, state in zip(entry.own(), states, strict=True):
                layer.adopt(state)


def _plain(key: Any) -> Any:
    """A key as JSON can hold it."""
    if key is None or type(key) in (str, int, bool):
        return key
    if type(key) is tuple:
        return [_plain(part) for part in key]
    raise ConfigurationError(f"a snapshot holds keys of texts, whole numbers and tuples of them; got {shown(key)}")


def _key_of(data: Any, read: Fields) -> Any:
    if data is None or type(data) in (str, int, bool):
        return data
    if not isinstance(data, (list, tuple)):
        read.refuse(f"no key: {shown(data)}")
    return tuple(_key_of(part, read) for part in data)
