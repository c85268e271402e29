"""State is data: the envelope of every snapshot, and the checks that stand before a restore.

A snapshot is a dict of plain values: schema version, kind, the fingerprint of the options it belongs to, a wall-clock
stamp if the caller has a clock, and a body. Times in it are *ages* and *remainders* relative to the moment it was
taken, because monotonic clocks of two processes have nothing in common.

A restore checks everything first and assigns last, so a bad snapshot changes nothing. It either *resumes* (calls in
flight live on: a WASM instance was replaced) or *revives* (they are gone: a new process).
"""

from backstay_core.failure import NEVER, SnapshotError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = 1
RESUME = "resume"
REVIVE = "revive"


def remaining(time: "int | None", now: int) -> "int | None":
    """How long it is from now to a time, negative if it has passed; None if it does not come."""
    return None if time is None or time >= NEVER else time - now


def seal(kind: str, fingerprint: str, body: "dict[str, Any]", wall: "int | None" = None) -> "dict[str, Any]":
    """The envelope around a strategy's state. `wall` is ns since the Unix epoch."""
    return {"schema": SCHEMA, "kind": kind, "options": fingerprint, "wall": wall, "state": body}


class Fields:
    """Reads an object of a snapshot field by field; whatever does not fit is a `SnapshotError` that names it."""

    __slots__ = ("_body", "_where", "elapsed", "mode", "revive")

    def __init__(self, body: "dict[str, Any]", where: str, mode: str, elapsed: int = 0) -> None:
        self._body = body
        self._where = where
        self.mode = mode
        self.revive = mode == REVIVE
        self.elapsed = elapsed

    def _get(self, name: str) -> "Any":
        if name not in self._body:
            raise SnapshotError(f"{self._where}: the snapshot has no {name!r}")
        return self._body[name]

    def integer(self, name: str, least: int = 0, most: "int | None" = None) -> int:
        """A whole number, as a number or (beyond 2**53) as decimal text."""
        value = self._whole(name, self._get(name))
        if not least <= value <= (NEVER if most is None else most):
            raise SnapshotError(f"{self._where}: {name} is out of range: {shown(value)}")
        return value

    def _whole(self, name: str, value: "Any") -> int:
        if isinstance(value, str) and 0 < len(value) <= 40 and not value.strip("0123456789"):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise SnapshotError(f"{self._where}: {name} must be a whole number; got {shown(value)}")
        return value

    def refuse(self, why: str) -> None:
        raise SnapshotError(f"{self._where}: {why}")

    def optional(self, name: str, most: "int | None" = None) -> "int | None":
        """A whole number ≥ 0, or None."""
        return None if self._get(name) is None else self.integer(name, most=most)

    def signed(self, name: str) -> int:
        """A whole number that may be negative."""
        value = self._get(name)
        if isinstance(value, str) and 1 < len(value) <= 40 and value[0] == "-" and not value[1:].strip("0123456789"):
            value = int(value)
        if isinstance(value, int) and -NEVER <= value < 0:
            return int(value)
        return self.integer(name)

    def time(self, name: str, now: int) -> int:
        """The time that was so far from `now`; None: it does not come."""
        return NEVER if self._get(name) is None else now + self.signed(name)

    def flag(self, name: str) -> bool:
        value = self._get(name)
        if value is not True and value is not False:
            raise SnapshotError(f"{self._where}: {name} must be true or false; got {shown(value)}")
        return bool(value)

    def part(self, body: "Any", where: str) -> "Fields":
        """The fields of an object inside this one that has no envelope of its own."""
        where = f"{self._where}: {where}"
        if not isinstance(body, dict):
            raise SnapshotError(f"{where} must be an object; got {type(body).__name__}")
        return Fields(body, where, self.mode, self.elapsed)

    def nested(self, name: str) -> "Any":
        """Another snapshot inside this one; it checks itself."""
        return self._get(name)

    def word(self, name: str, allowed: "tuple[str, ...]") -> str:
        value = self._get(name)
        if not isinstance(value, str) or value not in allowed:
            raise SnapshotError(f"{self._where}: {name} must be one of {', '.join(allowed)}; got {shown(value)}")
        return value

    def bits(self, name: str, size: int) -> int:
        """A bit set of at most `size` bits, as hexadecimal text."""
        value = self._get(name)
        if not isinstance(value, str) or len(value) > size // 4 + 1 or not value or value.strip("0123456789abcdef"):
            raise SnapshotError(f"{self._where}: {name} must be hexadecimal digits; got {shown(value)}")
        bits = int(value, 16)
        if bits >> size:
            raise SnapshotError(f"{self._where}: {name} has more than {size} bits")
        return bits

    def integers(self, name: str) -> "list[int]":
        """A list of whole numbers ≥ 0."""
        value = self._get(name)
        if not isinstance(value, (list, tuple)):
            raise SnapshotError(f"{self._where}: {name} must be a list")
        return [row[0] for row in self._rows(name, [[item] for item in value], NEVER)]

    def table(self, name: str, width: int) -> "list[Any]":
        """A list of rows of `width` values of any kind."""
        value = self._get(name)
        if not isinstance(value, (list, tuple)):
            raise SnapshotError(f"{self._where}: {name} must be a list")
        for row in value:
            if not isinstance(row, (list, tuple)) or len(row) != width:
                raise SnapshotError(f"{self._where}: {name} must hold rows of {width} values; got {shown(row)}")
        return list(value)

    def rows(self, name: str, width: int, most: int = NEVER) -> "list[list[int]]":
        """A list of rows of `width` whole numbers ≥ 0."""
        return self._rows(name, self.table(name, width), most)

    def _rows(self, name: str, value: "list[Any]", most: int) -> "list[list[int]]":
        rows = []
        for row in value:
            numbers = [self._whole(name, item) for item in row]
            if min(numbers) < 0 or max(numbers) > most:
                raise SnapshotError(f"{self._where}: {name} is out of range: {shown(row)}")
            rows.append(numbers)
        return rows


class Reader(Fields):
    """Reads the body of a snapshot, after its envelope."""

    __slots__ = ()

    def __init__(self, data: "Any", kind: str, fingerprint: str, mode: str, wall: "int | None" = None) -> None:
        if mode not in (RESUME, REVIVE):
            raise SnapshotError(f"a restore resumes or revives; got {shown(mode)}")
        if not isinstance(data, dict):
            raise SnapshotError(f"{kind}: a snapshot is an object; got {type(data).__name__}")
        super().__init__(data, kind, mode)
        for name, expected in (("schema", SCHEMA), ("kind", kind), ("options", fingerprint)):
            if self._get(name) != expected:
                raise SnapshotError(f"{kind}: {name} is {shown(data[name])}, this one has {shown(expected)}")
        taken = self._get("wall")
        if taken is not None and wall is not None:
            self.elapsed = max(0, wall - self.integer("wall"))
        body = self._get("state")
        if not isinstance(body, dict):
            raise SnapshotError(f"{kind}: state must be an object; got {type(body).__name__}")
        self._body = body
