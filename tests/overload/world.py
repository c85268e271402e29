"""Clients, a policy and a server that can take only so much, in virtual time.

The server has ten workers and one queue before them. Service times are exponential, calls come at random (Poisson), and
what a client has given up is worked on all the same, and wasted, unless the server drops it. The policy's own step
machine decides everything on the side of the clients: timeouts, retries, pauses, refusals.

The same seed gives the same numbers on every machine: exponential times are taken from a table of quantiles in whole
nanoseconds, so that no rounding of a logarithm can change the order of events.
"""

import math
from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, NamedTuple

from backstay_core.execution import ATTEMPT, CANCEL, COMPLETE, ERROR, FAIL, OK, START, WAIT, WAKE, Execution
from backstay_core.failure import NEVER, Failure
from backstay_core.policy import Policy
from backstay_core.strategies.concurrency_limit import Slots
from backstay_core.strategies.priority import ANYBODY, Caller

SECOND = 10**9
WORKERS = 10
BITS = 14
QUANTILES = [-math.log((i + 0.5) / 2**BITS) for i in range(2**BITS)]  # of the exponential distribution of mean 1


def exponential(mean: int) -> list[int]:
    """Equally likely times (ns), of that mean, rounded to a millionth of it."""
    grain = max(1, mean // 10**6)
    return [round(quantile * mean / grain) * grain for quantile in QUANTILES]


class Trigger(NamedTuple):
    """From `begin` (s) on, for `length` s in every `every` s, all that the server does takes `factor` times as long."""

    begin: int
    length: int
    every: int = 10**9
    factor: int = 3

    def slowness(self, now: int) -> int:
        since = now - self.begin * SECOND
        return self.factor if since >= 0 and since % (self.every * SECOND) < self.length * SECOND else 1


NO_TRIGGER = Trigger(0, 0)


class Second(NamedTuple):
    """What happened in one second: calls that came, that could have been served, that were, attempts that reached the
    server, what it finished and finished in vain; and the limit at its end (0 without one)."""

    calls: int
    possible: float
    good: int
    attempts: int
    served: int
    wasted: int
    limit: int


class Call(Execution):
    """A call, and the attempt of it that the server has."""

    __slots__ = ("attempt",)
    attempt: "list[Any]"  # this call, None once nobody waits for it; the token


class World:
    """`load` calls a second on a server whose calls take `mean` ns, with a policy between them.

    `room` bounds the server's queue, `drops` lets it drop what clients have given up. `callers` come at random.
    """

    def __init__(
        self,
        policy: Policy,
        seed: int,
        *,
        load: float = 700.0,
        mean: int = SECOND // 100,
        trigger: Trigger = NO_TRIGGER,
        room: int | None = None,
        drops: bool = False,
        callers: Sequence[Caller] = (ANYBODY,),
    ) -> None:
        self.policy, self.trigger, self.room, self.drops, self.callers = policy, trigger, room, drops, callers
        self.capacity, self.load, self.mean = WORKERS * SECOND / mean, load, mean
        self.seconds: list[Second] = []
        self.served_of = [[0, 0] for _ in callers]  # calls that came, that were served
        self._gaps, self._times = exponential(round(SECOND / load)), exponential(mean)
        self._draw = Random(seed).getrandbits
        self._limit: Any = next((layer for layer in policy.layers if isinstance(layer, Slots)), None)
        self._agenda: list[tuple[int, int, Any, Any]] = []  # time, number, call or attempt, event or None
        self._timeouts: deque[tuple[int, Any]] = deque()  # all equally long, so in order
        self._awake: deque[Call] = deque()
        self._queue: deque[Any] = deque()
        self._working = self._number = self._now = 0
        self._calls = self._good = self._attempts = self._served = self._wasted = 0
        self._arrival = self._gaps[self._draw(BITS)]

    def run(self, seconds: int) -> "World":
        for _ in range(seconds):
            begin = len(self.seconds) * SECOND
            slow = self.trigger.slowness(begin)
            self._calls = self._good = self._attempts = self._served = self._wasted = 0
            self._run_until(begin + SECOND, slow)
            possible = min(self.load, self.capacity / slow)
            limit = self._limit.limit if self._limit else 0
            counts = self._calls, possible, self._good, self._attempts, self._served, self._wasted, limit
            self.seconds.append(Second(*counts))
        return self

    def _run_until(self, end: int, slow: int) -> None:
        agenda, timeouts, awake = self._agenda, self._timeouts, self._awake
        while True:
            first = agenda[0][0] if agenda else NEVER
            timeout = timeouts[0][0] if timeouts else NEVER
            arrival = self._arrival
            now = min(first, timeout, arrival)
            if now >= end:
                return
            self._now = now
            if now == first:
                _, _, subject, event = heappop(agenda)
                if event is None:
                    self._finish(subject, slow)
                else:
                    self._step(subject, event, slow)
            elif now == timeout:
                attempt = timeouts.popleft()[1]
                if attempt[0] is not None:
                    self._step(attempt[0], (WAKE,), slow)
            else:
                self._arrival = arrival + self._gaps[self._draw(BITS)]
                self._begin(slow)
            while awake:
                self._step(awake.popleft(), (WAKE,), slow)

    def _begin(self, slow: int) -> None:
        self._calls += 1
        which = self._draw(BITS) * len(self.callers) >> BITS if len(self.callers) > 1 else 0
        call = Call(self.policy, caller=self.callers[which])
        call.wake = lambda: self._awake.append(call)
        self.served_of[which][0] += 1
        self._step(call, (START,), slow)

    def _step(self, call: Call, event: tuple[Any, ...], slow: int) -> None:
        for action in call.step(event, self._now):
            what = action[0]
            if what == ATTEMPT:
                call.attempt = attempt = [call, action[1]]
                if action[2] < NEVER:
                    self._timeouts.append((action[2], attempt))
                self._submit(attempt, slow)
            elif what == COMPLETE:
                self._good += 1
                self.served_of[self.callers.index(call.caller)][1] += 1
                call.wake = None
            elif what == FAIL:
                call.wake = None
            elif what == CANCEL:
                call.attempt[0] = None
            elif what == WAIT and action[1] < NEVER:
                self._at(action[1], call, (WAKE,))

    def _at(self, time: int, subject: Any, event: Any) -> None:
        self._number += 1
        heappush(self._agenda, (time, self._number, subject, event))

    def _submit(self, attempt: Any, slow: int) -> None:
        self._attempts += 1
        if self._working < WORKERS:
            self._working += 1
            self._work(slow, attempt)
        elif self.room is None or len(self._queue) < self.room:
            self._queue.append(attempt)
        else:
            call, token = attempt
            attempt[0] = None
            self._step(call, (ERROR, token, Failure("capacity")), slow)

    def _work(self, slow: int, attempt: Any) -> None:
        self._at(self._now + slow * self._times[self._draw(BITS)], attempt, None)

    def _finish(self, attempt: Any, slow: int) -> None:
        self._served += 1
        queue = self._queue
        while queue and self.drops and queue[0][0] is None:
            queue.popleft()
        if queue:
            self._work(slow, queue.popleft())
        else:
            self._working -= 1
        call, token = attempt
        if call is None:
            self._wasted += 1
        else:
            attempt[0] = None
            self._step(call, (OK, token, None), slow)
