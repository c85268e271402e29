"""Other people's functions, bounded in time: an adapter of a plug-in, a recovery of the program's own."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread

from backstay_core.failure import Failure, UnifiedError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class AdapterError(UnifiedError):
    """What somebody else's code for a runtime environment did wrong: it raised, was not over in time, or gave back
    something else than it should. `kind` is the kind of failure (see ``docs/errors.md``)."""

    def __init__(self, message: str, kind: str = "internal") -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def failure(self) -> Failure:
        return Failure(self.kind, str(self), reason="ADAPTER", domain="backstay", cause=self)


def bounded(what: str, function: Callable[[], Any], seconds: float) -> Any:
    """The result of `function`, which runs in a thread of its own.

    Raises `AdapterError` if it raises anything but a `UnifiedError`, or is not over after `seconds`; the thread is then
    left to itself.
    """
    over = allocate_lock()
    over.acquire()
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((function(), None))
        except BaseException as error:  # also SystemExit: it is no request of the program's
            outcome.append((None, error))
        finally:
            over.release()

    try:
        start_new_thread(run, ())
    except RuntimeError:  # no threads here: then nothing can be bounded, and what is built in needs no bound
        run()
    if not over.acquire(True, max(0.0, seconds)):
        raise AdapterError(f"{what} was not over after {seconds} s", "timeout")
    value, error = outcome[0]
    if error is None:
        return value
    if isinstance(error, UnifiedError):
        raise error
    raise AdapterError(f"{what} raised {type(error).__name__}: {shown(str(error))}") from error
