"""On which line of a TOML or JSON text each value is; parsers do not say.

The text has been parsed before, so it is well-formed, and these scanners need only find their way through it. Where
they cannot (nesting beyond any sense), what they have found so far stands.
"""

from __future__ import annotations

import json
import tomllib
from bisect import bisect_right

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay_core.config.problem import Path

DEEPEST = 64
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class _Lost(Exception):
    """The scanner does not know where it is."""


class Scanner:
    """Walks through a text. `lines` is the line of each path, `doubles` are the paths of keys that come twice (JSON),
    `deep` is the line of a key of too many parts (TOML)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.doubles: list[tuple[Path, int]] = []
        self.deep: int | None = None
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def line(self) -> int:
        return bisect_right(self._starts, self.at)

    def found(self, path: Path) -> None:
        self.lines.setdefault(path, self.line())

    def scan(self) -> Scanner:
        """Scan all of it; never raises."""
        try:
            self.document()
        except (_Lost, ValueError):
            pass
        return self

    def document(self) -> None:
        raise NotImplementedError

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> bool:
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise _Lost(self.at)

    def skip(self) -> None:
        """White space and comments."""
        while self.at < len(self.text):
            if self.text[self.at] in " \t\r\n":
                self.at += 1
            elif self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def quoted(self, mark: str, escapes: bool) -> str:
        """Past a string; gives it back as it is written."""
        start = self.at
        self.at += len(mark)
        end = -1
        while True:
            if end < self.at:
                end = self.text.find(mark, self.at)
            if end < 0:
                raise _Lost(start)
            slash = self.text.find("\\", self.at, end) if escapes else -1
            if slash < 0:
                self.at = end + len(mark)
                if len(mark) == 3:  # one or two of them may stand before the end
                    while self.peek() == mark[0]:
                        self.at += 1
                return self.text[start : self.at]
            self.at = slash + 2

    def scalar(self) -> None:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
            self.at += 1
        if self.at == start:
            raise _Lost(start)

    def elements(self, path: Path, depth: int) -> None:
        """The rest of an array."""
        index = 0
        self.skip()
        while not self.take("]"):
            self.found((*path, index))
            self.value((*path, index), depth + 1)
            index += 1
            self.skip()
            self.take(",")
            self.skip()

    def value(self, path: Path, depth: int) -> None:
        raise NotImplementedError


class Toml(Scanner):
    def document(self) -> None:
        base: Path = ()
        arrays: dict[Path, int] = {}
        self.skip()
        while self.at < len(self.text):
            start = self.at
            if self.take("[["):
                parts = self.key()
                self.expect("]]")
                path = (*self.resolved(parts[:-1], arrays), parts[-1])
                base = (*path, arrays.get(path, 0))
                arrays[path] = base[-1] + 1  # type: ignore[operator]
                self.header(base, start)
            elif self.take("["):
                base = self.resolved(self.key(), arrays)
                self.expect("]")
                self.header(base, start)
            else:
                self.pair(base, 0)
            self.skip()

    def header(self, path: Path, start: int) -> None:
        end, self.at = self.at, start
        for length in range(1, len(path) + 1):
            self.found(path[:length])
        self.at = end

    def resolved(self, parts: Path, arrays: dict[Path, int]) -> Path:
        """A path through arrays of tables is one through the last table of each."""
        path: Path = ()
        for part in parts:
            path = (*path, part)
            if path in arrays:
                path = (*path, arrays[path] - 1)
        return path

    def pair(self, base: Path, depth: int) -> None:
        start = self.at
        path = (*base, *self.key())
        self.header(path, start)
        self.expect("=")
        self.skip()
        self.value(path, depth)

    def key(self) -> Path:
        parts: list[str] = []
        while True:
            self.skip()
            if self.peek() in ('"', "'"):
                literal = self.quoted(self.peek(), self.peek() == '"')
                parts.append(tomllib.loads(f"key = {literal}")["key"])
            else:
                start = self.at
                while self.peek() in _BARE:
                    self.at += 1
                if self.at == start:
                    raise _Lost(start)
                parts.append(self.text[start : self.at])
            self.skip()
            if not self.take("."):
                return tuple(parts)
            if len(parts) > DEEPEST:
                self.deep = self.line()
                raise _Lost(self.at)

    def value(self, path: Path, depth: int) -> None:
        if depth > DEEPEST:
            raise _Lost(self.at)
        for mark in ('"""', "'''", '"', "'"):
            if self.text.startswith(mark, self.at):
                self.quoted(mark, mark[0] == '"')
                return
        if self.take("["):
            self.elements(path, depth)
        elif self.take("{"):
            self.skip()
            while not self.take("}"):
                self.pair(path, depth + 1)
                self.skip()
                self.take(",")
                self.skip()
        else:
            self.scalar()


class Json(Scanner):
    def document(self) -> None:
        self.skip()
        self.value((), 0)

    def value(self, path: Path, depth: int) -> None:
        if depth > DEEPEST:
            raise _Lost(self.at)
        if self.peek() == '"':
            self.quoted('"', True)
        elif self.take("["):
            self.elements(path, depth)
        elif self.take("{"):
            self.skip()
            while not self.take("}"):
                line = self.line()
                key = json.loads(self.quoted('"', True))
                inner = (*path, key)
                if inner in self.lines:
                    self.doubles.append((inner, line))
                self.lines.setdefault(inner, line)
                self.skip()
                self.expect(":")
                self.skip()
                self.value(inner, depth + 1)
                self.skip()
                self.take(",")
                self.skip()
        else:
            self.scalar()
