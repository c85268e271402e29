"""Virtual time for our own tests: the kit's, without its scopes. A test puts ports under its policies itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from backstay.drivers.ports import REAL
from backstay.testing import Stuck, VirtualLoop, VirtualTime
from backstay.testing.virtual import VirtualPorts
from backstay_core.clock import ManualClock

__all__ = ["ManualPorts", "Stuck", "VirtualLoop", "run"]

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in virtual time; policies keep the ports that they have."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class ManualPorts(VirtualPorts):
    """Ports of the sync driver with a manual clock: pausing and waiting move it."""

    __slots__ = ()

    def __init__(self, now: int = 0) -> None:
        super().__init__(VirtualTime(), REAL)
        self.manual.now = now

    @property
    def manual(self) -> ManualClock:
        return self.time._manual

    def advance(self, ns: int) -> None:
        self.time._pass_ns(ns)
