"""Rows about room, rates, hedges and budgets, run with the libraries that have them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tests.peers.breakers import Boom
from tests.peers.claims import BAD, Calls, Decorate, Lab, Row, bare
from tests.peers.retry_makers import nopanic, redress
from tests.support.virtual import run

Make = Callable[[], Any]


def bulkhead(lab: Lab, make: Make) -> None:
    """Of two calls of ten seconds the second waits for five, and is refused."""

    async def scene() -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        start, ends = loop.time(), []

        async def serve() -> str:
            await asyncio.sleep(10)
            return "served"

        guarded = make()(serve)

        async def call() -> Any:
            try:
                return await guarded()
            except Exception:
                return "refused"
            finally:
                ends.append(loop.time() - start)

        return sorted(await asyncio.gather(call(), call())), min(ends)

    outcomes, first = run(scene())
    assert outcomes == ["refused", "served"], f"both were {outcomes[0]}"
    assert first == 5


def pyresilience_bulkhead(lab: Lab, wait: float = 5) -> Decorate:
    library = lab.library("pyresilience")
    return library.resilient(bulkhead=library.BulkheadConfig(max_concurrent=1, max_wait=wait))


def interlock_bulkhead(lab: Lab, wait: float = 5) -> Decorate:
    library = lab.library("interlock.pipeline")
    return library.Pipeline(library.BulkheadStrategy(1, max_wait=wait))


def nopanic_bulkhead(lab: Lab, wait: float = 5) -> Decorate:
    return lab.library("nopanic").bulkhead(1, max_wait=wait)


def hyx_bulkhead(lab: Lab) -> Decorate:
    return lab.library("hyx.bulkhead").bulkhead(max_concurrency=1, max_capacity=2)


def one_limit(lab: Lab, make: Make) -> None:
    """A call in a thread takes the room that a call of a loop wants."""
    guard = make()
    inside, leave = threading.Event(), threading.Event()

    def holds() -> None:
        inside.set()
        leave.wait(30)

    async def call() -> str:
        return "let in"

    thread = threading.Thread(target=guard(holds))
    thread.start()
    inside.wait(30)
    try:
        let_in = asyncio.run(_result(guard(call)))
    finally:
        leave.set()
        thread.join()
    assert let_in != "let in", "two are inside of a bulkhead for one"


async def _result(guarded: Any) -> Any:
    return (await asyncio.gather(guarded(), return_exceptions=True))[0]


def rate_limit(lab: Lab, make: Make) -> None:
    """One in ten seconds: the second is refused, or waits, as it is told."""

    async def scene(waits: bool) -> list[float]:
        loop = asyncio.get_running_loop()
        lab.clock.now = start = loop.time()
        served = []

        async def serve() -> None:
            served.append(loop.time() - start)

        guarded = make()(waits)(serve)
        await asyncio.gather(guarded(), return_exceptions=True)
        await asyncio.gather(guarded(), return_exceptions=True)
        return [round(at, 1) for at in served]

    assert run(scene(False)) == [0], "refusing"
    assert run(scene(True)) == [0, 10], "waiting"


def nopanic_rate(lab: Lab) -> Any:
    library = lab.library("nopanic")
    return lambda waits: library.rate_limit(1, 10, clock=lab.clock, max_wait=None if waits else 0)


def pyresilience_rate(lab: Lab) -> Any:
    library = lab.library("pyresilience")
    lab.patch.setattr(
        "pyresilience._rate_limiter._monotonic_ns", lambda: round(asyncio.get_running_loop().time() * 1e9)
    )
    return lambda waits: library.resilient(
        rate_limiter=library.RateLimiterConfig(max_calls=1, period=10, max_wait=60 if waits else 0)
    )


def hyx_rate(lab: Lab) -> Any:
    library = lab.library("hyx.ratelimit")
    return lambda waits: library.tokenbucket(max_executions=1, per_time_secs=10)


def yielding_rate(lab: Lab, make: Make) -> None:
    """After a 429 it lets about half as many through."""

    class Busy(Exception):
        status_code = 429

    outcomes: list[Exception | None] = [Busy()]
    served = 0

    def serve() -> None:
        nonlocal served
        if outcomes and (error := outcomes.pop()):
            raise error
        served += 1

    guarded = make()(serve)
    for _ in range(101):
        lab.clock.now += 1
        try:
            guarded()
        except Exception:
            pass
    assert 45 <= served <= 65, served


def nopanic_yielding(lab: Lab) -> Decorate:
    library = lab.library("nopanic")
    return library.adaptive_rate_limit(1, 1, max_wait=0, increase=1e-6, clock=lab.clock)


def hedging(lab: Lab, make: Make) -> None:
    """The first attempt takes ten seconds; a second begins after one, and its answer comes."""

    async def scene() -> tuple[Any, list[float]]:
        loop = asyncio.get_running_loop()
        start, began = loop.time(), []

        async def serve() -> str:
            began.append(loop.time() - start)
            await asyncio.sleep(10 if len(began) == 1 else 0.1)
            return "slow" if len(began) == 1 else "quick"

        return await make()(serve)(), began

    assert run(scene()) == ("quick", [0, 1])


def ratio_budget(lab: Lab, make: Make) -> None:
    """A tenth more calls than were asked for, however many those are."""
    for asked in (100, 1000):
        made, guard = 0, make()

        def call() -> None:
            nonlocal made
            made += 1
            raise Boom

        guarded = guard(call)
        for _ in range(asked):
            try:
                guarded()
            except Boom:
                pass
        assert 1.05 <= made / asked <= 1.11, f"{made} calls for {asked}"


def nopanic_budget(lab: Lab) -> Decorate:
    budget = lab.library("nopanic").RetryBudget(0.1, min_retries_per_sec=0, clock=lab.clock)
    return nopanic(lab, budget=budget)


def pyresilience_budget(lab: Lab) -> Decorate:
    """Of ten retries, which a hundred calls may be enough for."""
    library = lab.library("pyresilience", pyresilience___retry_budget="_monotonic")
    retry = library.RetryConfig(max_attempts=3, delay=0, retry_on=(Boom,))
    return library.resilient(retry=retry, retry_budget=library.RetryBudgetConfig(max_retries=10, refill_rate=1e-9))


def redress_budget(lab: Lab) -> Decorate:
    budget = lab.library("redress", redress__budget="time").Budget(max_retries=10, window_s=1e9)
    return redress(lab, budget=budget)


def one_budget(lab: Lab, make: Make) -> None:
    """Three retries for two policies: the first takes two, and leaves one."""
    tries = []
    for guard in make():
        calls = Calls(lab, guard)
        calls(BAD)
        tries.append(calls.entered)
    assert tries == [3, 2], tries


def nopanic_one_budget(lab: Lab) -> list[Decorate]:
    budget = lab.library("nopanic").RetryBudget(0, min_retries_per_sec=0.3, window=10, clock=lab.clock)
    return [nopanic(lab, budget=budget) for _ in range(2)]


def redress_one_budget(lab: Lab) -> list[Decorate]:
    budget = lab.library("redress", redress__budget="time").Budget(max_retries=3, window_s=10)
    return [redress(lab, budget=budget) for _ in range(2)]


ROWS = (
    Row(
        "bulkhead with a queue and a longest wait",
        bulkhead,
        {"NP": nopanic_bulkhead, "PR": pyresilience_bulkhead, "IL": interlock_bulkhead},
        {
            "HX": (hyx_bulkhead, "both were served"),
            "RX": (lambda lab: lab.library("resilix").protect.bulkhead(1, wait=True), "both were served"),
        },
    ),
    Row(
        "one limit across threads, tasks and loops",
        one_limit,
        {},
        {
            "NP": (lambda lab: nopanic_bulkhead(lab, wait=0), "two are inside"),
            "PR": (lambda lab: pyresilience_bulkhead(lab, wait=0), "two are inside"),
            "IL": (lambda lab: interlock_bulkhead(lab, wait=0), "two are inside"),
            "RX": (lambda lab: lab.library("resilix").protect.bulkhead(1, wait=False), "two are inside"),
        },
    ),
    Row(
        "rate limit, waiting or refusing",
        rate_limit,
        {"NP": nopanic_rate, "PR": pyresilience_rate},
        {"HX": (hyx_rate, "waiting")},
        nothing=lambda lab: lambda waits: bare,
    ),
    Row("a rate that yields to the server's pushback", yielding_rate, {"NP": nopanic_yielding}),
    Row("hedging after a delay", hedging, {"NP": lambda lab: lab.library("nopanic").hedge(delay=1)}),
    Row(
        "a budget in the ratio of traffic",
        ratio_budget,
        {"NP": nopanic_budget},
        {"PR": (pyresilience_budget, "1010 calls for 1000"), "RD": (redress_budget, "1010 calls for 1000")},
    ),
    Row(
        "one budget for several policies",
        one_budget,
        {"NP": nopanic_one_budget, "RD": redress_one_budget},
        nothing=lambda lab: [bare, bare],
    ),
)
