"""Other libraries doing the same, as far as each can express it. One module for each, written after its documentation.

A module has `TITLE`, `PACKAGES` (distributions, for their versions), `IMPORTS` (what a program that uses them imports),
and adapters, each a function from the function to a guarded one:

========== =======================================================================================================
`four`     Fallback, Retry, circuit breaker, bulkhead
`breaker`  a circuit breaker
`five`     the four and a timeout for each attempt, for coroutine functions (called while a loop runs)
`refusing` a circuit breaker that, once open, stays open for an hour
`retry`    three attempts without pauses
`failing`  the same with a breaker that does not open and a bulkhead
========== =======================================================================================================

`state` makes one breaker's state, to be weighed. `PARTS` says of an adapter what it consists of, where that is not all
of the above. An adapter that is missing cannot be expressed.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Any

DEFAULT = ("nopanic", "interlock_cb", "hyx", "tenacity_pybreaker")
ALL = (*DEFAULT, "stamina_purgatory", "circuitbreaker", "backoff", "pyresilience", "resilix", "redress")

NEVER_OPENS = 10**9
LONG = 3600.0


def load(name: str) -> Any:
    """The module of a peer, or None where one of its packages is not installed."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("benchmarks"):
            raise
        return None


def versions(modules: Iterable[Any]) -> dict[str, str]:
    return {package: version(package) for module in modules if module is not None for package in module.PACKAGES}
