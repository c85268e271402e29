"""What the strategies of a policy make of an exception, decided once for each class.

A frame finds the answer in a dict by class, if the exception carries nothing (``__dict__`` is empty). Otherwise it
asks: an exception with an errno, an HTTP status or the like is looked at each time, and so is each for a user's
predicate.
"""

from __future__ import annotations

from backstay.classification import ClassMatcher
from backstay.classifier import CLASSIFIER, classify, remember
from backstay.errors import Rejected, TimedOut
from backstay_core.failure import NEUTRAL, Failure
from backstay_core.options import KindMatcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.strategies.breaker import Breaker
    from backstay_core.strategies.fallback import Substitute
    from backstay_core.strategies.retry import Retrier

MOST_CLASSES = 1000  # remembered by one strategy; a program that makes classes all the time must not fill memory
NO = -1


#  what an exception carries, whatever its class makes of ``__dict__``
held: Callable[[BaseException], dict[str, Any]] = BaseException.__dict__["__dict__"].__get__


def is_ordinary(cls: type[BaseException]) -> bool:
    """Is an exception's ``__dict__`` what it carries, read by no code of its class?"""
    for base in cls.__mro__:
        if "__dict__" in vars(base):
            own = type(vars(base)["__dict__"])
            return own is type(BaseException.__dict__["__dict__"]) and (
                cls.__getattribute__ is BaseException.__getattribute__
            )
    return False


class PolicyBug(BaseException):
    """Carries an error of a user's own predicate out of a frame, past everything that judges exceptions (EX5)."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Answers:
    """One strategy's answers by class (`known`), and how to find one (`ask`). Answers are integers."""

    __slots__ = ("__weakref__", "_apart", "_decide", "_remember", "known")

    def __init__(
        self, decide: Callable[[Failure], int], matcher: Any, apart: type[BaseException] | None = None
    ) -> None:
        """`apart`: exceptions whose class alone decides nothing here."""
        self.known: dict[type[BaseException], int] = {}
        self._apart = apart
        self._decide = decide
        remember(self)
        self._remember = matcher is None or isinstance(matcher, (ClassMatcher, KindMatcher))

    def forget(self) -> None:
        self.known.clear()

    def ask(self, error: BaseException) -> int:
        """The answer for `error`. A predicate that raises comes out as a `PolicyBug`."""
        cls = type(error)
        carried = held(error)
        if len(carried) == 1 and "__notes__" in carried:  # our own, perhaps: it says nothing of what happened
            known = self.known.get(cls)
            if known is not None:
                return known
        plain = self._remember and self._is_plain(error, cls)
        failure = classify(error)
        try:
            answer = self._decide(failure)
        except Exception as bug:
            if self._remember:  # no predicate: the interpreter itself, at the end of its stack or memory
                raise
            raise PolicyBug(bug) from bug
        if plain:
            if len(self.known) >= MOST_CLASSES:
                self.known.clear()
            self.known[cls] = answer
        return answer

    def _is_plain(self, error: BaseException, cls: type[BaseException]) -> bool:
        """Does the class alone give the answer for this error?"""
        if (self._apart is not None and issubclass(cls, self._apart)) or not is_ordinary(cls):
            return False
        return issubclass(cls, (Rejected, TimedOut)) or CLASSIFIER.plain(error)


def verdicts(breaker: Breaker) -> Answers:
    """FAILED, OK or NEUTRAL for a breaker; whatever is no `Exception` is neutral."""

    def decide(failure: Failure) -> int:
        return breaker.judge(failure, 0) if isinstance(failure.cause, Exception) else NEUTRAL

    return Answers(decide, breaker.options.on_matches)


def wishes(retrier: Retrier, own: tuple[str, ...]) -> Answers:
    """For a Retry: the pause that the server asks for in ns (0: none asked), or NO.

    `own`: the very texts with which this frame refuses. Another policy may have the same name.
    """

    def decide(failure: Failure) -> int:
        error = failure.cause
        if not isinstance(error, Exception):
            return NO
        if isinstance(error, Rejected) and any(text is place for text in error.args[:1] for place in own):
            return NO
        if not retrier.wants(failure):
            return NO
        return failure.retry_after or 0

    return Answers(decide, retrier.options.on_matches, apart=Rejected)


def replaceable(substitute: Substitute) -> Answers:
    """1 if a Fallback answers this failure, else 0."""

    def decide(failure: Failure) -> int:
        return int(substitute.applies(failure))

    return Answers(decide, substitute.options.on_matches)
