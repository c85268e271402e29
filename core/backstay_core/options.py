"""Options: what a person decides about a strategy, as an immutable value.

An options value keeps what was written (``repr`` can be pasted back) and, beside it, the normal form that the strategy
computes with: nanoseconds for seconds (``open_for`` → ``open_for_ns``), millionths for rates (``failure_rate`` →
``failure_rate_ppm``), tuples of kinds for names. Integers make decisions the same on every runtime.

Each class lists its options once, as `Field` rows. Validation, configuration files, the reference documentation and
nearest-name hints are made from those rows; the defaults stand in the signature.
"""

from backstay_core.canonical import dumps, fnv1a
from backstay_core.clock import SECOND, to_ns
from backstay_core.failure import NEVER, ConfigurationError, Failure, kinds_of, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    KindNames = str | tuple[str, ...] | list[str]

PPM = 1_000_000
NO_FAULTS = ("rejected", "cancelled")  # kinds that no dependency causes
LONGEST_NAME = 50  # of an option that is looked for among the known ones


class Field:
    """One option: its name, its type (a key of `CHECKS`), its bounds and a line of documentation.

    `optional` fields may be None. `choices` lists the words a "choice" allows.
    """

    __slots__ = ("choices", "doc", "least", "most", "name", "optional", "type")

    def __init__(
        self,
        name: str,
        type: str,
        doc: str,
        *,
        least: "int | float" = 0,
        most: "int | float | None" = None,
        optional: bool = False,
        choices: "tuple[str, ...]" = (),
    ) -> None:
        self.name = name
        self.type = type
        self.doc = doc
        self.least = least
        self.most = most
        self.optional = optional
        self.choices = choices


def _number(where: str, field: Field, value: "Any", kinds: "Any") -> "Any":
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ConfigurationError(f"{where} must be a number; got {shown(value)}")
    if value != value or value < field.least or (field.most is not None and value > field.most):
        most = "" if field.most is None else f" and at most {field.most}"
        raise ConfigurationError(f"{where} must be at least {field.least}{most}; got {shown(value)}")
    return value


def _count(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    if isinstance(value, float):
        raise ConfigurationError(f"{where} must be a whole number; got {shown(value)}")
    value = int(_number(where, field, value, int))  # no subclass with a text of its own
    if value > NEVER:
        raise ConfigurationError(f"{where} must be a number that makes sense; got {shown(value)}")
    return {field.name: value}


def _seconds(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    value = _number(where, field, value, (int, float))
    if value >= NEVER / SECOND:
        raise ConfigurationError(f"{where} must be less than 146 years of seconds; got {shown(value)}")
    ns = to_ns(value)
    if ns == 0 and field.least > 0:
        raise ConfigurationError(f"{where} must be at least a nanosecond; got {shown(value)}")
    return {field.name: value, field.name + "_ns": ns}


def _ratio(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    value = _number(where, field, value, (int, float))
    if field.most is None and value > PPM:
        raise ConfigurationError(f"{where} must be at most a million; got {shown(value)}")
    ppm = int(value * PPM + 0.5)
    if ppm == 0 and value > 0:
        raise ConfigurationError(f"{where} must be at least a millionth; got {shown(value)}")
    return {field.name: value, field.name + "_ppm": ppm}


def _flag(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    if value is not True and value is not False:
        raise ConfigurationError(f"{where} must be True or False; got {shown(value)}")
    return {field.name: value}


def _choice(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    if value not in field.choices:
        raise ConfigurationError(f"{where} must be one of {', '.join(field.choices)}; got {shown(value)}")
    return {field.name: value}


def _failures(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, (tuple, list)) and all(isinstance(name, str) for name in names):
        if not names:
            raise ConfigurationError(f"{where} names no kind of failure")
        return {field.name: value, field.name + "_matches": KindMatcher(kinds_of(names))}
    if hasattr(value, "matches"):
        return {field.name: value, field.name + "_matches": value}
    raise ConfigurationError(f"{where} must name kinds of failures; got {shown(value)}")


def _results(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    if isinstance(value, str):
        return {field.name: value, field.name + "_match": LabelMatcher((value,))}
    if isinstance(value, (tuple, list)) and value and all(isinstance(name, str) for name in value):
        return {field.name: value, field.name + "_match": LabelMatcher(tuple(value))}
    if callable(value):
        return {field.name: value, field.name + "_match": value}
    raise ConfigurationError(f"{where} must name results or be a function of the result; got {shown(value)}")


def _anything(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    return {field.name: value}


def _fault(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    if not isinstance(value, str) or value in NO_FAULTS:
        raise ConfigurationError(f"{where} must be a kind of failure that is no refusal; got {shown(value)}")
    return {field.name: Failure(value).kind, field.name + "_make": None}


def _function(where: str, field: Field, value: "Any") -> "dict[str, Any]":
    if not callable(value):
        raise ConfigurationError(f"{where} must be a function; got {shown(value)}")
    return {field.name: value}


CHECKS = {
    "count": _count,
    "seconds": _seconds,
    "ratio": _ratio,
    "flag": _flag,
    "choice": _choice,
    "failures": _failures,
    "results": _results,
    "anything": _anything,
    "fault": _fault,
    "function": _function,
}


class KindMatcher:
    """Matches failures by kind: the form of `on` that configuration files and other runtimes share."""

    __slots__ = ("kinds",)

    def __init__(self, kinds: "tuple[str, ...]") -> None:
        self.kinds = kinds

    def matches(self, failure: Failure) -> bool:
        return failure.kind in self.kinds


class LabelMatcher:
    """Matches results by the label that a host gives them, where values themselves do not cross."""

    __slots__ = ("labels",)

    def __init__(self, labels: "tuple[str, ...]") -> None:
        self.labels = labels

    def __call__(self, value: "Any") -> bool:
        return isinstance(value, str) and value in self.labels


class Options:
    """Base of all options values: validated once, then immutable, comparable by value."""

    KIND = ""
    CHECKS = CHECKS
    FIELDS: "tuple[Field, ...]" = ()

    def state(self, seed: int = 0) -> "Any":
        """A fresh state with these options; `seed` feeds what it draws at random."""
        raise NotImplementedError(type(self).__name__)

    def _set(self, **values: "Any") -> None:
        """Validate and store; called once, by `__init__`. Raises `ConfigurationError` naming class and option."""
        for field in self.FIELDS:
            value = values[field.name]
            if value is None and field.optional:
                normal: "dict[str, Any]" = {field.name: None}
                if field.type == "seconds":
                    normal[field.name + "_ns"] = None
                elif field.type == "ratio":
                    normal[field.name + "_ppm"] = None
                elif field.type == "failures":
                    normal[field.name + "_matches"] = None
                elif field.type == "results":
                    normal[field.name + "_match"] = None
            else:
                normal = self.CHECKS[field.type](f"{type(self).__name__}({field.name}=…)", field, value)
            self._derive(**normal)

    def _derive(self, **values: "Any") -> None:
        for name in values:
            object.__setattr__(self, name, values[name])

    def __setattr__(self, name: str, value: "Any") -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; make a new one with replace({name}=…)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def values(self) -> "dict[str, Any]":
        """The options as written, by name."""
        return {field.name: getattr(self, field.name) for field in self.FIELDS}

    def replace(self, **changes: "Any") -> "Options":
        """The same options with some changed."""
        return type(self)(**dict(self.values(), **changes))

    def to_data(self) -> "dict[str, Any]":
        """The configuration-file form: `kind` and every option that is not None.

        Raises `ConfigurationError` where an option is code, which no file can hold.
        """
        data: "dict[str, Any]" = {"kind": self.KIND}
        for field in self.FIELDS:
            value = getattr(self, field.name)
            if value is None:
                continue
            if isinstance(value, Options):
                value = {k: v for k, v in value.to_data().items() if k != "kind"}
            elif callable(value) or (
                field.type != "anything" and not isinstance(value, (bool, int, float, str, tuple, list))
            ):
                raise ConfigurationError(f"{type(self).__name__}({field.name}=…) is code and has no data form")
            data[field.name] = list(value) if isinstance(value, tuple) else value
        return data

    def fingerprint(self) -> str:
        """Names the normal form of these options, the same on every runtime; code counts as "code"."""
        known: "str | None" = getattr(self, "_fingerprint", None)
        if known is None:
            known = self._fingerprint_anew()
            object.__setattr__(self, "_fingerprint", known)
        return known

    def _fingerprint_anew(self) -> str:
        normal: "dict[str, Any]" = {"kind": self.KIND}
        for field in self.FIELDS:
            value = getattr(self, field.name)
            if isinstance(value, Options):
                normal[field.name] = value.fingerprint()
            elif value is None or field.type in ("count", "flag", "choice"):
                normal[field.name] = value
            elif field.type == "function":
                normal[field.name] = "code"
            elif field.type == "fault":
                normal[field.name] = value if getattr(self, field.name + "_make") is None else "code"
            elif field.type == "seconds":
                normal[field.name] = getattr(self, field.name + "_ns")
            elif field.type == "ratio":
                normal[field.name] = getattr(self, field.name + "_ppm")
            elif field.type == "failures":
                normal[field.name] = getattr(getattr(self, field.name + "_matches"), "kinds", "code")
            elif field.type == "results":
                normal[field.name] = getattr(getattr(self, field.name + "_match"), "labels", "code")
        return fnv1a(dumps(normal))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and type(self) is type(other) and self.values() == other.values()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in self.FIELDS)
        return f"{type(self).__name__}({shown})"


def nearest(name: str, known: "tuple[str, ...]") -> "str | None":
    """The known name closest to a misspelt one (edit distance at most a third of its length), or None."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return None
    best = None
    best_distance = max(1, len(name) // 3) + 1
    for candidate in known:
        row = list(range(len(candidate) + 1))
        for i, a in enumerate(name):
            previous = row
            row = [i + 1]
            for j, b in enumerate(candidate):
                row.append(min(previous[j] + (a != b), previous[j + 1] + 1, row[j] + 1))
        if row[-1] < best_distance:
            best = candidate
            best_distance = row[-1]
    return best


def from_data(cls: "Callable[..., Any]", fields: "tuple[Field, ...]", data: "dict[str, Any]", where: str) -> "Any":
    """Options of class `cls` from their data form. Raises `ConfigurationError` with the path of what is wrong."""
    known = tuple(field.name for field in fields)
    for name in data:
        if name not in known and name != "kind":
            hint = nearest(name, known)
            did_you_mean = f"; did you mean {hint!r}?" if hint else f"; it takes {', '.join(known) or 'none'}"
            raise ConfigurationError(f"{where}: unknown option {shown(name)}{did_you_mean}")
    try:
        return cls(**{name: value for name, value in data.items() if name != "kind"})
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    except TypeError:
        raise ConfigurationError(f"{where}: an option that must be given is missing (of {', '.join(known)})") from None
