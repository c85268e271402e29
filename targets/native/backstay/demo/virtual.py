"""The demo in virtual time: the same phases, load and policy on the step machine, without sockets or waiting.

Exactly reproducible from its seed, and fast enough to try many of them.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from backstay.demo.outcome import FAILED, FALLBACK, POLICY, UNPROTECTED, USEFUL, Call, Run, Side
from backstay.demo.protection import BREAKER, STALE, protection
from backstay.demo.scenario import FULL, Scenario
from backstay.demo.upstream import Reply, Upstream
from backstay.policy import Policy
from backstay_core.execution import ATTEMPT, CANCEL, COMPLETE, ERROR, FAIL, OK, START, SUBSTITUTE, WAIT, WAKE
from backstay_core.failure import NEVER, Failure


class Agenda:
    """What is to happen, in order of time and then of entry."""

    def __init__(self) -> None:
        self.now = 0
        self._items: list[tuple[int, int, Callable[[], None]]] = []
        self._entered = 0

    def at(self, when: int, do: Callable[[], None]) -> None:
        self._entered += 1
        heappush(self._items, (max(when, self.now), self._entered, do))

    def run(self) -> None:
        while self._items:
            self.now, _, do = heappop(self._items)
            do()


class GuardedCall:
    """One call through the policy: carries out what its `Execution` asks for."""

    def __init__(
        self,
        number: int,
        due: int,
        policy: Policy,
        agenda: Agenda,
        upstream: Upstream,
        side: Side,
        trace: list[Any] | None,
    ) -> None:
        self.number = number
        self.trace = trace
        self.due = due
        self.agenda = agenda
        self.upstream = upstream
        self.side = side
        self.values: dict[int, str] = {}
        self.execution = policy.EXECUTION(policy, lambda: self.later(agenda.now, (WAKE,)))

    def later(self, when: int, event: tuple[Any, ...]) -> None:
        self.agenda.at(when, lambda: self.step(event))

    def step(self, event: tuple[Any, ...]) -> None:
        actions = self.execution.step(event, self.agenda.now)
        if self.trace is not None:
            self.trace.append((self.number, self.agenda.now, event[0], [_plain(action) for action in actions]))
        for action in actions:
            self.carry_out(*action)

    def carry_out(self, what: str, *details: Any) -> None:
        if what == ATTEMPT:
            token, deadline = details
            self.later(*self.ask(token))
            self.later(deadline, (WAKE,))
        elif what == SUBSTITUTE:
            self.values[details[0]] = STALE
            self.later(self.agenda.now, (OK, details[0], STALE))
        elif what == WAIT:
            if details[0] < NEVER:
                self.later(details[0], (WAKE,))
        elif what == COMPLETE:
            value = self.values.get(details[0])
            in_time = self.agenda.now - self.due <= self.upstream.scenario.patience
            self.over(FALLBACK if value == STALE else USEFUL if in_time else FAILED)
        elif what == FAIL:
            self.over(FAILED)
        else:
            assert what == CANCEL  # the upstream does not notice

    def ask(self, token: int) -> tuple[int, tuple[Any, ...]]:
        """When an attempt is answered, and the event that it is."""
        now = self.agenda.now
        self.side.sent[self.upstream.scenario.phase_at(now)] += 1
        reply = self.upstream.take(now, self.number)
        if reply is None:
            return now, (ERROR, token, Failure("connect", "connection refused"))
        if not reply.ok:
            return reply.at, (ERROR, token, Failure("unavailable", "HTTP 503"))
        return reply.at, (OK, token, "fresh")

    def over(self, got: str) -> None:
        self.side.calls.append(Call(self.due, self.agenda.now, got))


def _plain(action: tuple[Any, ...]) -> tuple[Any, ...]:
    """An action as a trace has it: of failures the kind, and none that an operation of the caller's had."""
    if action[0] == FAIL and action[1]:
        action = action[:2]
    return tuple(part.kind if isinstance(part, Failure) else part for part in action)


def unprotected(scenario: Scenario, seed: int) -> Side:
    """A client that asks once and waits as long as its caller does."""
    upstream = Upstream(scenario, seed)
    side = Side([0] * len(scenario.phases), upstream.reached)
    for number, due in enumerate(scenario.arrivals(seed)):
        side.sent[scenario.phase_at(due)] += 1
        side.calls.append(_without_help(due, upstream.take(due, number), scenario.patience))
    return side


def _without_help(due: int, reply: Reply | None, patience: int) -> Call:
    if reply is None:
        return Call(due, due, FAILED)
    if reply.at - due > patience:
        return Call(due, due + patience, FAILED)
    return Call(due, reply.at, USEFUL if reply.ok else FAILED)


def run(scenario: Scenario = FULL, seed: int = 0, policy: Policy | None = None, trace: list[Any] | None = None) -> Run:
    """The whole demo for one seed; `policy` instead of the demo's own, to see what another one would do. `trace` gets
    every decision: (number of the request, time, event, actions)."""
    policy = policy or protection(scenario, seed)
    upstream = Upstream(scenario, seed)
    side = Side([0] * len(scenario.phases), upstream.reached)
    result = Run(scenario, seed, {UNPROTECTED: unprotected(scenario, seed), POLICY: side}, virtual=True)
    if len(policy.layers) > BREAKER:
        policy.layers[BREAKER].emit = lambda now, event, detail: result.events.append((now, event))
    agenda = Agenda()
    for number, due in enumerate(scenario.arrivals(seed)):
        call = GuardedCall(number, due, policy, agenda, upstream, side, trace)
        call.later(due, (START,))
    agenda.run()
    return result
