"""What a name, number or code means to Backstay: the answers of `backstay classify`."""

from __future__ import annotations

from errno import errorcode

from backstay_core.failure import FAILED, KINDS, NEUTRAL, OK, ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_NUMBER = 20

VERDICTS = {FAILED: "failed", OK: "succeeded", NEUTRAL: "neutral"}
RETRIES = {
    "never": "trying again does not help",
    "same": "the same request may succeed",
    "later": "after a pause",
    "refresh": "after renewing credentials or topology",
    "elsewhere": "at another endpoint",
    "higher": "redo the whole transaction",
}
EXECUTED = {
    "no": "surely not: may be repeated",
    "maybe": "perhaps: repeat only what is idempotent",
    "yes": "yes: repeat only what is idempotent",
}


def meanings(asked: str) -> list[tuple[str, Failure]]:
    """(why, failure) for everything that `asked` can be. Raises `ConfigurationError` if nobody knows it."""
    found = list(_meanings(asked))
    if not found:
        raise ConfigurationError(
            f"{asked!r} is no exception that Backstay knows, no HTTP status, errno, JSON-RPC or gRPC code, and no kind"
        )
    return found


def _meanings(asked: str) -> Iterator[tuple[str, Failure]]:
    from backstay_core.errors.grpc import from_grpc
    from backstay_core.errors.http import from_http_status
    from backstay_core.errors.jsonrpc import from_jsonrpc
    from backstay_core.errors.system import ERRNO, from_errno
    from backstay_core.errors.tables import CLASSES, NAMES
    from backstay_core.failure import CODES

    if asked in KINDS:
        yield f"{asked} is a kind of failure", Failure(asked)
    if len(asked) == 3 and asked.isascii() and asked.isdigit() and 100 <= int(asked) <= 599:
        yield f"HTTP status {asked}", from_http_status(int(asked))
    elif len(asked) <= LONGEST_NUMBER and asked.isascii() and asked.lstrip("-").isdigit():
        number = int(asked)
        if number < 0:
            yield f"JSON-RPC code {asked}", from_jsonrpc({"code": number, "message": ""})
        elif number in errorcode:
            yield f"errno {asked} is {errorcode[number]} on this system", from_errno(errorcode[number])
    if asked.upper() in ERRNO:
        yield f"system error {asked.upper()}", from_errno(asked.upper())
    if asked.upper() in CODES:
        yield f"gRPC code {asked.upper()}", from_grpc(asked.upper())
    for cls, kind in CLASSES.items():
        if cls.__name__ == asked:
            yield f"Python's {asked}, by its class", Failure(kind)
    for name, kind in NAMES.items():
        if asked in (name, name.rpartition(".")[2]):
            yield f"{name}, by its name", Failure(kind)
    builtin = vars(__import__("builtins")).get(asked)
    if isinstance(builtin, type) and issubclass(builtin, BaseException) and builtin not in CLASSES:
        from backstay.classifier import CLASSIFIER

        bases = ", ".join(base.__name__ for base in builtin.__mro__[1:-2] if base in CLASSES)
        why = f"by its base {bases}" if bases else "which says nothing of its own"
        if issubclass(builtin, BaseExceptionGroup):
            why = "by what is in it: here an Exception"
        example = builtin("", [Exception()]) if issubclass(builtin, BaseExceptionGroup) else builtin.__new__(builtin)
        yield f"Python's {asked}, {why}", Failure(CLASSIFIER.kind(example))


def rows(failure: Failure) -> list[tuple[str, str, str]]:
    """(question, answer, what it means) of a failure."""
    return [
        ("kind", failure.kind, ""),
        ("code", failure.code, ""),
        ("severity", failure.severity, "informs people, decides nothing"),
        ("executed", failure.executed, EXECUTED[failure.executed]),
        ("retry", failure.retry, RETRIES[failure.retry]),
        ("breaker", VERDICTS[failure.verdict], "what a circuit breaker counts it as, without `on`"),
    ]


def to_data(why: str, failure: Failure) -> dict[str, object]:
    return {"why": why, **{question: answer for question, answer, _ in rows(failure)}}
