"""backoff."""

from __future__ import annotations

from typing import Any

import backoff

from benchmarks.baselines import Unavailable

TITLE = "backoff"
PACKAGES = ("backoff",)
IMPORTS = ("backoff",)
PARTS = {"four": "retry", "five": "retry"}


def four(function: Any) -> Any:
    return retry(function)


def five(function: Any) -> Any:
    return retry(function)


def retry(function: Any) -> Any:
    return backoff.on_exception(
        backoff.constant, Unavailable, max_tries=3, interval=0, jitter=None, logger=None
    )(function)  # fmt: skip
