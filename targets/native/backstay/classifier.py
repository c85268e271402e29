"""The classifier of this process."""

from __future__ import annotations

from _weakref import ref
from errno import errorcode
from time import time_ns

from backstay_core.errors.classifier import Classifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from backstay_core.failure import Failure

    class Memory(Protocol):
        def forget(self) -> None: ...


CLASSIFIER = Classifier(errorcode, time_ns)
classify = CLASSIFIER.classify

#  what else remembers answers by class, and must forget them when a rule comes
_MEMORIES: list[Any] = []


def remember(memory: Memory) -> None:
    """`memory` holds answers that depend on the classifier; its ``forget`` is called when they may be wrong."""
    _MEMORIES.append(ref(memory, _MEMORIES.remove))


def register_classifier(cls: type[BaseException], rule: str | Callable[[BaseException], Failure | str | None]) -> None:
    """Let `rule` decide on exceptions of `cls` and its subclasses (see `Classifier.register`)."""
    CLASSIFIER.register(cls, rule)
    for reference in list(_MEMORIES):
        memory = reference()
        if memory is not None:
            memory.forget()
