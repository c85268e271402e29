"""From an exception to a `Failure`: what it means, decided once for each class.

The order of questions: what the user registered; what the exception itself says (`UnifiedError.failure`); its errno, by
name; its class and base classes, by identity and by qualified name. What nobody knows is *unknown*.
"""

from backstay_core.errors.tables import CLASSES, ERRNO, NAMES
from backstay_core.failure import Failure, UnifiedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Rule = Callable[[BaseException], "Failure | str | None"]


class Classifier:
    """Classifies exceptions. `errno_names` maps the runtime's errno numbers to names (``errno.errorcode``).

    Classes are looked up once and remembered; only exceptions with an errno, and those with a registered rule, are
    looked at each time.
    """

    def __init__(self, errno_names: "Mapping[int, str]") -> None:
        self._errno_names = errno_names
        self._kinds: "dict[type[BaseException], str]" = {}
        self._rules: "list[tuple[type[BaseException], Rule | str]]" = []

    def register(self, cls: "type[BaseException]", rule: "Rule | str") -> None:
        """Let `rule` decide on exceptions of `cls`: a kind, or a function that returns a `Failure`, a kind or None (no
        opinion). The rule registered last is asked first."""
        if isinstance(rule, str):
            Failure(rule)  # refuses a kind that does not exist
        self._rules.insert(0, (cls, rule))

    def classify(self, error: BaseException) -> Failure:
        """The failure that `error` is; its `cause` is the error. A rule that raises has no opinion."""
        for cls, rule in self._rules:
            if isinstance(error, cls):
                try:
                    decided = rule if isinstance(rule, str) else rule(error)
                except Exception:
                    decided = None
                if decided is not None:
                    failure = Failure(decided, str(error)) if isinstance(decided, str) else decided
                    failure.cause = error
                    return failure
        if isinstance(error, UnifiedError):
            own = error.failure
            if own is not None:
                own.cause = error
                return own
        return Failure(self.kind(error), _text(error), reason=type(error).__name__, cause=error)

    def kind(self, error: BaseException) -> str:
        """The kind of `error` by errno and class alone."""
        if isinstance(error, OSError):
            number = error.errno
            name = self._errno_names.get(number) if isinstance(number, int) else None
            if name in ERRNO:
                return ERRNO[name]
        cls = type(error)
        kind = self._kinds.get(cls)
        if kind is None:
            kind = self._kinds[cls] = kind_of_class(cls)
        return kind


def kind_of_class(cls: "type[BaseException]") -> str:
    """The kind that the first known class in the method resolution order has."""
    for base in cls.__mro__:
        module = base.__module__
        for name in (f"{module}.{base.__qualname__}", f"{module.split('.')[0]}.{base.__qualname__}"):
            if name in NAMES:
                return NAMES[name]
        for known, kind in CLASSES:
            if base is known:
                return kind
    return "unknown" if issubclass(cls, Exception) else "cancelled"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return type(error).__name__
