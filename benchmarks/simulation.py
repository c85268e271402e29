"""A load on the step machine in virtual time: what one core simulates in a second."""

from __future__ import annotations

from heapq import heappop, heappush
from time import perf_counter_ns
from typing import Any

from backstay import Bulkhead, CircuitBreaker, Fallback, Policy, Retry
from backstay_core.execution import ATTEMPT, COMPLETE, ERROR, FAIL, OK, START, SUBSTITUTE, WAIT, WAKE, Execution
from backstay_core.failure import Failure

MS = 1_000_000
EVERY = 1 * MS
TAKES = 5 * MS
FAILS_EVERY = 20  # attempts


class Simulation:
    """Calls that begin a millisecond apart and take five; every 20th attempt fails and is tried again."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.agenda: list[tuple[int, int, Execution, Any]] = []
        self.entries = 0
        self.attempts = 0
        self.ended = 0

    def at(self, time: int, execution: Execution, event: Any) -> None:
        self.entries += 1
        heappush(self.agenda, (time, self.entries, execution, event))

    def run(self, calls: int) -> None:
        agenda = self.agenda
        arriving = 0
        now = 0
        while self.ended < calls:
            if arriving < calls and (not agenda or arriving * EVERY <= agenda[0][0]):
                now = arriving * EVERY
                arriving += 1
                self.carry_out(Execution(self.policy), (START,), now)
            else:
                now, _, execution, event = heappop(agenda)
                self.carry_out(execution, event, now)

    def carry_out(self, execution: Execution, event: Any, now: int) -> None:
        for action in execution.step(event, now):
            what = action[0]
            if what == ATTEMPT:
                self.attempts += 1
                token = action[1]
                failed = self.attempts % FAILS_EVERY == 0
                self.at(now + TAKES, execution, (ERROR, token, Failure("unavailable")) if failed else (OK, token, None))
            elif what in (COMPLETE, FAIL):
                self.ended += 1
            elif what == WAIT:
                self.at(action[1], execution, (WAKE,))
            elif what == SUBSTITUTE:
                self.at(now, execution, (OK, action[1], None))


def simulated_rate(calls: int) -> float:
    """Simulated calls of the four in a second of real time."""
    policy = Policy("simulated", Fallback(None), Retry(idempotent=True), CircuitBreaker(), Bulkhead(50, queue=100))
    simulation = Simulation(policy)
    begin = perf_counter_ns()
    simulation.run(calls)
    return calls * 1e9 / (perf_counter_ns() - begin)
