"""What breakers are asked to stand. Each scenario fails with an `AssertionError` if the library does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tests.peers.breakers import FAILURES, PAUSE, Boom, Breaker, Clock
from tests.support.virtual import VirtualLoop

CALLERS = 50


class NotSetUp(Exception):
    """The scenario could not begin: this says nothing about the bug."""


class Dependency:
    """What is called: it counts, waits at `gate` while that is closed, and then fails or not."""

    def __init__(self) -> None:
        self.entered = 0
        self.healthy = True
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> str:
        self.entered += 1
        gate, healthy = self.gate, self.healthy
        await gate.wait()
        if not healthy:
            raise Boom
        return "answer"


def calling(breaker: Breaker, dependency: Dependency) -> Any:
    async def call() -> str:
        return await dependency()

    return breaker.guard(call)


async def reaches(dependency: Dependency, guarded: Any) -> bool:
    """Does a call get through to the dependency?"""
    before = dependency.entered
    await asyncio.gather(guarded(), return_exceptions=True)
    return dependency.entered > before


async def settle() -> None:
    """Let every task go on until it has to wait."""
    for _ in range(50):
        await asyncio.sleep(0)


async def open_it(dependency: Dependency, guarded: Any) -> None:
    healthy, dependency.healthy = dependency.healthy, False
    for _ in range(FAILURES):
        if not await reaches(dependency, guarded):
            raise NotSetUp("the breaker opened too early")
    if await reaches(dependency, guarded):
        raise NotSetUp("the breaker did not open")
    dependency.healthy = healthy


async def hold(dependency: Dependency, guarded: Any) -> tuple[asyncio.Task[Any], asyncio.Event]:
    """A call that is inside until its gate, which is returned, is opened."""
    gate = dependency.gate = asyncio.Event()
    before = dependency.entered
    task = asyncio.ensure_future(guarded())
    await settle()
    dependency.gate = asyncio.Event()
    dependency.gate.set()
    if dependency.entered == before:
        raise NotSetUp("the call was not let in")
    return task, gate


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def one_probe(breaker: Breaker, clock: Clock) -> None:
    """Half-open, a breaker lets one probe through, however many callers come at once."""
    dependency = Dependency()
    guarded = calling(breaker, dependency)
    await open_it(dependency, guarded)
    clock.now += PAUSE + 1
    dependency.entered = 0
    dependency.gate = asyncio.Event()
    tasks = [asyncio.ensure_future(guarded()) for _ in range(CALLERS)]
    await settle()
    reached = dependency.entered
    dependency.gate.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    if not reached:
        raise NotSetUp("no probe was let in")
    assert reached == 1, f"{reached} of {CALLERS} calls reached the dependency"


async def callers_who_leave(breaker: Breaker, clock: Clock) -> None:
    """Callers who are cancelled say nothing about the dependency: the breaker stays closed."""
    dependency = Dependency()
    guarded = calling(breaker, dependency)
    for _ in range(FAILURES + 2):
        if await _left(dependency, guarded):
            break
    assert await reaches(dependency, guarded), "cancelled callers opened the breaker"


async def _left(dependency: Dependency, guarded: Any) -> bool:
    """Call and leave. True if the call was not let in any more."""
    try:
        task, _ = await hold(dependency, guarded)
    except NotSetUp:
        return True
    await cancel(task)
    return False


async def failures_around_one_who_leaves(breaker: Breaker, clock: Clock) -> None:
    """A cancelled caller is no success either: it does not make failures before it forgotten."""
    dependency = Dependency()
    guarded = calling(breaker, dependency)
    dependency.healthy = False
    for _ in range(FAILURES - 1):
        await reaches(dependency, guarded)
    task, _ = await hold(dependency, guarded)
    await cancel(task)
    await reaches(dependency, guarded)
    assert not await reaches(dependency, guarded), f"{FAILURES} failures did not open it: the count was reset"


async def hung_probe(breaker: Breaker, clock: Clock) -> None:
    """A probe that hangs for ever does not close the dependency off for ever."""
    dependency = Dependency()
    guarded = calling(breaker, dependency)
    await open_it(dependency, guarded)
    clock.now += PAUSE + 1
    probe, _ = await hold(dependency, guarded)
    try:
        clock.now += 1e9
        assert await reaches(dependency, guarded), "refused for ever"
    finally:
        await cancel(probe)


async def stale_probe(breaker: Breaker, clock: Clock) -> None:
    """The outcome of a probe from before an operator's reset does not close the breaker that has opened since."""
    dependency = Dependency()
    guarded = calling(breaker, dependency)
    if breaker.reset is None:
        raise NotSetUp("there is no reset")
    await open_it(dependency, guarded)
    clock.now += PAUSE + 1
    stale, gate = await hold(dependency, guarded)
    breaker.reset()
    await open_it(dependency, guarded)
    clock.now += PAUSE + 1
    probe, _ = await hold(dependency, guarded)
    try:
        gate.set()
        if await stale != "answer":
            raise NotSetUp("the stale probe did not succeed")
        assert not await reaches(dependency, guarded), "the stale probe closed it while the probe is in flight"
    finally:
        await cancel(probe)


def calls_at_once(breaker: Breaker, patience: float) -> None:
    """Calls from two threads are inside a breaker at the same time: no lock is held around them.

    `patience`: seconds for which one waits inside for the other.
    """
    both = threading.Barrier(2)
    met = []

    def call() -> None:
        try:
            both.wait(patience)
        except threading.BrokenBarrierError:
            met.append(False)
        else:
            met.append(True)

    guarded = breaker.guard(call)
    threads = [threading.Thread(target=guarded) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == [True, True], "the second call waited until the first had ended"


def two_callers_wait_alike(decorate: Callable[[Any], Any]) -> None:
    """Two calls at once, each failing twice, pause 1 s and then 2 s each."""
    loop = VirtualLoop()
    began: dict[str, list[float]] = {"one": [], "other": []}

    async def fail_twice(caller: str) -> str:
        began[caller].append(loop.time())
        if len(began[caller]) < 3:
            raise Boom
        return caller

    async def both() -> list[Any]:
        guarded = decorate(fail_twice)
        return await asyncio.gather(*map(guarded, began), return_exceptions=True)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        if runner.run(both()) != list(began):
            raise NotSetUp("a third attempt did not succeed")
    pauses = {caller: [b - a for a, b in pairwise(at)] for caller, at in began.items()}
    assert pauses == {"one": [1, 2], "other": [1, 2]}, pauses
