"""From a file and the environment's variables to one document, whose problems know where they come from."""

from __future__ import annotations

import json
import tomllib

from backstay.configuration.files import Text
from backstay.configuration.lines import DEEPEST, Json, Scanner, Toml
from backstay.configuration.variables import override
from backstay_core.config.outline import outline
from backstay_core.config.problem import DocumentError, Problem, refusal
from backstay_core.config.reading import copied
from backstay_core.config.rows import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from backstay_core.config.problem import Path


class Located(Problem):
    """A problem with its place: the `file` and the `line` in it, or the environment `variable` that is at fault."""

    __slots__ = ("file", "line", "variable")

    def __init__(
        self, problem: Problem, file: str | None = None, line: int | None = None, variable: str | None = None
    ) -> None:
        super().__init__(problem.path, problem.message, problem.hint)
        self.file = file
        self.line = line
        self.variable = variable

    def place(self) -> str:
        if self.variable is not None:
            return f"{self.variable}: "
        if self.file is None:
            return ""
        return f"{self.file}: " if self.line is None else f"{self.file}:{self.line}: "

    def __str__(self) -> str:
        return self.place() + super().__str__()


class Document:
    """A document as a plain value (`data`), and where its parts come from."""

    def __init__(self, data: Any, file: Text | None = None) -> None:
        self.data = data
        self._file = file
        self._lines: dict[Path, int] | None = None  # by path, once somebody asks
        self._origins: dict[Path, str] = {}

    def located(self, problem: Problem) -> Located:
        """The problem with its place: that of the nearest part around it that is known."""
        for length in range(len(problem.path), -1, -1):
            variable = self._origins.get(problem.path[:length])
            if variable is not None:
                return Located(problem, variable=variable)
        if self._file is None or problem.path[:1] == ("bind",):
            return Located(problem)
        if self._lines is None:
            self._lines = scanner_for(self._file).lines
        lines = self._lines
        for length in range(len(problem.path), 0, -1):
            if problem.path[:length] in lines:
                return Located(problem, self._file.name, lines[problem.path[:length]])
        return Located(problem, self._file.name)

    def error(self, problems: list[Problem]) -> DocumentError:
        """One error for all problems, in the order of the file."""
        located = [problem if isinstance(problem, Located) else self.located(problem) for problem in problems]
        return refusal(sorted(located, key=lambda found: (found.line is None, found.line or 0)))

    def apply(self, environ: Mapping[str, str]) -> list[Problem]:
        """Let variables change the document; returns their problems."""
        if outline(self.data) or not isinstance(self.data, dict):
            return []  # which is reported all the same
        self.data = copied(self.data)
        self._origins, problems = override(self.data, environ)
        return [Located(problem, variable=name) for name, problem in problems]


def scanner_for(file: Text) -> Scanner:
    return (Json if is_json(file.name) else Toml)(file.text).scan()


def is_json(name: str) -> bool:
    return name.lower().endswith(".json")


def parse(file: Text) -> Document:
    """The document in a file. Raises `ConfigurationError` with the line where it is no TOML (or JSON)."""
    try:
        if is_json(file.name):
            data = json.loads(file.text)
            doubles = Json(file.text).scan().doubles
            if doubles:
                raise refusal([Located(Problem(path, "is there twice"), file.name, line) for path, line in doubles])
        else:
            refuse_long_keys(file)
            data = tomllib.loads(file.text)
    except DocumentError:
        raise
    except RecursionError:
        raise DocumentError(f"{file.name}: is nested too deep") from None
    except ValueError as error:
        raise DocumentError(_syntax(file, error)) from None
    return Document(data, file)


def refuse_long_keys(file: Text) -> None:
    """The time that tomllib takes for ``a.a.a. …`` grows with the square of its length: hours, for a megabyte."""
    if any(line.count(".") > DEEPEST for line in file.text.split("\n")):
        deep = Toml(file.text).scan().deep
        if deep is not None:
            raise DocumentError(f"{file.name}:{deep}: is nested too deep")


def _syntax(file: Text, error: ValueError) -> str:
    """What the parser says, with the line in front."""
    text = str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"{file.name}:{error.lineno}: is no JSON: {shortened(error.msg)}"
    message, _, where = text.rpartition(" (at ")
    if where.startswith("line "):
        line = where[5:].partition(",")[0]
        return f"{file.name}:{line}: is no TOML: {shortened(message)}"
    if where.startswith("end of document"):
        return f"{file.name}:{file.text.count(chr(10)) + 1}: is no TOML: {shortened(message)} at the end"
    return f"{file.name}: {shortened(text)}"
