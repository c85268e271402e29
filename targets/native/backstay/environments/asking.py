"""Asking adapters: ours directly, for they read files and never wait; those of plug-ins within bounds."""

from __future__ import annotations

from backstay.environments.bounded import AdapterError, bounded
from backstay_core.environments.adapters import ADAPTERS
from backstay_core.failure import UnifiedError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from backstay_core.environments.contract import RuntimeEnvironmentAdapter

    T = TypeVar("T")


class Asking:
    """Calls adapters of anybody's. `patience` is the seconds that a call may take; `failed` is told of each failure.

    While a call hangs no other is made (see EM3 in `backstay.environments.manager`).
    """

    def __init__(self, patience: float, failed: Callable[[UnifiedError], object]) -> None:
        self.patience = patience
        self._failed = failed
        self._hung: list[str] = []

    def forget(self) -> None:
        """Another adapter is in charge: what hangs is not its fault."""
        self._hung = []

    def answer(
        self,
        adapter: RuntimeEnvironmentAdapter,
        method: str,
        kind: type[T],
        *arguments: Any,
        patience: float | None = None,
    ) -> T:
        """What the method gives back, which must be of this kind. Raises `UnifiedError`."""
        value = self.call(adapter, method, *arguments, patience=patience)
        if not isinstance(value, kind):
            error = AdapterError(f"{type(adapter).__name__}.{method} gave back {shown(value)}, no {kind.__name__}")
            self._failed(error)
            raise error
        return value

    def quietly(self, adapter: RuntimeEnvironmentAdapter, method: str) -> None:
        """Call a method whose failure changes nothing; `failed` is told."""
        try:
            self.call(adapter, method)
        except UnifiedError:
            pass

    def call(
        self, adapter: RuntimeEnvironmentAdapter, method: str, *arguments: Any, patience: float | None = None
    ) -> Any:
        """What the method gives back. Raises `UnifiedError`."""
        if type(adapter) in ADAPTERS:
            return getattr(adapter, method)(*arguments)
        what = f"{type(adapter).__name__}.{method}"
        if self._hung:
            raise AdapterError(f"{what} was not called: {self._hung[0]} hangs", "timeout")
        hung = self._hung
        running = [what]

        def call() -> Any:
            try:
                return getattr(adapter, method)(*arguments)
            finally:
                running.clear()  # first: whoever is late sees one or the other
                _discard(hung, what)

        try:
            return bounded(what, call, self.patience if patience is None else patience)
        except UnifiedError as error:
            if running:
                hung.append(what)
                if not running:
                    _discard(hung, what)
            self._failed(error)
            raise


def _discard(names: list[str], name: str) -> None:
    try:
        names.remove(name)
    except ValueError:
        pass  # somebody else was first
