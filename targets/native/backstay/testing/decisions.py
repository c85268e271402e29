"""Decisions as lines of text, and a comparison that shows where they differ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from textwrap import dedent

LONGEST = 80  # characters of a value or message in a line
LINE = re.compile(r"((?:\d[\d.e+]* s\s+)?)((?:#\d+ )?)(.*)", re.DOTALL)


def seconds_text(seconds: float) -> str:
    """To the millisecond: ``0.2 s``, ``30 s``."""
    return f"{round(seconds, 3):.10g} s"


def brief(value: object) -> str:
    """An exception as ``Type: message``, anything else as its repr; one line, not too long."""
    text = repr(value)
    if isinstance(value, BaseException):
        message = " ".join(str(value).split())
        text = f"{type(value).__name__}: {message}" if message else type(value).__name__
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def assert_decisions(actual: Iterable[str], expected: str | Iterable[str]) -> None:
    """Compare decisions (of `record`, or any lines) with the expected lines, or with a text of several lines.

    Times are compared if an expected line has one, and so are the numbers of calls. Raises `AssertionError` with both
    sides, line by line: ``-`` expected, ``+`` happened.
    """
    __tracebackhide__ = True
    happened = [line.strip() for line in actual]
    wanted = dedent(expected).splitlines() if isinstance(expected, str) else list(expected)
    wanted = [line.strip() for line in wanted if line.strip()]
    timed = any(LINE.sub(r"\1", line) for line in wanted)
    numbered = any(LINE.sub(r"\2", line) for line in wanted)
    left = [compared(line, timed, numbered) for line in wanted]
    right = [compared(line, timed, numbered) for line in happened]
    if left == right:
        return
    report = []
    for kind, begin, end, first, last in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            report += [f"  {line}" for line in happened[first:last]]
        else:
            report += [f"- {line}" for line in wanted[begin:end]]
            report += [f"+ {line}" for line in happened[first:last]]
    raise AssertionError("the decisions are not the expected ones (- expected, + happened):\n" + "\n".join(report))


def compared(line: str, timed: bool, numbered: bool) -> str:
    """What of a line is compared."""
    found = LINE.fullmatch(line)
    if found is None:
        return line
    time, call, text = found.groups()
    return f"{time.strip() if timed else ''} {call if numbered else ''} {text}"
