"""Idempotency: a call that is made again with the same key is not executed again.

As with a Cache the values stay with the host (`backstay.keeping`): it looks whether a call with this key is over, and
refuses one that has other arguments.

Rules:

ID1   A lookup comes first. What it finds is the result of the call that was made with this key before; nothing inside
      is asked.
ID2   A lookup that fails with kind *missing* lets the call go on. Any other failure of it is that of the call: whoever
      does not know whether a call was executed does not execute it.
ID3   A lookup is an operation like an attempt: deadlines and cancellation outside apply to it, and inside a Timeout
      that has run out by then nothing begins (TO5).
ID4   It declares what is inside it: Retry and Hedge inside are idempotent.
"""

from backstay_core.failure import Failure
from backstay_core.options import Field, Options
from backstay_core.strategies.cache import Keeper
from backstay_core.strategies.contract import LOOKUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Idempotency(Options):
    """Options of idempotency by key; times in seconds."""

    KIND = "idempotency"
    ROLE = LOOKUP
    EXCLUSIVE = True  # when a call fails, one of those that waited for it is the next to try
    FIELDS = (
        Field("keep_for", "seconds", "how long a result is known", least=1e-9),
        Field("entries", "count", "most results that are kept", least=1),
        Field("key", "function", "function of the call's arguments (default: idempotency_key=…)", optional=True),
    )

    keep_for_ns: int
    entries: int
    key: "Callable[..., Any] | None"

    def __init__(self, keep_for: float = 86_400.0, *, entries: int = 10_000, key: "Any" = None) -> None:
        self._set(keep_for=keep_for, entries=entries, key=key)

    def state(self, seed: int = 0) -> "Remembered":
        return Remembered(self)


class Remembered(Keeper):
    """The state of an Idempotency."""

    __slots__ = ()
    options: Idempotency

    def goes_on(self, failure: Failure) -> bool:
        return failure.kind == "missing"


def declared(strategy: Options) -> Options:
    """A strategy inside an Idempotency (ID4)."""
    if getattr(strategy, "idempotent", None) is False:
        return strategy.replace(idempotent=True)
    return strategy
