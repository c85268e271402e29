"""A row of docs/comparison.md as it is run with other libraries: a scenario, and the few lines that express it in each.

`Row.does` names the libraries that do what the row says, `Row.does_not` those that were thought to and what they do
instead. A scenario fails with an `AssertionError`; it also has to fail on a function that nothing guards, which shows
that what it asks for is there because of the library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import pytest

from tests.peers.breakers import Boom, Clock

Decorate = Callable[[Any], Any]


class Lab:
    """Where one scenario is played: a clock, means to put it under a library, and what is undone `after` it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.patch = patch
        self.after = ExitStack()

    def library(self, name: str, **clocks: str) -> Any:
        """The library, with this clock for `what` in each of its modules: `module="what"`, dots as underscores."""
        for module, what in clocks.items():
            stand_in = self.clock if what == "time" else getattr(self.clock, what.strip("_"))
            self.patch.setattr(import_module(module.replace("__", ".")), what, stand_in)
        return import_module(name)


@contextmanager
def skipped_if_absent() -> Iterator[None]:
    """Skips a test of a library that is not installed; that a module of one is gone is an error."""
    try:
        yield
    except ModuleNotFoundError as missing:
        library = (missing.name or "").partition(".")[0]
        try:
            import_module(library)
        except ModuleNotFoundError:
            pytest.skip(f"{library} is not installed (requirements/dev.txt has it)")
        raise


Adapter = Callable[[Lab], Any]


class Row(NamedTuple):
    """`nothing` expresses the row without any library."""

    title: str
    scenario: Callable[[Lab, Callable[[], Any]], None]
    does: Mapping[str, Adapter]
    does_not: Mapping[str, tuple[Adapter, str]] = {}
    nothing: Adapter = lambda lab: bare


def bare(function: Any) -> Any:
    """A decorator that does nothing."""
    return function


def blocking(decorate: Decorate) -> Decorate:
    """What decorates coroutine functions only, for functions."""

    def guard(function: Callable[[], Any]) -> Callable[[], Any]:
        async def call() -> Any:
            return function()

        guarded = decorate(call)
        return lambda: asyncio.run(guarded())

    return guard


GOOD, BAD, SLOW = (0, "fine"), (0, Boom()), (2, "late")
"""What a call does: it takes seconds, and returns or raises."""


class Calls:
    """A guarded function, whose calls do what a test says, and how they ended: `.` fine, `x` failed, `-` refused."""

    def __init__(self, lab: Lab, decorate: Decorate) -> None:
        self.entered = 0
        self.step: tuple[float, Any] = GOOD

        def call() -> Any:
            self.entered += 1
            seconds, outcome = self.step
            lab.clock.now += seconds
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        self.guarded = decorate(call)

    def __call__(self, *steps: tuple[float, Any]) -> str:
        return "".join(map(self._play, steps))

    def _play(self, step: tuple[float, Any]) -> str:
        self.step, before = step, self.entered
        try:
            self.guarded()
        except (Exception, KeyboardInterrupt):
            return "x" if self.entered > before else "-"
        return "." if self.entered > before else "-"
