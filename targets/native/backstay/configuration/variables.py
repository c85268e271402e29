"""Environment variables that change what a file says.

``BACKSTAY__POLICIES__QUOTES__STRATEGIES__1__ATTEMPTS=5`` sets ``policies.quotes.strategies[1].attempts``. Between two
underscores stands one part of the path, in any case; strategies are counted from 0, and in the name of a policy
everything but letters and digits is written as one underscore. The value is what could stand behind ``=`` in the file;
what cannot is a text, so that texts need no quotes.
"""

from __future__ import annotations

import tomllib

from backstay_core.config.problem import Problem, path_text, quoted, unknown
from backstay_core.config.tables import DOCUMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from backstay_core.config.problem import Path

PREFIX = "BACKSTAY__"


class _Wrong(Exception):
    """Carries the problem of one variable."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def override(document: dict[str, Any], environ: Mapping[str, str]) -> tuple[dict[Path, str], list[tuple[str, Problem]]]:
    """Change `document` by the variables in `environ`.

    Returns which variable gave the value at each path, and the problems by variable.
    """
    origins: dict[Path, str] = {}
    problems: list[tuple[str, Problem]] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        try:
            made: list[Path] = []
            path = _assign(document, name[len(PREFIX) :].split("__"), value_of(environ[name]), made)
        except _Wrong as wrong:
            problems.append((name, wrong.problem))
            continue
        if path in origins:
            problems.append((name, Problem(path, f"is set by {origins[path]} too")))
        origins.update(dict.fromkeys((*made, path), name))
    return origins, problems


def value_of(text: str) -> Any:
    """A TOML value, or the text itself."""
    if "\n" in text or "\r" in text:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _assign(document: dict[str, Any], segments: list[str], value: Any, made: list[Path]) -> Path:
    """Put `value` where `segments` lead to; tables on the way are `made`, but no policies and no strategies."""
    path: Path = ()
    target: Any = document
    for position, segment in enumerate(segments):
        known = _known(target, position)
        if isinstance(target, list):
            part: str | int = _index(path, segment, target)
        elif not isinstance(target, dict):
            raise _Wrong(Problem(path, "is no table"))
        elif not segment:
            raise _Wrong(Problem(path, "names nothing: between two parts stand two underscores"))
        else:
            part = _key(path, segment, known, must_exist=_fixed(path))
        path = (*path, part)
        if position == len(segments) - 1:
            if len(path) < 3 and path[0] != "runtime_environments":
                raise _Wrong(Problem(path, "is set as a whole only in the file"))
            _put(target, part, value)
        else:
            if isinstance(target, dict) and part not in target:
                _put(target, part, {})
                made.append(path)
            target = _get(target, part)
    return path


def _put(target: Any, part: str | int, value: Any) -> None:
    target[part] = value


def _get(target: Any, part: str | int) -> Any:
    return target[part]


def _known(target: Any, position: int) -> tuple[str, ...]:
    if position == 0:
        return tuple(DOCUMENT)
    return tuple(target) if isinstance(target, dict) else ()


def _fixed(path: Path) -> bool:
    """Are the names at this place those in the file, and no others?"""
    return len(path) == 0 or (len(path) == 1 and path[0] != "runtime_environments")


def written(name: str) -> str:
    """A key as a variable writes it."""
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in name).upper()


def _key(path: Path, segment: str, known: tuple[str, ...], must_exist: bool) -> str:
    found = [name for name in known if written(name) == segment.upper()]
    if len(found) == 1:
        return found[0]
    if found:
        raise _Wrong(Problem(path, f"{segment} could be any of {', '.join(map(quoted, found))}"))
    if must_exist:
        what = f"key in {path_text(path)}" if path else "key"
        raise _Wrong(unknown((*path, segment.lower()), what, segment.lower(), known))
    return segment.lower()


def _index(path: Path, segment: str, target: list[Any]) -> int:
    if not (segment.isascii() and segment.isdigit() and len(segment) < 6 and int(segment) < len(target)):
        counted = f"0 to {len(target) - 1}" if target else "but it is empty"
        raise _Wrong(Problem(path, f"is counted by number, {counted}; got {segment!r}"))
    return int(segment)
