"""Source text of frames: written line by line, kept where tracebacks and debuggers look for it."""

from __future__ import annotations

from itertools import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType


class Writer:
    """Lines with indentation: ``with_block("try:")`` … by `indent` and `dedent`."""

    __slots__ = ("_depth", "lines")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0

    def line(self, *texts: str) -> None:
        for text in texts:
            self.lines.append("    " * self._depth + text)

    def block(self, header: str) -> Block:
        """``with w.block("try:"): …``"""
        self.line(header)
        return Block(self)

    def enter(self) -> None:
        self._depth += 1

    def leave(self) -> None:
        self._depth -= 1

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


class Block:
    """One indented block; an empty one gets a ``pass``."""

    __slots__ = ("_start", "_writer")

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._start = len(writer.lines)

    def __enter__(self) -> None:
        self._writer.enter()

    def __exit__(self, *_: object) -> None:
        if len(self._writer.lines) == self._start:
            self._writer.line("pass")
        self._writer.leave()


class FrameLoader:
    """Gives `linecache` the source of a frame (PEP 302 ``get_source``); nothing is registered until it is asked for."""

    __slots__ = ("_source",)

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, name: str) -> str:
        return self._source


MOST_CODES = 500  # kept; a program that makes policies all the time must not fill memory

#  source → code: policies of one shape over functions of one signature share their code
_CODES: dict[str, CodeType] = {}
_NUMBERS = count()


def code_of(source: str) -> CodeType:
    """The code of the one function that `source` defines."""
    code = _CODES.get(source)
    if code is None:
        if len(_CODES) >= MOST_CODES:
            _CODES.clear()
        code = _CODES[source] = next(_functions(compile(source, f"backstay-frame-{next(_NUMBERS)}.py", "exec")))
    return code


def _functions(module: CodeType) -> Iterator[CodeType]:
    for constant in module.co_consts:
        if hasattr(constant, "co_code"):
            yield constant
