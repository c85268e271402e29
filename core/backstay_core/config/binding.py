"""Names in a document that stand for something else: kinds of failure, groups of them, and what code has bound.

A bound name comes before a built-in one, so a program can say what its `transport_errors` are. In a list, bound names
and kinds may stand side by side.
"""

from backstay_core.config.problem import Problem, quoted, unknown
from backstay_core.config.rows import KIND_NAMES, Row, shortened
from backstay_core.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from backstay_core.config.problem import Path


class AnyOf:
    """Matches what any of its matchers matches. `names` are what the document says, `parts` what it stands for."""

    __slots__ = ("_matchers", "names", "parts")

    def __init__(self, names: "tuple[str, ...]", parts: "tuple[Any, ...]", matchers: "tuple[Any, ...]") -> None:
        self.names = names
        self.parts = parts
        self._matchers = matchers

    def matches(self, failure: Failure) -> bool:
        return any(matcher.matches(failure) for matcher in self._matchers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyOf) and (self.names, self.parts) == (other.names, other.parts)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"AnyOf({', '.join(self.names)})"


class Bindings:
    """What code has bound, what of it the document used, and what it asks for that nobody has bound.

    Without `bound`, for instance where a file is checked and the program is not at hand, any name may be bound later:
    `needed` collects them.
    """

    __slots__ = ("_bound", "needed", "used")

    def __init__(self, bound: "Mapping[str, Any] | None") -> None:
        self._bound = bound
        self.used: "list[str]" = []
        self.needed: "dict[str, None]" = {}  # in the order of the document

    def names(self) -> "tuple[str, ...]":
        return tuple(self._bound or ())

    def has(self, name: str) -> bool:
        return self._bound is not None and name in self._bound

    def take(self, name: str) -> "Any":
        """What is bound to `name`."""
        self.used.append(name)
        return self._bound[name]  # type: ignore[index]

    def unused(self) -> "list[Problem]":
        """A binding that nothing refers to is a mistake in one of the two places."""
        problems = []
        for name in self._bound or ():
            if not isinstance(name, str):
                problems.append(Problem(("bind",), f"a name is a text; got {shortened(repr(name))}"))
            elif name not in self.used:
                problems.append(Problem(("bind", name), "nothing in the document refers to it"))
        return problems

    def missing(self, name: str, path: "Path", known: "tuple[str, ...]", problems: "list[Problem]") -> None:
        if self._bound is None:
            self.needed[name] = None
        else:
            problems.append(unknown(path, "name", name, known + self.names(), "neither built in nor bound; there are"))

    def failures(self, row: Row, cls: "Any", value: "Any", path: "Path", problems: "list[Problem]") -> "Any":
        """What stands for `value`, one name or a list of them, in an option of the class `cls`."""
        field = row.field
        several = not isinstance(value, str)
        if several and not (isinstance(value, (list, tuple)) and value and all(isinstance(x, str) for x in value)):
            problems.append(Problem(path, "must be a name, or a list of names that is not empty"))
            return None
        before = len(problems)
        parts = []
        for index, name in enumerate(value if several else (value,)):
            where = path + (index,) if several else path
            if self.has(name):
                parts.append(self._checked(field.type, field, cls, name, where, problems))
            elif name in KIND_NAMES:
                parts.append(name)
            else:
                self.missing(name, where, KIND_NAMES, problems)
                parts.append(_NOBODY)
        if len(problems) > before:
            return None
        if not several:
            return parts[0]
        if all(isinstance(part, str) for part in parts):
            return tuple(parts)
        matchers = [cls.CHECKS["failures"]("", field, part)[field.name + "_matches"] for part in parts]
        return AnyOf(tuple(value), tuple(parts), tuple(matchers))

    def results(self, row: Row, cls: "Any", value: "Any", path: "Path", problems: "list[Problem]") -> "Any":
        """The function that `value` names, or the texts that it is."""
        if isinstance(value, str) and self.has(value):
            return self._checked("results", row.field, cls, value, path, problems)
        return value

    def function(self, name: "Any", path: "Path", problems: "list[Problem]") -> "Any":
        """The function that `name` names."""
        if not isinstance(name, str) or not name:
            problems.append(Problem(path, "must be the name of a function that is bound in code"))
        elif self.has(name):
            found = self.take(name)
            if callable(found):
                return found
            problems.append(Problem(path, f"what is bound to {quoted(name)} is no function"))
        else:
            self.missing(name, path, (), problems)
        return _nothing

    def _checked(
        self, kind: str, field: "Any", cls: "Any", name: str, path: "Path", problems: "list[Problem]"
    ) -> "Any":
        found = self.take(name)
        try:
            cls.CHECKS[kind](f"what is bound to {quoted(name)}", field, found)
        except Exception as error:
            problems.append(Problem(path, shortened(str(error))))
        return found


class _Nobody:
    """Stands in for a name that will be bound later, so that what fits it is asked for all the same."""

    def matches(self, failure: Failure) -> bool:
        return False


_NOBODY = _Nobody()


def _nothing(failure: "Any") -> None:
    """Stands in for a function that will be bound later, or that was refused."""
