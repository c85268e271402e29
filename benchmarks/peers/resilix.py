"""resilix."""

from __future__ import annotations

from typing import Any

from resilix import protect

from benchmarks.baselines import Unavailable
from benchmarks.peers import LONG, NEVER_OPENS

TITLE = "resilix"
PACKAGES = ("resilix",)
IMPORTS = ("resilix",)


def four(function: Any) -> Any:
    guarded = protect.circuit()(protect.bulkhead(50)(function))
    return protect.when(Exception, return_=None)(protect.when(Unavailable, retry=3)(guarded))


def breaker(function: Any) -> Any:
    return protect.circuit()(function)


def five(function: Any) -> Any:
    guarded = protect.circuit()(protect.bulkhead(50)(protect.timeout(1.0)(function)))
    return protect.when(Exception, return_=None)(protect.when(Unavailable, retry=3)(guarded))


def refusing(function: Any) -> Any:
    return protect.circuit(reset_timeout=LONG)(function)


def retry(function: Any) -> Any:
    return protect.when(Unavailable, retry=3)(function)


def failing(function: Any) -> Any:
    guarded = protect.circuit(failures=NEVER_OPENS)(protect.bulkhead(50)(function))
    return protect.when(Unavailable, retry=3)(guarded)
