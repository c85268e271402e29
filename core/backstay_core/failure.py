"""What went wrong, as a value.

A `Failure` says *what kind* of thing happened, not which exception class a runtime happened to use for it, so that a
server, a WASM component and a microcontroller take the same decision from it. The kinds are rows of one table; their
codes are the canonical ones of gRPC and AIP-193.

Three columns drive decisions and each has one reader:

* ``verdict`` is what a circuit breaker makes of it. `NEUTRAL` means the dependency was never judged: the caller gave
  up, the call was refused on this side, or our own code is at fault.
* ``retry`` says whether trying again can help: *never*; *same* request; *later*, after the pause the server asks for;
  after a *refresh* of credentials or topology; *elsewhere*, at another endpoint; at a *higher* level (redo the whole
  transaction).
* ``executed`` says whether the request may have taken effect: *no*, *maybe*, *yes*. A call that is not idempotent is
  repeated only after *no*.

``severity`` informs people. It never drives a decision.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NEUTRAL = 0
OK = 1
FAILED = -1
SLOW = 2  # succeeded, but slower than the breaker tolerates
FAILED_SLOW = -2

NEVER = 1 << 62  # a time that does not come, in ns (146 years)

LONGEST_MESSAGE = 2000  # characters of an exception's own text that a failure keeps
LONGEST_SHOWN = 200  # … and of a value that an error message shows

#                    code                   verdict  retry        executed severity
KINDS = {
    "cancelled":    ("CANCELLED",           NEUTRAL, "never",     "maybe", "low"),
    "validation":   ("INVALID_ARGUMENT",    OK,      "never",     "no",    "low"),
    "auth":         ("UNAUTHENTICATED",     OK,      "refresh",   "no",    "medium"),
    "permission":   ("PERMISSION_DENIED",   OK,      "never",     "no",    "high"),
    "missing":      ("NOT_FOUND",           OK,      "never",     "no",    "low"),
    "conflict":     ("ABORTED",             OK,      "higher",    "no",    "low"),
    "state":        ("FAILED_PRECONDITION", OK,      "never",     "no",    "medium"),
    "throttle":     ("RESOURCE_EXHAUSTED",  NEUTRAL, "later",     "no",    "medium"),
    "capacity":     ("RESOURCE_EXHAUSTED",  NEUTRAL, "later",     "no",    "high"),
    "timeout":      ("DEADLINE_EXCEEDED",   FAILED,  "same",      "maybe", "medium"),
    "connect":      ("UNAVAILABLE",         FAILED,  "same",      "no",    "medium"),
    "disconnect":   ("UNAVAILABLE",         FAILED,  "same",      "maybe", "medium"),
    "unavailable":  ("UNAVAILABLE",         FAILED,  "same",      "maybe", "high"),
    "internal":     ("INTERNAL",            FAILED,  "never",     "maybe", "high"),
    "data":         ("DATA_LOSS",           FAILED,  "never",     "yes",   "critical"),
    "unsupported":  ("UNIMPLEMENTED",       OK,      "never",     "no",    "medium"),
    "rejected":     ("UNAVAILABLE",         NEUTRAL, "never",     "no",    "medium"),
    "programming":  ("INTERNAL",            NEUTRAL, "never",     "maybe", "critical"),
    "unknown":      ("UNKNOWN",             FAILED,  "never",     "maybe", "high"),
    "result":       ("UNKNOWN",             FAILED,  "never",     "yes",   "medium"),
}  # fmt: skip

GROUPS = {
    "transport_errors": ("connect", "disconnect", "timeout", "unavailable"),
    "any_failure": tuple(sorted(kind for kind in KINDS if kind not in ("cancelled", "rejected"))),
}

CODES = (
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
SEVERITIES = ("low", "medium", "high", "critical")
RETRIES = ("never", "same", "later", "refresh", "elsewhere", "higher")
EXECUTED = ("no", "maybe", "yes")


class UnifiedError(Exception):
    """The base of every error that Backstay itself raises."""

    @property
    def failure(self) -> "Failure | None":
        """The same statement as a value, where there is one."""
        return None


class ConfigurationError(UnifiedError, ValueError):
    """An option, a composition or a call that cannot mean anything. Nothing was changed."""


class SnapshotError(UnifiedError, ValueError):
    """A snapshot that cannot be restored: another version, another strategy, truncated, or out of range."""


class Failure:
    """One failure. Compare by value; treat as immutable.

    `kind` is a row of `KINDS`; what is not given comes from that row. `retry_after` is the pause a server asked for, in
    ns (negative: it asks not to be tried again). `reason` is a short UPPER_SNAKE word for programs, `message` a line
    for people, `cause` whatever the host wants to find again (a Python exception), which takes no part in comparison.
    A message of None stands for the text of `cause`, which is made when somebody reads it.
    """

    __slots__ = (  # noqa: RUF023 - in the order of the constructor
        "kind", "code", "severity", "retry", "executed", "retry_after",
        "reason", "domain", "_message", "context", "injected", "cause",
    )  # fmt: skip

    def __init__(
        self,
        kind: str = "unknown",
        message: "str | None" = "",
        *,
        code: "str | None" = None,
        severity: "str | None" = None,
        retry: "str | None" = None,
        executed: "str | None" = None,
        retry_after: "int | None" = None,
        reason: str = "",
        domain: str = "",
        context: "dict[str, Any] | None" = None,
        injected: bool = False,
        cause: "Any" = None,
    ) -> None:
        if not isinstance(kind, str) or kind not in KINDS:
            raise ConfigurationError("failure kind must be one of " + ", ".join(sorted(KINDS)) + f"; got {shown(kind)}")
        row = KINDS[kind]
        self.kind = kind
        self.code = row[0] if code is None else _known("code", code, CODES)
        self.retry = row[2] if retry is None else _known("retry", retry, RETRIES)
        self.executed = row[3] if executed is None else _known("executed", executed, EXECUTED)
        self.severity = row[4] if severity is None else _known("severity", severity, SEVERITIES)
        self.retry_after = retry_after
        self.reason = reason
        self.domain = domain
        self._message = message
        self.context = context
        self.injected = injected
        self.cause = cause

    @property
    def message(self) -> str:
        """A line for people."""
        text = self._message
        if text is None:
            text = self._message = text_of(self.cause)
        return text

    @property
    def verdict(self) -> int:
        """What a breaker without an `on` of its own makes of it: FAILED, OK or NEUTRAL."""
        verdict: int = KINDS[self.kind][1]
        return verdict

    @property
    def fingerprint(self) -> str:
        """Groups failures that are the same trouble."""
        return "/".join((self.domain, self.kind, self.code, self.reason))

    def to_data(self) -> "dict[str, Any]":
        """Plain values for JSON, without `cause`; `from_data` is its inverse."""
        data: "dict[str, Any]" = {"kind": self.kind, "message": self.message}
        row = KINDS[self.kind]
        for name, default in (("code", row[0]), ("retry", row[2]), ("executed", row[3]), ("severity", row[4])):
            if getattr(self, name) != default:
                data[name] = getattr(self, name)
        for name in ("reason", "domain", "context", "injected"):
            if getattr(self, name):
                data[name] = getattr(self, name)
        if self.retry_after is not None:
            data["retry_after"] = self.retry_after
        return data

    @classmethod
    def from_data(cls, data: "dict[str, Any]") -> "Failure":
        """Raises `ConfigurationError` for unknown names or kinds."""
        if not isinstance(data, dict):
            raise ConfigurationError(f"a failure is a table; got {shown(data)}")
        for name in data:
            if (name not in cls.__slots__ and name != "message") or name in ("cause", "_message"):
                raise ConfigurationError(f"a failure has no field {shown(name)}")
        for name in ("message", "reason", "domain"):
            if not isinstance(data.get(name, ""), str):
                raise ConfigurationError(f"{name} must be a text; got {shown(data[name])}")
        pause = data.get("retry_after")
        if pause is not None and (isinstance(pause, bool) or not isinstance(pause, int)):
            raise ConfigurationError(f"retry_after must be a whole number of ns; got {shown(pause)}")
        return cls(**data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Failure) and self.to_data() == other.to_data()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Failure(" + ", ".join(f"{name}={value!r}" for name, value in sorted(self.to_data().items())) + ")"


def text_of(cause: "Any") -> str:
    """What `cause` says of itself, cut to `LONGEST_MESSAGE`; the name of its class if it cannot say anything."""
    if cause is None:
        return ""
    try:
        text = str(cause)
        return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 3] + "..."
    except Exception:
        return type(cause).__name__


def shown(value: "Any") -> str:
    """What was given, for an error message: its `repr`, cut to a line, or its type if nothing can be written of it."""
    try:
        text = repr(value)
    except Exception:  # nested too deeply, or a number of more digits than Python writes
        text = type(value).__name__
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def _known(what: str, given: str, allowed: "tuple[str, ...]") -> str:
    if given not in allowed:
        raise ConfigurationError(f"failure {what} must be one of {', '.join(allowed)}; got {shown(given)}")
    return given


def kinds_of(names: "tuple[str, ...] | list[str]") -> "tuple[str, ...]":
    """The kinds that a list of kinds and group names stands for, sorted. Raises `ConfigurationError`."""
    found: "set[str]" = set()
    for name in names:
        if name in GROUPS:
            found.update(GROUPS[name])
        elif name in KINDS:
            found.add(name)
        else:
            raise ConfigurationError(
                f"{shown(name)} is no kind of failure; kinds: {', '.join(sorted(KINDS))}; "
                f"groups: {', '.join(sorted(GROUPS))}"
            )
    return tuple(kind for kind in sorted(KINDS) if kind in found)
