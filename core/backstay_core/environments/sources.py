"""Tables of readings: a name, and where it is read, in order of preference.

A `Row` is the only way to a reading: the adapters take all of a table, the documentation prints it, and the tests
change every source in turn and look whether the reading follows.
"""

from backstay_core.environments.reading import Once, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from backstay_core.environments.reading import Probe

    Known = dict[str, Reading[Any]]

TIMESTAMP = "timestamp"


class From:
    """A source: questions, and what makes a value of their answers.

    A question ``=name`` is the reading of that name in the same table, further up. `parse` raises `ValueError` for an
    answer that cannot be right and returns None if what is looked for is not in it.
    """

    __slots__ = ("parse", "questions")

    def __init__(self, *questions: str, parse: "Callable[..., Any]") -> None:
        self.questions = questions
        self.parse = parse

    def read(self, probe: "Probe", known: "Known", before: "Known") -> "Reading[Any]":
        readings = [known[q[1:]] if q.startswith("=") else probe(q) for q in self.questions]
        return combine(readings, self.parse)

    def __str__(self) -> str:
        return " and ".join([f"`{question}`" for question in self.questions])


class Since:
    """A source: how a reading of the same table, further up, has changed since the table was taken before.

    `parse` gets the old and the new value and the ns between the two.
    """

    __slots__ = ("name", "parse")

    def __init__(self, name: str, parse: "Callable[[Any, Any, int], Any]") -> None:
        self.name = name
        self.parse = parse

    def read(self, probe: "Probe", known: "Known", before: "Known") -> "Reading[Any]":
        new, now = known[self.name], known[TIMESTAMP]
        old, then = before.get(self.name), before.get(TIMESTAMP)
        if new.value is None:
            return new
        if old is None or then is None or old.value is None or then.value is None or now.value is None:
            return Reading(None, new.source, "needs two readings")
        passed: int = now.value - then.value
        if passed <= 0:
            return Reading(None, new.source, "no time has passed since the reading before")
        result = combine([old, new, Reading(passed, "")], self.parse)
        return Reading(result.value, new.source, result.reason)

    def __str__(self) -> str:
        return f"two readings of `={self.name}`"


class Row:
    """One reading of a table. A table may be taken without the rows of a `group`."""

    __slots__ = ("doc", "group", "name", "sources", "unit")

    def __init__(self, name: str, unit: str, doc: str, *sources: "Any", group: str = "") -> None:
        self.name = name
        self.unit = unit
        self.doc = doc
        self.sources = sources
        self.group = group

    def read(self, probe: "Probe", known: "Known", before: "Known") -> "Reading[Any]":
        """The reading of the first source that has one; else why none has."""
        failed: "list[Reading[Any]]" = []
        for source in self.sources:
            reading: "Reading[Any]" = source.read(probe, known, before)
            if reading.value is not None:
                return reading
            failed.append(reading)
        sources = ", ".join({reading.source: None for reading in failed})
        reasons = {reading.reason: None for reading in failed}
        if len(reasons) > 1:
            reasons = {f"{reading.source}: {reading.reason}": None for reading in failed}
        return Reading(None, sources, "; ".join(reasons) or "nothing tells it here")


def rows_without(rows: "tuple[Row, ...]", *names: str) -> "tuple[Row, ...]":
    """A table without the rows of these names."""
    return tuple([row for row in rows if row.name not in names])


def combine(readings: "list[Reading[Any]]", parse: "Callable[..., Any]") -> "Reading[Any]":
    """What `parse` makes of their values, with all their sources; or why not."""
    sources: "dict[str, None]" = {reading.source: None for reading in readings}
    source = ", ".join(sources)
    for reading in readings:
        if reading.value is None:
            return Reading(None, reading.source, reading.reason)
    try:
        value = parse(*[reading.value for reading in readings])
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError) as error:
        return Reading(None, source, f"makes no sense: {error}")
    return Reading(value, source, "does not say")


def take(
    rows: "Iterable[Row]",
    probe: "Probe",
    standard: "tuple[str, ...]" = (),
    before: "Known | None" = None,
    without: "Mapping[str, str] | None" = None,
) -> "Known":
    """All readings of a table, each question asked once.

    A name of `standard` without a row is None. `before` are the readings of the time before, for rates. `without` names
    the groups to leave out, each with the reason.
    """
    probe = Once(probe)
    known: "Known" = {name: Reading(None, "", "nothing tells it here") for name in standard}
    for row in rows:
        if without and row.group in without:
            known[row.name] = Reading(None, "", without[row.group])
        else:
            known[row.name] = row.read(probe, known, before or {})
    return known
