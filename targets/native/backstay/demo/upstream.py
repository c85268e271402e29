"""The upstream's behaviour in time, without sockets: the same for the real server and for virtual time.

It works on one request at a time, in order, and then lets the answer take the latency of its fate. It does not notice
that a caller has gone: what it has taken in it works off. While it hangs, requests pile up; afterwards their turn comes
first. So what an outage costs depends on what was sent into it.
"""

from __future__ import annotations

from dataclasses import dataclass

from backstay.demo.scenario import Scenario


@dataclass(frozen=True)
class Reply:
    """When the answer to a request is sent, and whether it is a good one."""

    at: int
    ok: bool


class Upstream:
    """One upstream. `reached` counts, by phase, the requests that reached it."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.reached = [0] * len(scenario.phases)
        self._starts = scenario.starts
        self._free = 0  # when it has worked off all it has
        self._tried: dict[int, int] = {}

    def take(self, now: int, number: int) -> Reply | None:
        """Request `number` arrives. None: refused, the upstream is down."""
        index = self.scenario.phase_at(now)
        phase = self.scenario.phases[index]
        if not phase.listens:
            return None
        self.reached[index] += 1
        attempt = self._tried.get(number, 0)
        self._tried[number] = attempt + 1
        begins = max(now, self._free)
        if not phase.answers:
            begins = max(begins, self._starts[index + 1])
        self._free = begins + self.scenario.work
        fate = self.scenario.fate(self.seed, number, attempt, phase)
        return Reply(self._free + fate.latency, fate.ok)
