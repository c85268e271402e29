"""The outline of a document: is it made of plain values, neither too deep nor too large?

It comes before everything else, so that what follows may recurse, quote values and compute with numbers.
"""

from backstay_core.config.problem import Problem
from backstay_core.config.rows import BIGGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.config.problem import Path

DEEPEST = 32
MOST_VALUES = 100_000
LONGEST_TEXT = 100_000


def outline(document: "Any") -> "list[Problem]":
    """All problems of form. Where there are any, the document must not be looked at further."""
    problems: "list[Problem]" = []
    waiting: "list[tuple[Path, Any]]" = [((), document)]
    seen = 0
    while waiting:
        path, value = waiting.pop()
        seen += 1
        if seen > MOST_VALUES:
            problems.append(Problem((), f"holds more than {MOST_VALUES} values"))
            break
        wrong = _wrong(path, value)
        if wrong:
            problems.append(Problem(path[:DEEPEST], wrong))
        elif isinstance(value, dict):
            for key in sorted(value, reverse=True):
                waiting.append((path + (key,), value[key]))
        elif isinstance(value, (list, tuple)):
            for index in range(len(value) - 1, -1, -1):
                waiting.append((path + (index,), value[index]))
    return problems


def _wrong(path: "Path", value: "Any") -> "str | None":
    if value is None or value is True or value is False:
        return None
    if len(path) > DEEPEST:
        return f"is nested more than {DEEPEST} deep"
    kind = type(value)
    if kind is dict:
        return None if all(type(key) is str for key in value) else "has a key that is no text"
    if kind is str:
        return None if len(value) <= LONGEST_TEXT else f"is a text of more than {LONGEST_TEXT} characters"
    if kind is int:
        return None if -BIGGEST - 1 <= value <= BIGGEST else "is a number of more than 64 bits"
    if kind is float:
        return None if value - value == 0 else f"must be a finite number; got {value}"
    if kind is list or kind is tuple:
        return None
    if kind.__name__ in ("datetime", "date", "time"):
        return "is a date or time, which nothing here takes; put it in quotes if it is a text"
    return f"must be a plain value; got {kind.__name__}"
