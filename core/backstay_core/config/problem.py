"""A problem of a document: where it is, what it is, and what was probably meant."""

from backstay_core.failure import ConfigurationError
from backstay_core.options import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Path = tuple[str | int, ...]

_BARE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
MOST_SHOWN = 20  # problems in the text of an error
LONGEST_NAME = 60  # characters of a key in a message
MOST_KNOWN = 20  # names that a message offers


def path_text(path: "Path") -> str:
    """``policies.quotes.strategies[1].attempts``; a key of other characters is quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + quoted(part)
    return text or "the document"


def quoted(name: str) -> str:
    """A key as TOML writes it."""
    if name and not name.strip(_BARE) and len(name) <= LONGEST_NAME:
        return name
    short = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."
    escaped = ascii(short)[1:-1].replace("\\'", "'").replace('"', '\\"')
    return f'"{escaped}"'


class Problem:
    """One thing that is wrong. `path` is where, `hint` the nearest valid name, if there is one."""

    __slots__ = ("hint", "message", "path")

    def __init__(self, path: "Path", message: str, hint: "str | None" = None) -> None:
        self.path = path
        self.message = message
        self.hint = hint

    def text(self) -> str:
        """What is wrong, without where."""
        return self.message + (f"; did you mean {self.hint!r}?" if self.hint else "")

    def __str__(self) -> str:
        return f"{path_text(self.path)}: {self.text()}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and (self.path, self.text()) == (other.path, other.text())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Problem({self.path!r}, {self.message!r}, {self.hint!r})"


def unknown(path: "Path", what: str, name: str, known: "tuple[str, ...]", listed: str = "it has") -> Problem:
    """A name that means nothing here, with the nearest one that does."""
    hint = nearest(name, known) if len(name) <= LONGEST_NAME else None
    message = f"unknown {what} {quoted(name)}"
    if hint is None:
        offered = [quoted(each) for each in known[:MOST_KNOWN]]
        more = [f"{len(known) - MOST_KNOWN} more"] if len(known) > MOST_KNOWN else []
        message += f"; {listed} {', '.join(offered + more) or 'none'}"
    return Problem(path, message, hint)


class DocumentError(ConfigurationError):
    """A document that was refused, with everything that is wrong with it: a line each, and as `problems`."""

    problems: "tuple[Any, ...]" = ()


def refusal(problems: "Sequence[Any]") -> DocumentError:
    """The error of all these problems."""
    lines = [str(problem) for problem in problems[:MOST_SHOWN]]
    if len(problems) > MOST_SHOWN:
        lines.append(f"and {len(problems) - MOST_SHOWN} more")
    error = DocumentError("\n".join(lines))
    error.problems = tuple(problems)
    return error
