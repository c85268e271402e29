"""Rows about breakers, run with the libraries that have them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.peers import scenarios
from tests.peers.breaker_makers import (
    aiobreaker,
    circuitbreaker,
    hand,
    hyx,
    interlock,
    interlock_shadow,
    nopanic,
    pybreaker,
    pyresilience,
    pyresilience_by_hand,
    redress,
    resilix,
    shared,
    with_methods,
)
from tests.peers.breakers import FAILURES, PAUSE, Breaker
from tests.peers.claims import BAD, GOOD, SLOW, Adapter, Calls, Lab, Row, bare, blocking

Make = Callable[[], Any]


def no_lock(lab: Lab, make: Make) -> None:
    guard, patience = make()
    scenarios.calls_at_once(Breaker(guard), patience)


def unlocked(name: str, patience: float = 60) -> Adapter:
    """`patience`: seconds for which a call waits inside for the other."""
    return lambda lab: (shared(name)(lab), patience)


def under_a_lock(function: Any) -> Any:
    lock = threading.Lock()

    def call() -> Any:
        with lock:
            return function()

    return call


def consecutive_failures(lab: Lab, make: Make) -> None:
    """Opens after three in a row, refuses, closes by a call that succeeds."""
    calls = Calls(lab, make())
    assert calls(BAD, BAD, GOOD, BAD, BAD, GOOD) == "xx.xx.", "a success between them starts the count anew"
    assert calls(BAD, BAD, BAD, GOOD, GOOD) == "xxx--"
    lab.clock.now += PAUSE + 1
    assert calls(GOOD, GOOD) == ".."


def count_window(lab: Lab, make: Make) -> None:
    """Opens at three failures among the last four calls, however long ago."""
    calls = Calls(lab, make())
    assert "-" not in calls(BAD, BAD, GOOD, GOOD, GOOD, GOOD, BAD, BAD, GOOD), "the oldest have left the window"
    lab.clock.now += 1e6
    assert calls(BAD, GOOD) == "x-"


def time_window(lab: Lab, make: Make) -> None:
    calls = Calls(lab, make())
    calls(BAD, BAD)
    lab.clock.now += 100
    assert calls(GOOD, GOOD, GOOD, BAD, GOOD) == "...x.", "the first two are out of the window"
    assert calls(BAD, GOOD, BAD, GOOD)[-1] == "-", "a success between them does not count them out"


def failure_rate(lab: Lab, make: Make) -> None:
    cold = Calls(lab, make())
    assert cold(*[BAD] * 10, GOOD) == "x" * 10 + "-", "ten calls are the minimum"
    warm = Calls(lab, make())
    assert "-" not in warm(*[GOOD, BAD, GOOD] * 12), "a third is less than half, though twelve have failed"


def slow_calls(lab: Lab, make: Make) -> None:
    calls = Calls(lab, make())
    assert calls(GOOD, GOOD, SLOW, SLOW, GOOD) == "....-"


def value_is_failure(lab: Lab, make: Make) -> None:
    calls = Calls(lab, make())
    assert calls(*[(0, "wrong")] * FAILURES, GOOD) == "." * FAILURES + "-"


def successes_to_close(lab: Lab, make: Make) -> None:
    calls = Calls(lab, make())
    calls(BAD, BAD, BAD)
    lab.clock.now += PAUSE + 1
    assert calls(GOOD, GOOD, BAD, GOOD) == "..x-", "still half-open after two"
    lab.clock.now += PAUSE + 1
    assert calls(GOOD, GOOD, GOOD, BAD, GOOD) == "...x.", "closed after three"


def open_period_grows(lab: Lab, make: Make) -> None:
    calls = Calls(lab, make())
    calls(BAD, BAD, BAD)
    lab.clock.now += PAUSE + 1
    assert calls(BAD, GOOD) == "x-"
    lab.clock.now += PAUSE + 1
    assert calls(GOOD) == "-", "the second time it is open for longer"
    lab.clock.now += PAUSE
    assert calls(GOOD) == "."


def by_hand(lab: Lab, make: Make) -> None:
    """Opened and closed by an operator."""
    hand = make()
    calls = Calls(lab, hand.guard)
    hand.open(calls.guarded)
    assert calls(GOOD) == "-", "nothing opens it"
    hand.close(calls.guarded)
    assert calls(GOOD) == "."


def shadow(lab: Lab, make: Make) -> None:
    """It counts, and refuses nobody."""
    guard, counted = make()
    calls = Calls(lab, guard)
    assert calls(*[BAD] * 20, GOOD) == "x" * 20 + "."
    assert counted() == 20


def cancellation(lab: Lab, make: Make) -> None:
    """For a library without coroutines: what interrupts a caller is no failure of the dependency."""
    calls = Calls(lab, make())
    calls(*[(0, KeyboardInterrupt())] * FAILURES)
    assert calls(GOOD) == ".", "interrupted callers opened it"
    calls(BAD, BAD, (0, KeyboardInterrupt()), BAD)
    assert calls(GOOD) == "-", "an interrupted caller is no success either"


def never_reached(lab: Lab, make: Make) -> None:
    calls = Calls(lab, make())
    assert calls(*[(0, ConnectionAbortedError())] * 20, GOOD)[-1] == ".", "closed, it counted as a failure"
    calls(BAD, BAD, BAD, BAD)
    assert calls(GOOD) == "-"


ROWS = (
    Row(
        "consecutive failures",
        consecutive_failures,
        {
            "PB": shared("pybreaker"),
            "CB": shared("circuitbreaker"),
            "AB": shared("aiobreaker", blocking),
            "PU": shared("purgatory", blocking),
            "HX": shared("hyx", blocking),
            "PR": shared("pyresilience"),
            "RX": shared("resilix"),
        },
    ),
    Row(
        "no lock is held around the call",
        no_lock,
        {
            "CB": unlocked("circuitbreaker"),
            "NP": unlocked("nopanic"),
            "PR": unlocked("pyresilience"),
            "IL": unlocked("interlock"),
            "RD": unlocked("redress"),
            "RX": unlocked("resilix"),
        },
        {"PB": (unlocked("pybreaker", patience=0.2), "the second call waited")},
        nothing=lambda lab: (under_a_lock, 0.05),
    ),
    Row(
        "count-based sliding window",
        count_window,
        {
            "PR": lambda lab: pyresilience(lab, sliding_window_size=4, failure_rate_threshold=0.75),
            "IL": lambda lab: interlock(lab, window_size=4, minimum_number_of_calls=4, failure_rate_threshold=0.75),
        },
    ),
    Row(
        "time-based sliding window",
        time_window,
        {
            "NP": lambda lab: nopanic(lab, min_calls=4, window=10, failure_threshold=0.3),
            "IL": lambda lab: interlock(
                lab, seconds=True, window_size=10, minimum_number_of_calls=4, failure_rate_threshold=0.3
            ),
            "RD": lambda lab: redress(lab, window_s=10),
            "RX": lambda lab: resilix(lab, window=10),
        },
    ),
    Row(
        "failure rate with a minimum of calls",
        failure_rate,
        {
            "NP": lambda lab: nopanic(lab, min_calls=10, failure_threshold=0.5),
            "PR": lambda lab: pyresilience(lab, sliding_window_size=100, minimum_calls=10),
            "IL": lambda lab: interlock(lab, minimum_number_of_calls=10),
        },
    ),
    Row(
        "slow-call rate",
        slow_calls,
        {
            "NP": lambda lab: nopanic(lab, min_calls=4, slow_call_duration=1, slow_call_threshold=0.5),
            "PR": lambda lab: pyresilience(
                lab, sliding_window_size=4, slow_call_duration=1, slow_call_rate_threshold=0.5
            ),
            "IL": lambda lab: interlock(
                lab, minimum_number_of_calls=4, slow_call_duration_threshold=1, slow_call_rate_threshold=0.5
            ),
        },
    ),
    Row(
        "a returned value counts as a failure",
        value_is_failure,
        {
            "IL": lambda lab: interlock(
                lab,
                minimum_number_of_calls=FAILURES,
                classifier=SimpleNamespace(is_failure=lambda *, result, exception: result == "wrong"),
            ),
            "RX": lambda lab: resilix(lab, failure_when=lambda value: value == "wrong"),
        },
    ),
    Row(
        "n successes to close",
        successes_to_close,
        {
            "PB": lambda lab: pybreaker(lab, success_threshold=3),
            "HX": lambda lab: hyx(lab, recovery_threshold=3),
            "NP": lambda lab: nopanic(lab, min_calls=FAILURES, half_open_max_calls=3),
            "PR": lambda lab: pyresilience(lab, failure_threshold=FAILURES, success_threshold=3),
            "IL": lambda lab: interlock(
                lab, minimum_number_of_calls=FAILURES, failure_rate_threshold=0.3, permitted_calls_in_half_open=3
            ),
        },
    ),
    Row(
        "the open period grows",
        open_period_grows,
        {"IL": lambda lab: interlock(lab, minimum_number_of_calls=FAILURES, wait_duration_backoff_multiplier=2.0)},
    ),
    Row(
        "operated by hand",
        by_hand,
        {
            "PB": lambda lab: with_methods(pybreaker(lab), "open", "close"),
            "AB": lambda lab: with_methods(aiobreaker(lab), "open", "close"),
            "NP": lambda lab: with_methods(nopanic(lab), "force_open", "reset"),
            "PR": pyresilience_by_hand,
            "IL": lambda lab: with_methods(interlock(lab), "force_open", "reset"),
        },
        {
            "CB": (lambda lab: with_methods(circuitbreaker(lab), "reset", "reset"), "nothing opens it"),
            "RX": (
                lambda lab: with_methods(lab.library("resilix").CircuitBreaker(), "reset", "reset"),
                "nothing opens it",
            ),
        },
        nothing=lambda lab: hand(bare, bare, bare),
    ),
    Row(
        "shadow mode: counts, refuses nobody",
        shadow,
        {"IL": interlock_shadow},
        nothing=lambda lab: (bare, int),
    ),
    Row(
        "cancellation is no verdict",
        cancellation,
        {},
        {"PB": (pybreaker, "interrupted callers opened it")},
    ),
    Row(
        '"never reached the dependency" is no verdict',
        never_reached,
        {},
        {
            "IL": (
                lambda lab: interlock(lab, minimum_number_of_calls=FAILURES, unreachable=(ConnectionAbortedError,)),
                "closed, it counted as a failure",
            )
        },
    ),
)
