"""What the drivers have in common: which functions are coroutine functions, and how a substitute is made."""

from __future__ import annotations

import sys

from backstay_core.failure import ConfigurationError, Failure
from backstay_core.strategies.contract import FAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy
    from backstay_core.execution import Execution

CO_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200


def flags_of(function: Any) -> int:
    """The code flags of what a call of `function` runs: through partials, bound methods and ``__call__``."""
    functools = sys.modules.get("functools")
    while functools is not None and isinstance(function, functools.partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is None and not isinstance(function, type):
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004
    flags = getattr(code, "co_flags", 0)
    return flags if isinstance(flags, int) else 0  # a proxy that answers for every attribute is told nothing by this


def name_of(function: Any, otherwise: str = "call") -> str:
    """Its name, if it has one: what is callable may have none, or answer for every attribute."""
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else otherwise


def flags_to_guard(policy: Policy, function: object, *, generators: bool = False) -> int:
    """The code flags of `function`; refuses what cannot be called, and what a call would only begin."""
    if not callable(function):
        raise ConfigurationError(f"policy {policy.name!r} guards functions; got {function!r}")
    flags = flags_of(function)
    if flags & CO_ITERABLE_COROUTINE or (flags & (CO_GENERATOR | CO_ASYNC_GENERATOR) and not generators):
        raise ConfigurationError(
            f"policy {policy.name!r} cannot guard {function!r}: a generator is no single call; decorate its function"
        )
    return flags


def is_coroutine_function(function: object) -> bool:
    return bool(flags_of(function) & CO_COROUTINE)


async def _nothing() -> None:
    """For the type of what it returns."""


_coroutine = _nothing()
COROUTINE = type(_coroutine)
_coroutine.close()


def is_coroutine(value: object) -> bool:
    """A coroutine object (told without importing `types` or `inspect`)."""
    return hasattr(value, "cr_frame") and hasattr(value, "close")


def refuse_coroutine(value: Any, where: str) -> None:
    """A coroutine where a value belongs would run unguarded, or never."""
    if is_coroutine(value):
        value.close()
        raise ConfigurationError(f"{where} returned a coroutine in a sync call; use acall() or an async function")


def substitute_for(execution: Execution, action: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The substitute that a SUBSTITUTE action asks for: the strategy's value, or what its function returns."""
    options = execution.layers[action[3]].options
    value = options.value
    if not callable(value):
        return value
    if execution.layers[action[3]].ROLE == FAULT:
        return value()
    failure = action[4] or Failure("result", f"{execution.policy.name}: an unacceptable result", domain="backstay")
    if getattr(options, "TAKES_ARGUMENTS", False):
        return value(failure, *args, **kwargs)
    return value(failure)


async def asubstitute_for(
    execution: Execution, action: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The same in a task: what a function returns may be something to await; a value is what it is."""
    value = substitute_for(execution, action, args, kwargs)
    if callable(execution.layers[action[3]].options.value) and hasattr(value, "__await__"):
        return await value
    return value
