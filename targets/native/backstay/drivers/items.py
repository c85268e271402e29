"""What a guarded generator reads: which policies and substitutes fit, and generators within one."""

from __future__ import annotations

import sys

from backstay_core.execution import Execution
from backstay_core.failure import ConfigurationError
from backstay_core.strategies.contract import LOOKUP, RACE, SUBSTITUTE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Any

    from backstay.policy import Policy


def check(policy: Policy, layers: tuple[Any, ...], *, asynchronous: bool) -> None:
    """Can a policy of these strategies guard a generator? Raises `ConfigurationError` (GN9 to GN11)."""
    if not issubclass(policy.EXECUTION, Execution):
        raise ConfigurationError(f"policy {policy.name!r} decides elsewhere, and can guard no generator there")
    for layer in layers:
        options: Any = layer.options
        if layer.ROLE in (LOOKUP, RACE):
            raise ConfigurationError(
                f"policy {policy.name!r}: a generator is read once; there is no {options.KIND} of one (GN11)"
            )
        if getattr(options, "results_match", None) is not None:
            raise ConfigurationError(
                f"policy {policy.name!r}: its {options.KIND} judges results, and a generator has none (GN10)"
            )
        if (layer.ROLE == SUBSTITUTE or getattr(options, "fault", "") == "outcome") and not callable(options.value):
            where = f"policy {policy.name!r}: the {options.KIND} of a generator"
            check_items(options.value, where, asynchronous=asynchronous)
            if hasattr(options.value, "__next__") or hasattr(options.value, "__anext__"):
                raise ConfigurationError(f"{where} is an iterator, which one call would use up; give a function (GN9)")


def check_items(value: Any, where: str, *, asynchronous: bool) -> None:
    """Can `value` be read in place of a generator (GN9 in `backstay.streams`)?"""
    if isinstance(value, (str, bytes)) or not (
        hasattr(value, "__iter__") or (asynchronous and hasattr(value, "__aiter__"))
    ):
        raise ConfigurationError(f"{where} must be an iterable of items, for example a list; got {value!r} (GN9)")


def begun(items: Any) -> Any:
    """The first ``__anext__()``. An async generator registers itself with its event loop in it, to be closed when it is
    abandoned: here the frame around it does so, which closes both, one after the other."""
    if not hasattr(items, "ag_running"):
        return items.__anext__()
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, _leave_to_the_frame)
    try:
        return items.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _leave_to_the_frame(generator: object) -> None:
    """What is called when an async generator is collected."""


async def each(items: Any) -> AsyncGenerator[Any, Any]:
    """The items of an ordinary iterable."""
    for item in items:
        yield item
