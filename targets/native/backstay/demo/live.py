"""The demo for real: two HTTP upstreams on loopback, two clients, the same load, at the same time.

The unprotected client is a plain one whose timeout is the caller's patience. A longer one, as is usual, would only keep
its callers waiting longer for answers they cannot use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backstay.demo.client import BadAnswer, get
from backstay.demo.outcome import FAILED, FALLBACK, POLICY, SIDES, UNPROTECTED, USEFUL, Call, Run, Side
from backstay.demo.protection import BREAKER, STALE, protection
from backstay.demo.scenario import Scenario
from backstay.demo.server import Server
from backstay.demo.upstream import Upstream
from backstay.policy import Policy
from backstay_core.clock import SECOND

HEARTBEAT = 0.01  # seconds


class Load:
    """One client: sends requests to its own upstream and notes what comes of them."""

    def __init__(self, server: Server, policy: Policy | None) -> None:
        scenario = server.upstream.scenario
        self.server = server
        self.policy = policy
        self.scenario = scenario
        self.side = Side([0] * len(scenario.phases), server.upstream.reached)

    async def attempt(self, number: int) -> object:
        """One call of the upstream."""
        self.side.sent[self.scenario.phase_at(self.server.now())] += 1
        return await get(self.server.port, number)

    async def request(self, number: int, due: int) -> None:
        """One request, protected or not."""
        try:
            if self.policy is not None:
                answer = await self.policy.acall(self.attempt, number)
            else:
                async with asyncio.timeout(self.scenario.patience / SECOND):
                    answer = await self.attempt(number)
            ended = self.server.now()
            got = FALLBACK if answer == STALE else USEFUL if ended - due <= self.scenario.patience else FAILED
        except (OSError, BadAnswer):
            ended = self.server.now()
            got = FAILED
        self.side.calls.append(Call(due, ended, got))


async def watch(run: Run) -> None:
    """Note by how much the loop is late: beyond some point times say more about the machine than about the policy."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + HEARTBEAT
        await asyncio.sleep(HEARTBEAT)
        run.lag = max(run.lag, int((clock() - due) * SECOND))


async def offer(loads: list[Load], arrivals: list[int], began: float) -> None:
    """Start every request when it is due, and wait until all are over."""
    clock = asyncio.get_running_loop().time
    async with asyncio.TaskGroup() as group:
        for number, due in enumerate(arrivals):
            pause = began + due / SECOND - clock()
            if pause > 0:
                await asyncio.sleep(pause)
            for load in loads:
                group.create_task(load.request(number, due))


async def report_time(began: float, progress: Callable[[float], None]) -> None:
    while True:
        progress(asyncio.get_running_loop().time() - began)
        await asyncio.sleep(0.1)


async def run(scenario: Scenario, seed: int, progress: Callable[[float], None] | None = None) -> Run:
    """The whole demo. `progress` is told from time to time how many seconds have passed."""
    servers = [Server(Upstream(scenario, seed)) for _ in SIDES]
    try:
        policy = protection(scenario, seed)
        loads = {UNPROTECTED: Load(servers[0], None), POLICY: Load(servers[1], policy)}
        result = Run(scenario, seed, {name: load.side for name, load in loads.items()})
        policy.layers[BREAKER].emit = lambda now, event, detail: result.events.append((servers[1].now(), event))
        began = asyncio.get_running_loop().time() + 0.05
        background: list[Awaitable[None]] = [server.run(began) for server in servers]
        background.append(watch(result))
        if progress is not None:
            background.append(report_time(began, progress))
        tasks = [asyncio.ensure_future(work) for work in background]
        try:
            for server in servers:
                server.began = began
            await offer(list(loads.values()), scenario.arrivals(seed), began)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        return result
    finally:
        for server in servers:
            await server.close()
