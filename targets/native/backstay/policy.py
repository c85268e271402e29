"""`Policy`: what people hold in their hands."""

from __future__ import annotations

from os import urandom
from sys import version_info

from backstay import strategies
from backstay.drivers.operation import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, flags_of
from backstay.drivers.ports import REAL, Ports
from backstay.frames.compiler import frame_for
from backstay_core import policy as core
from backstay_core.failure import ConfigurationError
from backstay_core.options import Options
from backstay_core.policy import Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

#  what a decorated function takes over (as functools.wraps does, which costs an import)
DESCRIPTION = ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__") + (
    ("__annotations__",) if version_info < (3, 14) else ("__annotate__",)
)


class Policy(core.Policy):
    """A named, ordered composition of strategies, outermost first.

    It is a decorator for functions and coroutine functions, and calls them by `call` and `acall`. `failures` decides
    for all strategies without an `on` of their own which failures count and are tried again. `seed` makes random pauses
    reproducible; without one each process has its own.

    Raises `ConfigurationError` for what cannot mean anything.
    """

    STRATEGIES = {cls.KIND: cls for cls in strategies.ALL}  # noqa: RUF012 - a constant table

    def __init__(self, name: str, *parts: Options | Shared, failures: Any = None, seed: int | None = None) -> None:
        if failures is not None:
            parts = tuple(_judging_by(failures, part) for part in parts)
        if seed is None:
            seed = int.from_bytes(urandom(8), "little")
        super().__init__(name, *parts, seed=seed)
        self.ports: Ports = REAL
        self._call: Any = frame_for(self, None, asynchronous=False, as_argument=True)
        self._acall: Any = frame_for(self, None, asynchronous=True, as_argument=True)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate: the same function, guarded. Keeps name, signature and documentation."""
        guarded = self._frame(function, bool(_callable(self, function) & CO_COROUTINE))
        guarded.__annotations__ = {}
        for attribute in DESCRIPTION:
            if hasattr(function, attribute):
                setattr(guarded, attribute, getattr(function, attribute))
        guarded.__dict__.update(getattr(function, "__dict__", {}))
        guarded.__wrapped__ = function
        guarded.policy = self
        result: Callable[P, R] = guarded
        return result

    def _frame(self, function: Any, asynchronous: bool) -> Any:
        return frame_for(self, function, asynchronous=asynchronous)

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call an ordinary function under this policy. A coroutine function is refused: use `acall`."""
        if _callable(self, function) & CO_COROUTINE:
            raise ConfigurationError(f"policy {self.name!r}: call() of a coroutine function; use await acall()")
        result: R = self._call(function, *args, **kwargs)
        return result

    async def acall(self, function: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Await a coroutine function, or anything that returns an awaitable, under this policy."""
        _callable(self, function)
        result: R = await self._acall(function, *args, **kwargs)
        return result

    def __repr__(self) -> str:
        return f"Policy({', '.join([repr(self.name), *map(repr, self.strategies)])})"


def _callable(policy: Policy, function: object) -> int:
    """The code flags of `function`; refuses what cannot be called, and what a call would only begin."""
    if not callable(function):
        raise ConfigurationError(f"policy {policy.name!r} guards functions; got {function!r}")
    flags = flags_of(function)
    if flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        raise ConfigurationError(f"policy {policy.name!r} cannot guard {function!r}: a generator is no single call")
    return flags


def _judging_by(failures: Any, part: Options | Shared) -> Options | Shared:
    """The same strategy, judging by `failures` if it judges and has no `on` of its own."""
    judges = isinstance(part, (strategies.CircuitBreaker, strategies.Retry))
    return part.replace(on=failures) if judges and part.on is None else part  # type: ignore[union-attr]


def shared(name: str, options: Options, *, seed: int | None = None) -> Shared:
    """One strategy's state under a name, to stand in many policies: one breaker for one database, say."""
    return Shared(name, options, seed=int.from_bytes(urandom(8), "little") if seed is None else seed)
