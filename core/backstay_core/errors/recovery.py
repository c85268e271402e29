"""What to do about a failure, as data: *retry*, *fallback*, *ignore*, *propagate* or *custom*.

Rules:

RC1   The first of the user's rules that matches decides, whatever the classification says: it is the declaration.
RC2   Otherwise the table by kind names what to do, in order of preference; the last of each row always applies.
RC3   *retry* applies if trying again can help (retry *same*, *later*, *elsewhere*), if the call surely was not executed
      or is idempotent, if attempts are left, and if the server did not ask to be left alone.
RC4   *fallback* applies if there is one.
RC5   *refresh* and *redo* (custom) apply if there is a handler of that name.

Advice is no action: a policy, a supervisor or a person carries it out.
"""

from backstay_core.failure import KINDS, SEVERITIES, ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

RETRY = "retry"
FALLBACK = "fallback"
IGNORE = "ignore"
PROPAGATE = "propagate"
CUSTOM = "custom"
ACTIONS = (RETRY, FALLBACK, IGNORE, PROPAGATE, CUSTOM)

_HELPS = ("same", "later", "elsewhere")

#  kind → what to do, best first; a name that is no action is a custom handler's
ADVICE = {
    "cancelled": (PROPAGATE,),
    "validation": (PROPAGATE,),
    "auth": ("refresh", PROPAGATE),
    "permission": (PROPAGATE,),
    "missing": (FALLBACK, PROPAGATE),
    "conflict": ("redo", PROPAGATE),
    "state": (PROPAGATE,),
    "throttle": (RETRY, FALLBACK, PROPAGATE),
    "capacity": ("shed", RETRY, FALLBACK, PROPAGATE),
    "timeout": (RETRY, FALLBACK, PROPAGATE),
    "connect": (RETRY, FALLBACK, PROPAGATE),
    "disconnect": (RETRY, FALLBACK, PROPAGATE),
    "unavailable": (RETRY, FALLBACK, PROPAGATE),
    "internal": (RETRY, FALLBACK, PROPAGATE),
    "data": ("quarantine", PROPAGATE),
    "unsupported": (FALLBACK, PROPAGATE),
    "rejected": (FALLBACK, PROPAGATE),
    "programming": (PROPAGATE,),
    "unknown": (FALLBACK, PROPAGATE),
    "result": (FALLBACK, PROPAGATE),
}

MATCHES = ("kind", "code", "reason", "domain", "severity")


class Advice:
    """What to do: `action`, the `handler` to call if it is *custom*, the pause (ns) before a *retry* that the server
    asked for, and `why` in words."""

    __slots__ = ("action", "handler", "pause", "why")

    def __init__(self, action: str, why: str, handler: str = "", pause: int = 0) -> None:
        self.action = action
        self.why = why
        self.handler = handler
        self.pause = pause

    def to_data(self) -> "dict[str, Any]":
        return {"action": self.action, "handler": self.handler, "pause": self.pause, "why": self.why}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Advice) and self.to_data() == other.to_data()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Advice({self.action!r}, {self.why!r}, {self.handler!r}, {self.pause!r})"


class Recovery:
    """Advises on failures.

    `rules` come before the table: dicts of what must match (``kind``, ``code``, ``reason``, ``domain``; ``severity`` is
    the least one) and an ``action``, which for *custom* comes with a ``handler``. `handlers` are the names of the
    custom handlers that exist, `fallback` says whether there is one. Raises `ConfigurationError` for rules that mean
    nothing.
    """

    __slots__ = ("fallback", "handlers", "rules")

    def __init__(
        self, rules: "Iterable[Mapping[str, Any]]" = (), *, fallback: bool = False, handlers: "Iterable[str]" = ()
    ) -> None:
        if isinstance(rules, (str, dict)) or isinstance(handlers, str):
            raise ConfigurationError("recovery takes a list of rules and a list of handler names")
        self.handlers = tuple(handlers)
        self.fallback = fallback
        self.rules = tuple(_checked(f"rules[{i}]", rule, self.handlers) for i, rule in enumerate(rules))

    def advise(self, failure: Failure, *, idempotent: bool = False, attempts_left: int = 1) -> Advice:
        """What to do about `failure` when `attempts_left` further attempts are allowed."""
        pause = max(0, failure.retry_after or 0)
        for rule in self.rules:
            if matches(rule, failure):
                action = rule["action"]
                if action == RETRY and attempts_left < 1:
                    return Advice(PROPAGATE, "no attempts are left")
                return Advice(action, "a rule says so", rule.get("handler", ""), pause if action == RETRY else 0)
        why = "the kind of failure"
        for name in ADVICE[failure.kind]:
            if name == RETRY:
                against = _against_retry(failure, idempotent, attempts_left)
                if against is None:
                    return Advice(RETRY, "trying again may help", "", pause)
                why = against
            elif name in self.handlers:
                return Advice(CUSTOM, f"{failure.kind}: {name}", name)
            elif name == PROPAGATE or (name == FALLBACK and self.fallback):
                return Advice(name, why)
        return Advice(PROPAGATE, why)


def _against_retry(failure: Failure, idempotent: bool, attempts_left: int) -> "str | None":
    if failure.retry not in _HELPS:
        return f"trying the same again does not help (retry: {failure.retry})"
    if failure.executed != "no" and not idempotent:
        return "it may have been executed, and the call is not idempotent"
    if attempts_left < 1:
        return "no attempts are left"
    if failure.retry_after is not None and failure.retry_after < 0:
        return "the server asks not to be tried again"
    return None


def matches(rule: "Mapping[str, Any]", failure: Failure) -> bool:
    """Does `failure` have all that the rule names, and at least its severity?"""
    for name in MATCHES:
        wanted = rule.get(name)
        if wanted is None:
            continue
        if name == "severity":
            if SEVERITIES.index(failure.severity) < SEVERITIES.index(wanted):
                return False
        elif getattr(failure, name) != wanted:
            return False
    return True


def _checked(where: str, rule: "Mapping[str, Any]", handlers: "tuple[str, ...]") -> "dict[str, Any]":
    if not isinstance(rule, dict):
        raise ConfigurationError(f"{where} must be a table; got {type(rule).__name__}")
    for name in rule:
        if name not in (*MATCHES, "action", "handler"):
            raise ConfigurationError(f"{where}: unknown field {name!r}; it takes {', '.join(MATCHES)}, action, handler")
    action = rule.get("action")
    if action not in ACTIONS:
        raise ConfigurationError(f"{where}: action must be one of {', '.join(ACTIONS)}; got {action!r}")
    if not any(name in rule for name in MATCHES):
        raise ConfigurationError(f"{where} matches everything; name one of {', '.join(MATCHES)}")
    check_match(where, rule)
    handler = rule.get("handler")
    if (action == CUSTOM) != (handler is not None) or (handler is not None and handler not in handlers):
        raise ConfigurationError(f"{where}: handler must be one of {', '.join(handlers) or '(none)'}; got {handler!r}")
    return dict(rule)


def check_match(where: str, rule: "Mapping[str, Any]") -> None:
    """Refuse values that no failure can have."""
    for name, allowed in (("kind", tuple(KINDS)), ("severity", SEVERITIES)):
        if rule.get(name) is not None and rule[name] not in allowed:
            raise ConfigurationError(f"{where}: {name} must be one of {', '.join(allowed)}; got {rule[name]!r}")
    for name in ("code", "reason", "domain"):
        if rule.get(name) is not None and not isinstance(rule[name], str):
            raise ConfigurationError(f"{where}: {name} must be text; got {rule[name]!r}")
