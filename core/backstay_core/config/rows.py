"""Rows: one key of a table of the configuration, as data.

A strategy's rows are made from its `FIELDS`, and their defaults from the signature of its constructor, so nothing is
written down twice. Checks, the reference page, the JSON Schema and the file that `backstay init` writes are all made
from rows.
"""

from backstay_core.failure import GROUPS, KINDS, NEVER, ConfigurationError
from backstay_core.options import PPM, Field, Options
from backstay_core.strategies.budget import Budget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 300  # characters of a message; the value that it quotes may be of any length
BIGGEST = (1 << 63) - 1  # a whole number in TOML

#  type        what it holds, for people                                              unit
TYPES = {
    "count":    ("a whole number",                                                    ""),
    "seconds":  ("a number",                                                          "s"),
    "ratio":    ("a number",                                                          ""),
    "flag":     ("true or false",                                                     ""),
    "choice":   ("one of the words",                                                  ""),
    "failures": ("kinds of failure, or names bound in code",                          ""),
    "results":  ("texts that results are equal to, or the name of a function bound in code", ""),
    "anything": ("any value",                                                         ""),
    "function": ("the name of a function bound in code",                              ""),
    "fault":    ("a kind of failure that is no refusal",                              ""),
    "budget":   ("a table, or the name of a shared budget",                           ""),
    "name":     ("a name",                                                            ""),
    "integer":  ("a whole number",                                                    ""),
    "list":     ("a list of tables",                                                  ""),
}  # fmt: skip

#  what a field of type "anything" holds, by its name, where a file can say it
NESTED = {"budget": "budget"}

KIND_NAMES = tuple(sorted(KINDS)) + tuple(sorted(GROUPS))


class Row:
    """One key: its field (name, type, bounds, documentation), its unit, its default (None: none), and whether it must
    be given."""

    __slots__ = ("default", "field", "required", "type", "unit")

    def __init__(self, field: Field, default: "Any" = None, *, required: bool = False, unit: str = "") -> None:
        self.field = field
        self.type = NESTED.get(field.name, field.type) if field.type == "anything" else field.type
        self.default = default
        self.required = required
        self.unit = unit or TYPES[self.type][1]

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def doc(self) -> str:
        return self.field.doc

    def bounds(self) -> "tuple[int | float, int | float | None] | None":
        """The least and the greatest value (None: no bound worth a word), or None for what is no number."""
        if self.type == "seconds":
            return self.field.least, self.field.most
        if self.type == "ratio":
            return self.field.least, PPM if self.field.most is None else self.field.most
        if self.type == "count":
            return self.field.least, self.field.most
        return None

    def expects(self) -> str:
        """What the key holds, in words: "a whole number, 1 to 100000"."""
        if self.type == "choice":
            return "one of " + ", ".join(self.field.choices)
        what, bounds = TYPES[self.type][0], self.bounds()
        if self.unit:
            what = f"a number of {self.unit}" if self.unit != "s" else "seconds"
        if bounds is None:
            return what
        least, most = bounds
        return f"{what}, at least {least}" if most is None else f"{what}, {least} to {most}"


def defaults_of(cls: "type[Options]") -> "dict[str, Any]":
    """The defaults in the signature of a class of options; an option that is not among them must be given."""
    init: "Any" = cls.__init__
    names = init.__code__.co_varnames[: init.__code__.co_argcount]
    values = init.__defaults__ or ()
    defaults = dict(zip(names[len(names) - len(values) :], values))
    defaults.update(init.__kwdefaults__ or {})
    return defaults


def rows_of(cls: "type[Options]") -> "tuple[Row, ...]":
    """The rows of a class of options, in the order of its `FIELDS`."""
    defaults = defaults_of(cls)
    return tuple([Row(field, defaults.get(field.name), required=field.name not in defaults) for field in cls.FIELDS])


def says_no(row: Row, cls: "Any", value: "Any") -> "str | None":
    """Why `value` cannot stand at `row` of the class of options `cls`; None if it can. Never raises."""
    try:
        cls.CHECKS[row.field.type]("", row.field, value)
    except (ConfigurationError, TypeError, ValueError, OverflowError) as error:
        return shortened(str(error))
    return None


def shortened(text: str) -> str:
    """A message on one line, cut to `LONGEST`."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def shown(value: "Any") -> str:
    """A value as a message quotes it."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "a list"
    return shortened(repr(value))


BUDGET_ROWS = rows_of(Budget)
LONGEST_SECONDS = NEVER / 1e9
