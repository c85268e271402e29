"""Interleavings that two threads, a signal handler or a finalizer can produce, one by one and on purpose.

Wherever the kernel calls a function, something else may run. Here that something is put exactly there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backstay_core.execution import ATTEMPT, COMPLETE, START, WAIT, WAKE, Execution
from backstay_core.execution import OK as RETURNED
from backstay_core.failure import FAILED, NEUTRAL, OK, SLOW
from backstay_core.policy import Policy
from backstay_core.strategies import queue, window
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.contract import Ticket
from backstay_core.strategies.window import CallWindow


def once(function: Callable[[], object]) -> Callable[[], None]:
    """`function`, but only the first time."""
    left = [function]

    def first() -> None:
        if left:
            left.pop()()

    return first


def add(breaker: Breaker, verdict: int, times: int = 1) -> None:
    for _ in range(times):
        permit = breaker.admit(0)
        breaker.settle(permit, 0, verdict)  # type: ignore[arg-type]


def test_two_threads_that_evaluate_a_window_do_not_forget_failures(monkeypatch: pytest.MonkeyPatch):
    """Four failures have left the window. The next two are evaluated by two threads at once; with three more, half of
    the ten calls have failed, and the breaker must open."""
    breaker = CircuitBreaker(failure_rate=0.5, window_calls=10, minimum_calls=10).state()
    add(breaker, OK, 4)
    add(breaker, FAILED, 4)
    add(breaker, OK, 10)
    meanwhile = once(lambda: add(breaker, FAILED))
    counts = CallWindow.counts

    def interrupted(self: CallWindow, now: int) -> tuple[int, int, int]:
        result = counts(self, now)
        meanwhile()
        return result

    monkeypatch.setattr(CallWindow, "counts", interrupted)
    add(breaker, FAILED)
    monkeypatch.undo()
    add(breaker, FAILED, 2)
    assert breaker.state == "closed"
    add(breaker, FAILED)
    assert breaker.state == "open"


def test_a_window_is_counted_as_it_was_at_one_moment(monkeypatch: pytest.MonkeyPatch):
    """Another call is added while the bits are counted."""
    calls = CallWindow(0, 10)
    for verdict in (SLOW, SLOW, SLOW, OK, OK, OK, OK):
        calls.add(0, verdict)
    meanwhile = once(lambda: calls.add(0, FAILED))
    popcount = window.POPCOUNT

    def interrupted(bits: int) -> int:
        meanwhile()
        return popcount(bits)

    monkeypatch.setattr(window, "POPCOUNT", interrupted)
    assert calls.counts(0) == (7, 0, 3)
    assert calls.counts(0) == (8, 1, 3)


def test_a_place_that_comes_free_while_a_call_begins_to_wait(monkeypatch: pytest.MonkeyPatch):
    """The call is granted the place before it is told that it must wait. It gives the place back like any other."""
    policy = Policy("p", Bulkhead(1, queue=1))
    places: Any = policy.layers[0]
    first = places.admit(0)
    leaves = once(lambda: places.settle(first, 0, NEUTRAL))

    def interrupted(wake: Callable[[], object], until: int) -> Ticket:
        leaves()
        return Ticket(wake, until)

    monkeypatch.setattr(queue, "Ticket", interrupted)
    rung: list[str] = []
    execution = Execution(policy, lambda: rung.append("rung"))
    [(waiting, _)] = execution.step((START,), 0)
    assert (waiting, rung) == (WAIT, ["rung"])
    [(attempt, token, _)] = execution.step((WAKE,), 0)
    assert attempt == ATTEMPT
    assert execution.step((RETURNED, token, "fine"), 0) == [(COMPLETE, token)]
    assert (places.free, places.waiting) == (1, 0)
