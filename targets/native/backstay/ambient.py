"""The ambient deadline: how much time the caller of the caller has left.

A policy with a `Timeout` publishes its deadline to what runs inside it, so that nested policies do not begin what
nobody will wait for. `deadline` publishes one without a policy: a server does so for the time that its client gave
(`backstay.propagation`).

How it is kept: a context variable holds nothing, a deadline (ns), or a *cell* ``[deadline, owner thread, base]``. A
frame around an async call sets a number and resets it. A frame around a sync call runs without suspension in its
thread, so it writes its deadline into the thread's cell and puts the old one back, which costs a fifth of a set and
reset (236 against 347 ns for a whole guarded call). The cell stays for the next call. A thread that got somebody
else's cell with a copied context reads `base`, the deadline at the time the cell was made, never the part that its
owner goes on changing.
"""

from __future__ import annotations

from _thread import get_ident
from contextvars import ContextVar, Token
from time import monotonic_ns

from backstay_core.clock import SECOND
from backstay_core.failure import NEVER
from backstay_core.options import CHECKS, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    Cell = list[int]

clock = monotonic_ns  #  of `remaining` and `deadline`; virtual time has its own

SECONDS = Field("seconds", "seconds", "", least=0)

AMBIENT: ContextVar[int | Cell | None] = ContextVar("backstay_deadline", default=None)


def current_deadline() -> int:
    """The ambient deadline in ns of the monotonic clock, NEVER without one."""
    ambient = AMBIENT.get()
    if ambient is None:
        return NEVER
    if isinstance(ambient, list):
        return ambient[0] if ambient[1] == get_ident() else ambient[2]
    return ambient


def new_cell() -> Cell:
    """A cell for this thread in this context; it begins with the deadline that applies now."""
    now = current_deadline()
    cell = [now, get_ident(), now]
    AMBIENT.set(cell)
    return cell


def unpublish(published: Token[int | Cell | None]) -> None:
    """Take a deadline back. A coroutine that is closed from another context finds nothing of its own there."""
    try:
        AMBIENT.reset(published)
    except ValueError:
        pass


def remaining() -> float | None:
    """Seconds until the tightest deadline around this code has passed, that of a Timeout or of `deadline` (never
    negative); None without one."""
    deadline = current_deadline()
    return None if deadline >= NEVER else max(0, deadline - clock()) / SECOND


class deadline:
    """``with deadline(2.0): …``: what runs inside has 2 seconds, or what is left of a tighter deadline around it.

    It interrupts nothing. Policies inside refuse calls that begin too late and no pause goes past it; `remaining` tells
    of it, and clients pass it on. None is no deadline of its own. Enter it once, and leave it in the task that entered
    it. Raises `ConfigurationError` for what is no number of seconds.
    """

    __slots__ = ("_ns", "_published", "seconds")

    def __init__(self, seconds: float | None, /) -> None:
        self.seconds = seconds
        self._ns = NEVER if seconds is None else CHECKS["seconds"]("deadline(…)", SECONDS, seconds)["seconds_ns"]
        self._published: Token[int | Cell | None] | None = None

    def __enter__(self) -> Self:
        if self._published is not None:
            raise RuntimeError("a deadline is entered once; make another one")
        self._published = AMBIENT.set(min(current_deadline(), clock() + self._ns))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._published is not None:
            unpublish(self._published)

    def __repr__(self) -> str:
        return f"deadline({self.seconds!r})"
