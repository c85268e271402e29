"""The ways in which calls are carried out under stress."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from backstay import Policy
from backstay.drivers import interpreted
from backstay_core.execution import Execution
from tests.support.worlds import FLAVOURS


class UnlockedPolicy(Policy):
    """Step by step without a lock around the steps: the kernel itself has to stand it."""

    FRAMES = interpreted
    EXECUTION = Execution


KINDS: dict[str, type[Policy]] = dict(FLAVOURS)
if not interpreted.free_threaded():  # there it loses counts, which is why calls are carried out under the lock
    KINDS["unlocked"] = UnlockedPolicy


@dataclass(frozen=True)
class Setting:
    """Who carries calls out, and whether a Python tracer runs in every thread."""

    policies: type[Policy]
    traced: bool

    def rounds(self, most: int) -> int:
        """How often to call: a tracer makes it fifty times slower, steps instead of frames ten times."""
        if self.traced:
            return most // 20
        return most if self.policies is FLAVOURS["frames"] else most // 4


SETTINGS = {
    f"{name}{', traced' if traced else ''}": Setting(policies, traced)
    for name, policies in KINDS.items()
    for traced in (False, True)
}
one_line = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)

#  A change of several fields takes several lines, and a tracer that is written in Python lets other threads in between
#  them. Where there is such a tracer, only steps under a lock are safe.
SAFE = {name: each for name, each in SETTINGS.items() if not each.traced or each.policies is FLAVOURS["stepwise"]}
several_lines = pytest.mark.parametrize("setting", SAFE.values(), ids=SAFE)
