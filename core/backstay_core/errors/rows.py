"""The fields of a failure that a class (or an errno) decides, as a tuple that is made once and copied often."""

from backstay_core.errors.words import upper_snake
from backstay_core.failure import KINDS, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = tuple[str, str, str, str, str, str, str]  # kind, code, retry, executed, severity, reason, domain

NEW = Failure.__new__


def row_of(kind: str, cls: type) -> "Row":
    """The row of an exception class whose kind is known."""
    code, _, retry, executed, severity = KINDS[kind]
    return kind, code, retry, executed, severity, reason_of(cls), domain_of(cls)


def row_from(failure: Failure) -> "Row":
    return (
        failure.kind, failure.code, failure.retry, failure.executed,
        failure.severity, failure.reason, failure.domain,
    )  # fmt: skip


def build(row: "Row", message: "str | None", retry_after: "int | None", cause: "Any" = None) -> Failure:
    """A failure with these fields; `row` is known to be right and not looked at again."""
    failure = NEW(Failure)
    (
        failure.kind, failure.code, failure.retry, failure.executed,
        failure.severity, failure.reason, failure.domain,
    ) = row  # fmt: skip
    failure.retry_after = retry_after
    failure._message = message
    failure.context = None
    failure.injected = False
    failure.cause = cause
    return failure


def copy_of(failure: Failure) -> Failure:
    """The same failure once more."""
    copy = NEW(Failure)
    for name in Failure.__slots__:
        setattr(copy, name, getattr(failure, name))
    return copy


def bound(failure: Failure, cause: "Any") -> Failure:
    """The same failure, of `cause`. The one given stays as it is: it may be shared."""
    if failure.cause is cause:
        return failure
    copy = copy_of(failure)
    copy.cause = cause
    return copy


def reason_of(cls: type) -> str:
    """`httpx.ConnectTimeout` → ``CONNECT_TIMEOUT``."""
    return upper_snake(cls.__name__) or "ERROR"


def domain_of(cls: type) -> str:
    """The top-level package of the class; ``python`` for the built-in ones."""
    module = cls.__module__
    top = module.partition(".")[0] if isinstance(module, str) else ""
    return "python" if top == "builtins" else top


def names_of(cls: type) -> "tuple[str, str]":
    """The qualified names under which `tables` may know the class: with its module, and with the top-level package."""
    module = cls.__module__
    if not isinstance(module, str):
        return "", ""
    return f"{module}.{cls.__qualname__}", f"{module.partition('.')[0]}.{cls.__qualname__}"
