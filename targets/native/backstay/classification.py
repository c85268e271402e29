"""`on=` for Python: exception classes and predicates. What they judge was classified by `backstay.classifier`."""

from __future__ import annotations

from backstay.classifier import classify
from backstay.errors import error_of
from backstay_core.failure import ConfigurationError, Failure
from backstay_core.options import CHECKS, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ClassMatcher", "PredicateMatcher", "check_failures", "classify", "exception_of", "is_exception_class"]


def exception_of(failure: Failure) -> BaseException:
    """The exception that a failure is. One of Backstay's own is made here and kept, so it is judged as it comes out."""
    if not isinstance(failure.cause, BaseException):
        failure.cause = error_of(failure)
    error: BaseException = failure.cause
    return error


class ClassMatcher:
    """Matches failures whose exception is an instance of `classes`: the class alone decides."""

    __slots__ = ("classes",)

    def __init__(self, classes: tuple[type[BaseException], ...]) -> None:
        self.classes = classes

    def matches(self, failure: Failure) -> bool:
        return isinstance(exception_of(failure), self.classes)


class PredicateMatcher:
    """Matches failures for whose exception `predicate` is true."""

    __slots__ = ("predicate",)

    def __init__(self, predicate: Callable[[BaseException], object]) -> None:
        self.predicate = predicate

    def matches(self, failure: Failure) -> bool:
        return bool(self.predicate(exception_of(failure)))


def is_exception_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def check_failures(where: str, field: Field, value: Any) -> dict[str, Any]:
    """`on=` as Python writes it: an exception class or several, a predicate of the exception, or kinds by name."""
    classes = value if isinstance(value, tuple) else (value,)
    if classes and all(is_exception_class(cls) for cls in classes):
        return {field.name: value, field.name + "_matches": ClassMatcher(classes)}
    if callable(value) and not isinstance(value, type):
        return {field.name: value, field.name + "_matches": PredicateMatcher(value)}
    if not isinstance(value, (str, tuple, list)) and not hasattr(value, "matches"):
        raise ConfigurationError(
            f"{where} must be exception classes, a function of the exception or kinds of failure; got {value!r}"
        )
    return CHECKS["failures"](where, field, value)
