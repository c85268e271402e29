"""A KeyboardInterrupt at every point at which Python could deliver one, inside Backstay's own code, leaks nothing.

Signals are looked at after calls of functions written in C, at the beginning of a function and at backward jumps. A
tracer counts these points, one opcode at a time, and raises at the n-th, for every n. (Not at jumps: what is raised
there belongs to the instruction before the jump's target, where a tracer cannot raise.)
"""

from __future__ import annotations

import dis
import itertools
import operator
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from backstay import (
    Bulkhead,
    Cache,
    CircuitBreaker,
    ConcurrencyLimit,
    Fallback,
    Idempotency,
    Inject,
    Policy,
    RateLimit,
    RateLimited,
    Retry,
    Throttle,
    TimedOut,
    Timeout,
    remaining,
)
from backstay.drivers.ports import Ports
from backstay.keeping import INSIDE
from backstay_core.strategies.contract import GONE
from tests.support.holding import holds

MOST_POINTS = 3000
PAUSE: Any = operator.index


class Interrupter:
    """Raises at the n-th point (from 1) in code of Backstay's; `points` is how many it has met."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.points = 0
        self.last: tuple[FrameType | None, str] = (None, "")
        self.where = ""

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.last = None, ""  # what is called is no function in C
        name = frame.f_code.co_filename
        if "backstay" not in name.rpartition("tests")[2] or "/tests/" in name:
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self.last = frame, "RESUME"  # no event of its own before 3.12
        return self.step

    def step(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event != "opcode":
            self.last = None, ""  # what was called has returned, or has raised: no point
            return self.step
        before, opname = self.last
        self.last = frame, dis.opname[frame.f_code.co_code[frame.f_lasti]]
        if before is frame and opname.startswith(("CALL", "RESUME")):
            self.points += 1
            if self.points == self.at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}"
                raise KeyboardInterrupt
        return self.step


DOWN = ConnectionRefusedError("down")
SCENARIOS: dict[str, tuple[Callable[[], list[Any]], list[Any]]] = {
    "success": (
        lambda: [Fallback("else"), Timeout(60), Retry(), CircuitBreaker(), Bulkhead(2), Timeout(5), Bulkhead(1)],
        ["fine"],
    ),
    "retries": (
        lambda: [Bulkhead(1), Timeout(60), Retry(base=0.1), CircuitBreaker(), Bulkhead(2), Timeout(5)],
        [DOWN, DOWN, "fine"],
    ),
    "substitute": (lambda: [Bulkhead(1), Fallback(lambda failure: "else"), Retry(attempts=2), Bulkhead(2)], [DOWN]),
    "gates": (
        lambda: [Bulkhead(1), RateLimit(9, queue=2), ConcurrencyLimit(2, queue=2), Throttle(), Bulkhead(2, shed=0.5)],
        ["fine"],
    ),
    "gates that measure": (
        lambda: [Retry(2, base=0), ConcurrencyLimit(2, window=1e-6, window_calls=1, shed=0.5), Throttle(), Bulkhead(1)],
        [DOWN, "fine"],
    ),
    "gates that hear failures": (
        lambda: [
            RateLimit(9000, per=1e-6, decrease=0.5, on=Exception),
            ConcurrencyLimit(2, on=Exception),
            Throttle(),
            Bulkhead(1),
        ],
        [DOWN],
    ),
    "refused further in": (
        lambda: [Bulkhead(1), ConcurrencyLimit(2, shed=0.5), Throttle(), CircuitBreaker(), RateLimit(2)],
        ["fine"],
    ),
    "faults on purpose": (
        lambda: [
            Bulkhead(1),
            Fallback("else"),
            Timeout(60),
            Inject("latency", enabled=True, seconds=2e-9),
            Retry(3, base=1e-9),
            CircuitBreaker(),
            Inject("error", enabled=True, every=2, failure=lambda: DOWN),
            Bulkhead(1),
            Inject("outcome", enabled=True, rate=0.5, value=lambda: "injected"),
        ],
        [DOWN, "fine"],
    ),
    "a hang on purpose": (
        lambda: [Bulkhead(1), Timeout(1e-8), Bulkhead(1), Inject("hang", enabled=True, seconds=1e-3)],
        ["fine"],
    ),
    "lookups that find nothing": (
        lambda: [
            Bulkhead(1),
            Timeout(60),
            Retry(3, base=0),
            Cache(1e-9),
            Bulkhead(1),
            Idempotency(1e-9, key=lambda: "key"),
            CircuitBreaker(),
        ],
        [DOWN, "fine"],
    ),
    "lookups that find something": (lambda: [Bulkhead(1), Cache(60), Bulkhead(1)], ["fine"]),
    "a replay": (lambda: [Bulkhead(1), Idempotency(60, key=lambda: "key"), Bulkhead(1)], ["fine"]),
    "a value that is fetched anew while it is given": (
        lambda: [Bulkhead(1), Cache(1e-9, refresh_for=60), Bulkhead(1)],
        ["fine"],
    ),
    "a stale value": (
        lambda: [Bulkhead(1), Cache(1e-9, stale_for=60), Bulkhead(1), Inject(enabled=True, every=3)],
        ["fine"],
    ),
    "nothing stale": (lambda: [Bulkhead(1), Cache(1e-9, stale_for=60), Bulkhead(1)], [DOWN]),
    "a result that is not kept": (lambda: [Bulkhead(1), Cache(60), Bulkhead(1)], [None]),
    "failure": (lambda: [CircuitBreaker(), Bulkhead(1), Retry(attempts=1), Bulkhead(2), CircuitBreaker()], [DOWN]),
}


class NoThreads:
    """None is free for a call in the background."""

    def start(self, job: Any) -> bool:
        return False


class Attempt:
    """A guarded function, called once to have it compiled, and then once with an interrupt."""

    def __init__(self, strategies: list[Any], script: list[Any]) -> None:
        self.policy = Policy("p", *strategies, seed=1)
        self.policy.ports = Ports(clock=itertools.count(1).__next__, pause=PAUSE)  # functions written in C
        self.policy._threads = NoThreads()
        self.script = script
        self.left: list[Any] = []
        self.guarded = self.policy(self.operation)
        self.call()

    def operation(self) -> Any:
        outcome = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def call(self) -> None:
        self.left = list(self.script)
        try:
            self.guarded()
        except (KeyboardInterrupt, ConnectionRefusedError, RateLimited, TimedOut):
            pass

    def prepare(self) -> None:
        """Before each of the calls that are traced."""

    def interrupted(self, interrupter: Interrupter) -> list[int]:
        """How many places are missing (or too many) afterwards, in each gate."""
        before = sys.gettrace()
        try:
            for tracer in (Interrupter(0), interrupter):  # from 3.12 on, opcodes are traced from the second time on
                sys.settrace(None)
                self.prepare()
                sys.settrace(tracer)
                self.call()
        finally:
            sys.settrace(before)
        layers: tuple[Any, ...] = self.policy.layers
        return [holds(layer) for layer in layers]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_interrupted_at_every_point(name: str):
    strategies, script = SCENARIOS[name]
    Attempt(strategies(), script).interrupted(
        Interrupter(0)
    )  # from 3.12 on, opcodes are traced from the second time on
    leaks = []
    for at in range(1, MOST_POINTS):
        interrupter = Interrupter(at)
        missing = Attempt(strategies(), script).interrupted(interrupter)
        if any(missing) or remaining() is not None or INSIDE.get():
            leaks.append(f"{interrupter.where}: places {missing}, deadline {remaining()}, inside {INSIDE.get()}")
            INSIDE.set(())
        if interrupter.points < at:
            break
    else:
        raise AssertionError("the call does not come to an end")
    assert at > 5
    assert not leaks, "\n".join(leaks)


class Awaited(Attempt):
    """Somebody comes while the call is inside, and waits for its place, unless interrupted in coming."""

    ticket: Any = None

    def prepare(self) -> None:
        """Whoever came has gone."""
        self.policy.layers[0].abandon(self.ticket, 0)  # type: ignore[attr-defined]

    def operation(self) -> Any:
        self.ticket = self.policy.layers[0].admit(0, int)  # type: ignore[attr-defined]


def test_a_place_given_back_by_an_interrupted_call_reaches_who_waits():
    """Whoever waits looks again after a second, and finds the place that an interrupt kept from being handed over."""
    lost = []
    for at in range(1, MOST_POINTS):
        attempt = Awaited([Bulkhead(1, queue=1)], ["fine"])
        interrupter = Interrupter(at)
        attempt.interrupted(interrupter)
        gate: Any = attempt.policy.layers[0]
        if attempt.ticket.status != GONE and gate.poll(attempt.ticket, 1) is not gate.epoch:
            lost.append(interrupter.where)
        attempt.prepare()
        if holds(gate):
            lost.append(f"{interrupter.where}: somebody waits who has gone")
        if interrupter.points < at:
            break
    else:
        raise AssertionError("the call does not come to an end")
    assert at > 5
    assert not lost, "\n".join(lost)
