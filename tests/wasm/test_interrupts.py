"""A KeyboardInterrupt wherever Python could deliver one in the host library: no place is lost, none waits for ever."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from backstay import Bulkhead
from backstay_wasm import Engine, Policy
from tests.stress.test_interrupt_everywhere import MOST_POINTS, Interrupter


class Attempt:
    """A guarded call, and another one that comes while it is inside and waits for its place."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.policy = Policy("p", Bulkhead(1, queue=1), engine=engine)
        self.rung: list[int] = []
        self.waiting = 0

    def operation(self) -> None:
        self.waiting = self.engine.begin(self.policy.handle, 0, wake=lambda: self.rung.append(1)).call

    def call(self) -> None:
        try:
            self.policy.call(self.operation)
        except KeyboardInterrupt:
            pass

    def leave(self) -> None:
        if self.waiting:
            self.engine.close(self.waiting, 0)
        self.waiting = 0
        self.rung.clear()

    def interrupted(self, interrupter: Interrupter) -> list[str]:
        """What is wrong afterwards."""
        wrong = []
        before = sys.gettrace()
        try:
            for tracer in (Interrupter(0), interrupter):  # from 3.12 on, opcodes are traced from the second time on
                sys.settrace(None)
                self.leave()
                sys.settrace(tracer)
                self.call()
        finally:
            sys.settrace(before)
        if self.waiting and not (self.rung and self.engine.step(self.waiting, "wake", now=0).action == "attempt"):
            wrong.append("who waits was not let in")
        self.leave()
        state: dict[str, Any] = self.policy.snapshot(0)["state"]["strategies"][0]["state"]
        if state["inside"] or self.engine.report(0)["calls"]:
            wrong.append("a place is lost")
        return wrong


def test_interrupted_at_every_point(engine_of: Callable[..., Engine]):
    engine = engine_of()
    Attempt(engine).interrupted(Interrupter(0))
    wrong = []
    for at in range(1, MOST_POINTS):
        interrupter = Interrupter(at)
        wrong += [f"{interrupter.where}: {each}" for each in Attempt(engine).interrupted(interrupter)]
        if interrupter.points < at:
            break
    else:
        raise AssertionError("the call does not come to an end")
    assert at > 50
    assert not wrong, "\n".join(wrong)
