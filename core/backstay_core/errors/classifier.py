"""From an exception to a `Failure`: what it means, decided once for each class where the class decides.

The order of questions:

1. what the user registered, for the class or the nearest base class;
2. what the exception says itself (`UnifiedError.failure`), or the members of a group say together;
3. the class and its bases, by identity and by qualified name (`tables`); for an `OSError` first its errno, by name;
4. the attributes: HTTP status, JSON-RPC or gRPC code and the like (`shapes`);
5. predicates registered with `otherwise`.

What nobody knows is *unknown*; an exception outside `Exception` that nobody knows is *cancelled*.

The answer to 1 and 3 is remembered by class. Two threads that meet a new class at once both find the same answer, and
`register` starts a new memory, so an answer from before it never enters the new one.
"""

from backstay_core.errors.group import merge
from backstay_core.errors.rows import bound, build, domain_of, names_of, reason_of, row_from, row_of
from backstay_core.errors.shapes import ATTRIBUTES, from_attributes, read
from backstay_core.errors.system import ERRNO, from_errno
from backstay_core.errors.tables import CLASSES, NAMES, WASM, WRAPPERS
from backstay_core.errors.wasm import from_wasm_trap
from backstay_core.errors.wrapped import innermost, leaves
from backstay_core.failure import ConfigurationError, Failure, UnifiedError, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backstay_core.errors.rows import Row

    Rule = Callable[[BaseException], "Failure | str | None"]
    Look = Callable[[BaseException, Row], "Failure | Row"]

MOST_CLASSES = 2000  # remembered; more can only be classes made at run time


class Classifier:
    """Classifies exceptions.

    `errno_names` maps the runtime's errno numbers to names (``errno.errorcode``); `wall`, if given, reads the wall
    clock in ns since the Unix epoch, for dates in Retry-After headers. `rule_errors` counts rules that raised or
    answered nonsense; such a rule has no opinion.
    """

    def __init__(self, errno_names: "Mapping[int, str]", wall: "Callable[[], int] | None" = None) -> None:
        self.rule_errors = 0
        self._errno_names = errno_names
        self._wall = wall
        self._rules: "tuple[tuple[type[BaseException], Rule | str], ...]" = ()
        self._otherwise: "tuple[Rule, ...]" = ()
        self._decisions: "dict[type[BaseException], tuple[Look | None, Row]]" = {}
        self._by_errno: "dict[int, Row]" = {}

    def register(self, cls: "type[BaseException]", rule: "Rule | str") -> None:
        """Let `rule` decide on exceptions of `cls` and its subclasses: a kind, or a function that returns a `Failure`,
        a kind or None (no opinion). Of several rules, the one for the nearest base class is asked first, and of those
        for one class the one registered last. Raises `ConfigurationError` for anything else."""
        if not isinstance(cls, type) or not issubclass(cls, BaseException):
            raise ConfigurationError(f"rules are for exception classes; got {cls!r}")
        _check(rule)
        kept = tuple(entry for entry in self._rules if not (entry[0] is cls and entry[1] == rule))
        self._rules = ((cls, rule),) + kept
        self._decisions = {}

    def otherwise(self, rule: "Rule") -> None:
        """Ask `rule` about exceptions that nothing else knows; the one registered last is asked first."""
        if isinstance(rule, str):
            raise ConfigurationError(f"a rule for all others is a function; got {rule!r}")
        _check(rule)
        self._otherwise = (rule,) + tuple(other for other in self._otherwise if other != rule)
        self._decisions = {}

    def classify(self, error: BaseException) -> Failure:
        """The failure that `error` is; its `cause` is the error."""
        decisions = self._decisions
        decision = decisions.get(type(error))
        if decision is None:
            decision = self._learn(type(error), decisions)
        look, row = decision
        if look is not None:
            found = look(error, row)
            if isinstance(found, Failure):
                return found
            row = found
        return build(row, None, None, error)

    def decided(self, cls: "type[BaseException]") -> bool:
        """Does the class alone decide, whatever the exception holds?"""
        decisions = self._decisions
        return (decisions.get(cls) or self._learn(cls, decisions))[0] is None

    def plain(self, error: BaseException) -> bool:
        """Is `error` what its class says, with nothing in it that has to be looked at?"""
        decisions = self._decisions
        cls = type(error)
        look = (decisions.get(cls) or self._learn(cls, decisions))[0]
        if look is None:
            return True
        if look != self._attributes or self._otherwise:
            return False
        held = read(error, "__dict__")
        return not held or not any(name in held for name in ATTRIBUTES)

    def kind(self, error: BaseException) -> str:
        """The kind of `error`."""
        return self.classify(error).kind

    # What is remembered

    def _learn(
        self, cls: "type[BaseException]", decisions: "dict[type[BaseException], tuple[Look | None, Row]]"
    ) -> "tuple[Look | None, Row]":
        """Decide on a class. `decisions` was read before the rules are, so what it learns fits the rules."""
        look, row = self._built_in(cls)
        rules = _in_order(self._rules, cls)
        if rules:
            first = rules[0]
            if isinstance(first, str):
                look, row = None, row_of(first, cls)
            else:
                look = _Asked(self, rules, look).look
        if len(decisions) >= MOST_CLASSES:
            decisions.clear()
        decisions[cls] = (look, row)
        return look, row

    def _built_in(self, cls: "type[BaseException]") -> "tuple[Look | None, Row]":
        kind = None
        system = False
        for base in cls.__mro__:
            if base is BaseExceptionGroup:
                return self._members, row_of("unknown", cls)
            names = names_of(base)
            if any(name in WASM for name in names):
                return _trap, row_of("unknown", cls)
            kind = next((NAMES[name] for name in names if name in NAMES), None)
            if any(name in WRAPPERS for name in names):
                return self._inside, row_of(kind or "unknown", cls)
            if kind is not None:
                break
            if base in CLASSES:
                kind = CLASSES[base]
                system = issubclass(cls, OSError)
                break
            if base is OSError:
                system = True
                break
        if issubclass(cls, UnifiedError):
            return _own, row_of(kind or "unknown", cls)
        if kind is None and not issubclass(cls, Exception):
            return None, row_of("cancelled", cls)
        if system:
            return self._system, row_of(kind or "unknown", cls)
        if kind is not None:
            return None, row_of(kind, cls)
        if cls.__module__ == "builtins" and not self._otherwise:  # nobody gives a plain ValueError a status
            return None, row_of("unknown", cls)
        if any(name in vars(base) for base in cls.__mro__ for name in ATTRIBUTES):
            return self._attributes_of_class, row_of("unknown", cls)
        return self._attributes, row_of("unknown", cls)

    # What is looked at each time

    def _system(self, error: BaseException, row: "Row") -> "Failure | Row":
        number = read(error, "errno")
        if type(number) is not int:
            return row if row[0] != "unknown" else self._attributes_of_class(error, row)
        known = self._by_errno.get(number)
        if known is None:
            name = self._errno_names.get(number)
            if name not in ERRNO:
                return row if row[0] != "unknown" else self._attributes_of_class(error, row)
            found = from_errno(name)
            known = self._by_errno[number] = row_from(found)
        return known

    def _attributes(self, error: BaseException, row: "Row") -> "Failure | Row":
        held = read(error, "__dict__")
        if held:
            names = [name for name in ATTRIBUTES if name in held]
            if names:
                found = from_attributes(error, names, None if self._wall is None else self._wall())
                if found is not None:
                    return found
        return self._others(error, row) if self._otherwise else row

    def _attributes_of_class(self, error: BaseException, row: "Row") -> "Failure | Row":
        found = from_attributes(error, ATTRIBUTES, None if self._wall is None else self._wall())
        if found is not None:
            return found
        return self._others(error, row) if self._otherwise else row

    def _others(self, error: BaseException, row: "Row") -> "Failure | Row":
        for rule in self._otherwise:
            found = self.ask(rule, error)
            if found is not None:
                return found
        return row

    def _members(self, error: BaseException, row: "Row") -> "Failure | Row":
        members = [self.classify(member) for member in leaves(error)]
        if not members:
            return row
        failure = merge(members)
        failure._message = None
        failure.cause = error
        return failure

    def _inside(self, error: BaseException, row: "Row") -> "Failure | Row":
        inner = innermost(error)
        if inner is not None:
            found = self.classify(inner)
            if found.kind != "unknown":
                return bound(found, error)
        return row if row[0] != "unknown" else self._attributes_of_class(error, row)

    def ask(self, rule: "Rule | str", error: BaseException) -> "Failure | None":
        """The opinion of one rule, bound to `error`."""
        try:
            opinion = rule if isinstance(rule, str) else rule(error)
            if isinstance(opinion, str):
                return Failure(opinion, None, reason=reason_of(type(error)), domain=domain_of(type(error)), cause=error)
            if isinstance(opinion, Failure):
                return bound(opinion, error)
            if opinion is None:
                return None
        except Exception:
            pass  # as good as no opinion, but counted
        self.rule_errors += 1
        return None


class _Asked:
    """Asks the user's rules for a class, and what would decide without them if they have no opinion."""

    def __init__(self, classifier: Classifier, rules: "list[Rule | str]", look: "Look | None") -> None:
        self._classifier = classifier
        self._rules = rules
        self._look = look

    def look(self, error: BaseException, row: "Row") -> "Failure | Row":
        for rule in self._rules:
            found = self._classifier.ask(rule, error)
            if found is not None:
                return found
        return row if self._look is None else self._look(error, row)


def _own(error: BaseException, row: "Row") -> "Failure | Row":
    own = read(error, "failure")
    if isinstance(own, Failure):
        return bound(own, error)
    return row


def _trap(error: BaseException, row: "Row") -> "Failure | Row":
    name = read(read(error, "trap_code"), "name")
    failure = from_wasm_trap(name if isinstance(name, str) else text_of(error))
    failure._message = None
    failure.cause = error
    return failure


def _check(rule: object) -> None:
    if isinstance(rule, str):
        Failure(rule)  # refuses a kind that does not exist
    elif not callable(rule):
        raise ConfigurationError(f"a rule is a kind of failure or a function of the exception; got {rule!r}")


def _in_order(
    rules: "tuple[tuple[type[BaseException], Rule | str], ...]", cls: "type[BaseException]"
) -> "list[Rule | str]":
    return [rule for base in cls.__mro__ for known, rule in rules if known is base]
