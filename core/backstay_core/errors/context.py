"""What was going on when something failed: facts, and the trail of what happened before.

Both are cleaned when they come in (`redaction`), so that nothing that holds them, or prints them, holds a secret.
"""

from backstay_core.errors.redaction import REDACTOR, Redactor
from backstay_core.errors.rows import copy_of
from backstay_core.events import Ring
from backstay_core.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TRAIL = 100  # breadcrumbs kept


class Trail:
    """The last things that happened (breadcrumbs), oldest first; at most `capacity`."""

    __slots__ = ("_redactor", "_ring")

    def __init__(self, capacity: int = TRAIL, redactor: Redactor = REDACTOR) -> None:
        self._ring = Ring(capacity)
        self._redactor = redactor

    def leave(self, now: int, message: str, category: str = "", data: "Any" = None) -> None:
        """Leave a breadcrumb: at `now` (ns), a line for people, a word to sort by, and plain data."""
        clean = self._redactor.clean
        self._ring.append((now, clean(message), clean(category), None if data is None else clean(data)))

    def to_data(self, now: int) -> "list[dict[str, Any]]":
        """The breadcrumbs as plain data; `age` is in ns before `now`."""
        return [
            {"age": max(0, now - at), "category": category, "message": message, "data": data}
            for at, message, category, data in self._ring.to_list()
        ]

    @property
    def dropped(self) -> int:
        """How many were forgotten for newer ones."""
        return self._ring.dropped

    def __len__(self) -> int:
        return len(self._ring)


def attach(
    failure: Failure,
    facts: "dict[str, Any] | None" = None,
    trail: "Trail | None" = None,
    now: int = 0,
    redactor: Redactor = REDACTOR,
) -> Failure:
    """The same failure with `facts` added to its context, and the breadcrumbs under ``breadcrumbs``."""
    context = redactor.clean(failure.context or {})
    if facts:
        context.update(redactor.clean(facts))
    if trail is not None:
        context["breadcrumbs"] = trail.to_data(now)
    attached = copy_of(failure)
    attached.context = context
    return attached
