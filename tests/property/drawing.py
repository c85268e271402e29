"""Where random scenarios get their numbers from: Hypothesis, which shrinks what it finds, or a seed: quicker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Draw(Protocol):
    """Draws one number after another; everything else is made of them."""

    def integer(self, least: int, most: int) -> int: ...


class ByHypothesis:
    def __init__(self, draw: Callable[..., Any]) -> None:
        self._draw = draw

    def integer(self, least: int, most: int) -> int:
        number: int = self._draw(st.integers(least, most))
        return number


class BySeed:
    """The same numbers for the same seed, on every machine and version."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed).random

    def integer(self, least: int, most: int) -> int:
        return least + int(self._random() * (most - least + 1))


def one_of(draw: Draw, items: Sequence[T]) -> T:
    return items[draw.integer(0, len(items) - 1)]


def one_in(draw: Draw, number: int) -> bool:
    """True once in `number` times."""
    return draw.integer(0, number - 1) == 0


def some_of(draw: Draw, items: Sequence[T], least: int, most: int) -> list[T]:
    """Different ones, in a random order."""
    left = list(items)
    return [left.pop(draw.integer(0, len(left) - 1)) for _ in range(draw.integer(least, most))]
