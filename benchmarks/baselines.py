"""What is guarded, and the hand-written code that every ratio is taken against."""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import Any

KEY = 7


class Unavailable(Exception):
    """The dependency's failure. A plain exception: the cheapest to raise, which makes every ratio harder to keep."""


def fetch(key: Any) -> Any:
    return key


async def afetch(key: Any) -> Any:
    return key


async def asuspend(key: Any) -> Any:
    """Goes through the event loop once, as every call that waits for something does."""
    await asyncio.sleep(0)
    return key


def fail(key: Any) -> Any:
    raise Unavailable


async def afail(key: Any) -> Any:
    raise Unavailable


def sometimes(period: int, failures: int) -> Any:
    """A function of which `failures` calls in every `period` fail, evenly spread."""
    outcomes = cycle([(i + 1) * failures // period > i * failures // period for i in range(period)])

    def fetch(key: Any) -> Any:
        if next(outcomes):
            raise Unavailable
        return key

    return fetch


def wrapped(function: Any) -> Any:
    """The wrapper that every decorator has if it does not know the signature."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def awrapped(function: Any) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


def three_attempts(function: Any) -> Any:
    """The loop that people write."""

    def attempts(key: Any) -> Any:
        for attempt in (1, 2, 3):
            try:
                return function(key)
            except Unavailable:
                if attempt == 3:
                    raise
        return None

    return attempts
