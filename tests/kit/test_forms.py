"""Every form of a call is in virtual time, recorded, instant or disabled: functions, blocks, generators, under asyncio
and trio."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio

from backstay import Bulkhead, BulkheadFull, Policy, Retry, TimedOut, Timeout
from backstay.testing import Script, Stuck, VirtualTime, assert_decisions, disabled, instant, record

BOOM = ConnectionError("refused")
DECISIONS = """
    0 s   #1 attempt 1
    1 s   #1 attempt 1 failed: ConnectionError: refused
    1 s   #1 retry in 10 s
    11 s  #1 attempt 2
    11 s  #1 returned None
"""
policy = Policy("p", Timeout(60.0), Retry(3, on=ConnectionError, backoff="constant", base=10))


def function(script: Script) -> Any:
    return policy.call(script)


def block(script: Script) -> None:
    for attempt in policy.attempts():
        with attempt:
            script()


@policy
def generator(script: Script) -> Iterator[Any]:
    yield script()


async def afunction(script: Script) -> Any:
    return await policy.acall(script.acall)


async def ablock(script: Script) -> None:
    async for attempt in policy.attempts():
        async with attempt:
            await script.acall()


@policy
async def agenerator(script: Script) -> AsyncIterator[Any]:
    yield await script.acall()


async def items(script: Script) -> list[Any]:
    return [item async for item in agenerator(script)]


SYNC: list[Any] = [function, block, lambda script: list(generator(script))]
ASYNC: list[Any] = [afunction, ablock, items]


@pytest.fixture(params=range(3), ids=["function", "block", "generator"])
def form(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def script() -> Script:
    return Script((1, BOOM), (0, None))


def warm_up() -> None:
    for form in SYNC:
        form(Script((0, "warm")))
    for form in ASYNC:
        asyncio.run(form(Script((0, "warm"))))


class TestVirtualTime:
    def test_in_a_thread(self, form: int, script: Script):
        warm_up()
        with VirtualTime() as time, record(policy) as decisions:
            SYNC[form](script)
            assert time.now == 11
        assert_decisions(decisions, DECISIONS)

    def test_under_asyncio(self, form: int, script: Script):
        warm_up()
        with VirtualTime() as time, record(policy) as decisions:
            time.run(ASYNC[form](script))
            assert time.now == 11
        assert_decisions(decisions, DECISIONS)

    def test_under_trio(self, form: int, script: Script):
        warm_up()
        with VirtualTime() as time, record(policy) as decisions:
            time.run_trio(ASYNC[form], script)
            assert time.now == 11
        assert_decisions(decisions, DECISIONS)


class TestWaiting:
    def test_waits_in_a_trio_queue(self):
        queue = Policy("q", Bulkhead(1, queue=2, wait=5))
        script = Script((20, None))
        results: list[str] = []

        async def call() -> None:
            try:
                await queue.acall(script.acall)
                results.append("served")
            except BulkheadFull:
                results.append(f"refused at {trio.current_time()}")

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call)
                nursery.start_soon(call)

        with VirtualTime() as time:
            time.run_trio(main)
        assert results == ["refused at 5.0", "served"]

    def test_a_timeout_under_trio(self):
        script = Script((float("inf"), None))
        with VirtualTime() as time:
            with pytest.raises(TimedOut):
                time.run_trio(policy.acall, script.acall)
            assert time.now == 60

    def test_a_trio_of_real_time_is_refused(self):
        with VirtualTime(), pytest.raises(Stuck, match="run_trio"):
            trio.run(afunction, Script((0, None)))


class TestInstant:
    def test_in_a_thread(self, form: int, script: Script):
        with instant() as time:
            SYNC[form](script)
            assert time.skipped > 1
        assert script.calls == 2

    @pytest.mark.parametrize("library", [asyncio, trio], ids=lambda library: library.__name__)
    def test_in_tasks(self, form: int, script: Script, library: Any):
        with instant() as time:
            run(library, ASYNC[form], script)
            assert time.skipped > 1
        assert script.calls == 2


class TestDisabled:
    def test_in_a_thread(self, form: int):
        script = Script((0, BOOM))
        with disabled(), pytest.raises(ConnectionError):
            SYNC[form](script)
        assert script.calls == 1

    @pytest.mark.parametrize("library", [asyncio, trio], ids=lambda library: library.__name__)
    def test_in_tasks(self, form: int, library: Any):
        script = Script((0, BOOM))
        with disabled(), pytest.raises(ConnectionError):
            run(library, ASYNC[form], script)
        assert script.calls == 1


def run(library: Any, function: Any, *args: Any) -> None:
    if library is trio:
        trio.run(function, *args)
    else:
        asyncio.run(function(*args))
