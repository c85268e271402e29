"""Readings: what was read, and from where.

A `Reading` has a value and its source, or no value and the reason. Nothing in this package returns a number without.

Everything that is read from the outside is a *question* to a probe, which is a function of a text:

============================ ========================================================================================
`/proc/meminfo`              the text of a file
`head:/proc/cpuinfo`         its beginning
`link:/proc/self/ns/pid`     where a symbolic link points to
`exists:/.dockerenv`         True or False
`names:/sys/class/net`       the names in a directory
`env:KUBERNETES_SERVICE_HOST` an environment variable
`fact:platform`              what the interpreter knows
`setting:total_memory`       what the configuration says of the environment
============================ ========================================================================================

A target may answer more kinds (`statvfs:`, `clock:`, `psutil:`). A recorded environment is a table of answers, so what
decides can be replayed anywhere; see `Recorded`.
"""

from typing import Generic, TypeVar

from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    Probe = Callable[[str], "Reading[Any]"]

T = TypeVar("T")

MISSING = "not there"  # the reason where something does not exist, so that absence can be told from ignorance
LONGEST_REASON = 300


class Reading(Generic[T]):
    """A value and its source, or None and the reason. Immutable by custom, comparable by value."""

    __slots__ = ("reason", "source", "value")

    def __init__(self, value: "T | None", source: str, reason: str = "") -> None:
        self.value = value
        self.source = source
        self.reason = reason[:LONGEST_REASON] if value is None else ""

    @property
    def missing(self) -> bool:
        """Is the source known not to exist?"""
        return self.value is None and self.reason == MISSING

    def of(self, value: "Any") -> "Reading[Any]":
        """What follows from it: another value, with its source."""
        return Reading(value, self.source, self.reason)

    def to_data(self) -> "dict[str, Any]":
        data: "dict[str, Any]" = {"value": self.value, "source": self.source}
        if self.value is None:
            data["reason"] = self.reason
        return data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and self.to_data() == other.to_data()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Reading({self.value!r}, {self.source!r}" + (f", {self.reason!r})" if self.value is None else ")")


class Readings:
    """Readings by name. ``readings.uptime`` is the value or None, ``readings["uptime"]`` the `Reading`.

    `STANDARD` names those that are always there; `extra_info` has the others.
    """

    __slots__ = ("_readings",)
    STANDARD: "tuple[str, ...]" = ()

    def __init__(self, readings: "Mapping[str, Reading[Any]]") -> None:
        self._readings = dict(readings)

    def __getitem__(self, name: str) -> "Reading[Any]":
        return self._readings[name]

    def __contains__(self, name: object) -> bool:
        return name in self._readings

    def __iter__(self) -> "Iterator[str]":
        return iter(self._readings)

    def __len__(self) -> int:
        return len(self._readings)

    @property
    def extra_info(self) -> "dict[str, Reading[Any]]":
        """The readings of this environment that not every one has."""
        return {name: reading for name, reading in self._readings.items() if name not in self.STANDARD}

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("_") or name not in self._readings:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return self._readings[name].value

    def to_data(self) -> "dict[str, dict[str, Any]]":
        """``{name: {"value", "source"} or {"value": None, "source", "reason"}}``"""
        return {name: reading.to_data() for name, reading in self._readings.items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Readings) and self.to_data() == other.to_data()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join([f"{name}={reading.value!r}" for name, reading in self._readings.items()])
        return f"{type(self).__name__}({shown})"


class Recorded:
    """A probe that answers from a recording: question → answer, or ``{"reason": …}`` for what could not be read."""

    __slots__ = ("answers",)

    def __init__(self, answers: "Mapping[str, Any]") -> None:
        self.answers = answers

    @classmethod
    def from_data(cls, data: "Any") -> "Recorded":
        """From what ``tools/capture_environment.py`` writes: ``{"missing": [question, …], "answers": {…}}``.

        Raises `ConfigurationError` if it is something else.
        """
        if not isinstance(data, dict) or not isinstance(data.get("answers"), dict):
            raise ConfigurationError("no recording of an environment: it has no table of answers")
        missing = data.get("missing", [])
        if not isinstance(missing, list) or not all(isinstance(question, str) for question in missing):
            raise ConfigurationError("no recording of an environment: missing must be a list of questions")
        return cls({**{question: {"reason": MISSING} for question in missing}, **data["answers"]})

    def __call__(self, question: str) -> "Reading[Any]":
        if question not in self.answers:
            return Reading(None, question, "not recorded")
        answer = self.answers[question]
        if isinstance(answer, dict) and "reason" in answer:
            return Reading(None, question, str(answer["reason"]))
        return Reading(answer, question)


#  what an answer must be, by the kind of question, and for facts by name
ANSWERS = {
    "": str,
    "head": str,
    "link": str,
    "exists": bool,
    "names": list,
    "env": str,
    "statvfs": list,
    "clock": int,
    "psutil": dict,
    "vmclock": dict,
    "fact": str,
}
FACTS = {
    "cpus": int,
    "android_api_level": int,
    "page_size": int,
    "wasm_memory": int,
    "declared": list,
    "heap": list,
    "scheduling": list,
    "threads": bool,
    "processes": bool,
    "writable": bool,
}


def wanted(question: str) -> "type | None":
    """What the answer to a question must be; None if that is not known."""
    if question.startswith("/"):
        return str
    kind, _, name = question.partition(":")
    return FACTS.get(name, str) if kind == "fact" else ANSWERS.get(kind)


class Once:
    """A probe that asks another one each question once: one collection sees one state of a file.

    An answer that is not what such a question is answered with (the other probe may be somebody else's, or a recording
    of anything) is none.
    """

    __slots__ = ("_known", "_probe")

    def __init__(self, probe: "Probe") -> None:
        self._probe = probe
        self._known: "dict[str, Reading[Any]]" = {}

    def __call__(self, question: str) -> "Reading[Any]":
        known = self._known.get(question)
        if known is None:
            known = self._probe(question)
            kind = wanted(question)
            if known.value is not None and kind is not None and type(known.value) is not kind:
                known = Reading(None, question, f"the answer is no {kind.__name__}")
            elif question.startswith("names:") and not all(isinstance(name, str) for name in known.value or ()):
                known = Reading(None, question, "the answer is no list of names")
            self._known[question] = known
        return known
