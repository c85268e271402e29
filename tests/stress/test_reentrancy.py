"""The same thread comes back while it is in the middle of a call: from signal handlers and from finalizers.

A plain lock would hang here, and one that lets its holder in again would show it half a change.
"""

from __future__ import annotations

import gc
import signal
import threading
import time
from typing import Any

import pytest

from backstay import Budget, Bulkhead, CircuitBreaker, Retry, Timeout
from tests.stress.settings import SETTINGS, Setting
from tests.support.stress import PATIENCE, hurried

MOST_CALLS = 90_000  # that a subject has room for
DEEPEST = 3  # how many calls may come in between within each other

plainly = pytest.mark.parametrize(
    "setting", [pytest.param(each, id=name) for name, each in SETTINGS.items() if not each.traced]
)


class Failed(Exception):
    pass


class Subject:
    """A policy that counts in every way, and what its counts must be."""

    def __init__(self, setting: Setting) -> None:
        budget = Budget(0, per_second=0, burst=100_000)
        self.policy = setting.policies(
            "p",
            Timeout(3600),
            Retry(attempts=2, base=0.000001, cap=0, on=KeyError, budget=budget),
            CircuitBreaker(1.0, 100_000),
            Bulkhead(DEEPEST + 1),
            seed=1,
        )
        self.calls = 0
        self.failed = 0
        self.depth = 0

        @self.policy
        def operation(fails: bool) -> None:
            if fails:
                raise Failed

        self.operation = operation

    def call(self) -> None:
        if self.depth > DEEPEST:
            return
        self.depth += 1
        self.calls += 1
        fails = self.calls % 3 == 0
        self.failed += fails
        try:
            self.operation(fails)
        except Failed:
            pass
        self.depth -= 1

    def check(self) -> None:
        layers: tuple[Any, ...] = self.policy.layers
        assert layers[2].closed.counts(0) == (self.calls, self.failed, 0)
        assert (layers[3].free, layers[3].waiting) == (DEEPEST + 1, 0)
        assert self.policy.calls == self.calls


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals between threads")
@plainly
def test_signal_handlers(setting: Setting):
    """Until enough of them came in between, however rarely this machine lets another thread send one."""
    handled = 0

    def handle(number: int, frame: object) -> None:
        nonlocal handled
        handled += subject.depth > 0
        subject.call()

    over = threading.Event()
    main = threading.get_ident()

    def send() -> None:
        while not over.is_set():
            signal.pthread_kill(main, signal.SIGUSR1)
            time.sleep(0)

    subject, full = Subject(setting), []
    before = signal.signal(signal.SIGUSR1, handle)
    sender = threading.Thread(target=send, daemon=True)
    end = time.monotonic() + PATIENCE
    try:
        with hurried():
            sender.start()
            while handled < 1000 and time.monotonic() < end:
                subject.call()
                if subject.calls > MOST_CALLS:
                    full.append(subject)
                    subject = Subject(setting)
            over.set()
            sender.join()
    finally:
        over.set()
        signal.signal(signal.SIGUSR1, before)
    assert handled > 100
    for each in (*full, subject):
        each.check()


@plainly
def test_finalizers(setting: Setting):
    """With a collection at every opportunity."""
    subject = Subject(setting)
    finalized = 0

    class Garbage:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            nonlocal finalized
            finalized += 1
            subject.call()

    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for _ in range(1500):
            Garbage()
            subject.call()
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert finalized == 1500
    subject.check()
