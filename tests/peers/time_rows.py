"""Rows about time limits, run with the libraries that have them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tests.peers.claims import Decorate, Lab, Row, bare
from tests.support.virtual import run

Make = Callable[[], Any]


def ambient_deadline(lab: Lab, make: Make) -> None:
    """What is left is known inside, and a longer limit inside ends with it."""
    within, remaining, longer = make()

    async def hangs() -> None:
        await asyncio.sleep(600)

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        lab.clock.now = start = loop.time()
        with within(5):
            assert 4.9 < (remaining() or 0) <= 5
            try:
                await longer(60)(hangs)()
            except TimeoutError:
                pass
        return loop.time() - start

    assert run(scene()) == 5


def nopanic_deadline(lab: Lab) -> Any:
    library = lab.library("nopanic", nopanic___core="time", nopanic__deadline="time")
    return library.deadline, library.time_remaining, library.timeout


def timeouts(lab: Lab, make: Make) -> None:
    """An async call is cancelled; a caller of a sync one is let go while it goes on."""
    guard = make()

    async def hangs() -> None:
        await asyncio.sleep(60)

    async def scene() -> float:
        start = asyncio.get_running_loop().time()
        try:
            await guard(1)(hangs)()
        except Exception:
            pass
        return asyncio.get_running_loop().time() - start

    assert run(scene()) == 1
    leave, left = threading.Event(), threading.Event()

    def blocks() -> None:
        leave.wait(30)
        left.set()

    try:
        guard(0.01)(blocks)()
    except Exception:
        pass
    try:
        assert not left.is_set(), "the caller waited until the call had ended"
    finally:
        leave.set()


def nopanic_timeout(lab: Lab) -> Any:
    return lab.library("nopanic").timeout


def pyresilience_timeout(lab: Lab) -> Any:
    library = lab.library("pyresilience")
    return lambda seconds: library.resilient(timeout=library.TimeoutConfig(seconds))


def interlock_timeout(lab: Lab) -> Any:
    library = lab.library("interlock.pipeline")
    return lambda seconds: library.Pipeline(library.TimeoutStrategy(seconds))


def redress_timeout(lab: Lab) -> Any:
    library = lab.library("redress")
    return lambda seconds: library.retry(attempt_timeout_s=seconds, max_attempts=1, strategy=lambda context: 0.0)


def resilix_timeout(lab: Lab) -> Any:
    protect = lab.library("resilix").protect
    return lambda seconds: protect.timeout(seconds, allow_sync=True)


def hyx_timeout(lab: Lab) -> Any:
    return lab.library("hyx.timeout").timeout


TIMEOUTS = {
    "NP": nopanic_timeout,
    "PR": pyresilience_timeout,
    "IL": interlock_timeout,
    "RD": redress_timeout,
    "RX": resilix_timeout,
}


def decorates_without_loop(lab: Lab, make: Make) -> None:
    async def hangs() -> str:
        await asyncio.sleep(60)
        return "late"

    try:
        guarded = make()(1)(hangs)
    except RuntimeError as error:
        raise AssertionError(f"cannot decorate at import: {error}") from error

    async def scene() -> Any:
        return await asyncio.gather(guarded(), return_exceptions=True)

    assert run(scene()) != ["late"]


def both_timeouts(lab: Lab, make: Make) -> None:
    """An attempt ends after 2 s, all of them after 5 s."""
    began: list[float] = []

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        lab.clock.now, start, guard = loop.time(), loop.time(), make()

        async def hangs() -> None:
            began.append(loop.time() - start)
            try:
                await asyncio.sleep(60)
            finally:
                lab.clock.now = loop.time()

        try:
            await guard(hangs)()
        except Exception:
            pass
        return loop.time() - start

    ended = run(scene())
    assert began[:2] == [0, 2]
    assert len(began) <= 3
    assert 4 <= ended <= 5, ended


def nopanic_timeouts(lab: Lab) -> Decorate:
    library = lab.library("nopanic")
    return library.compose(library.timeout(5), library.retry(9, backoff=0), library.timeout(2))


def redress_timeouts(lab: Lab) -> Decorate:
    library = lab.library("redress", redress__policy__state="time", redress__policy__retry_helpers="time")
    return library.retry(
        strategy=lambda context: 0.0, max_attempts=9, max_unknown_attempts=9, attempt_timeout_s=2, deadline_s=5
    )


def resilix_timeouts(lab: Lab) -> Decorate:
    protect = lab.library("resilix", resilix__engine__asynchronous="_monotonic").protect
    return lambda function: protect.when(TimeoutError, retry=9)(protect.limits(timeout=2, deadline=5)(function))


ROWS = (
    Row(
        "ambient deadline in the process",
        ambient_deadline,
        {"NP": nopanic_deadline},
        nothing=lambda lab: (lambda seconds: threading.Lock(), float, lambda seconds: bare),
    ),
    Row("timeout in tasks and in threads", timeouts, TIMEOUTS, nothing=lambda lab: lambda seconds: bare),
    Row(
        "a timeout decorates where no loop runs",
        decorates_without_loop,
        TIMEOUTS,
        {"HX": (hyx_timeout, "no running event loop")},
        nothing=lambda lab: lambda seconds: bare,
    ),
    Row(
        "total and attempt timeout, both",
        both_timeouts,
        {"NP": nopanic_timeouts, "RX": resilix_timeouts},
        {"RD": (redress_timeouts, "6.0")},
    ),
)
