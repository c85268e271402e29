from typing import Any

import pytest
import trio

from backstay import CircuitBreaker, CircuitOpen, Policy, Retry
from backstay.testing import Script, Stuck, VirtualTime, record

BOOM = ConnectionError("refused")


def test_the_clock_of_policies_follows_trio():
    policy = Policy("p", CircuitBreaker(failure_rate=0.5, window_calls=1, open_for=30, open_jitter=0))

    async def main() -> float:
        with pytest.raises(ConnectionError):
            policy.call(Script((0, BOOM)))
        with pytest.raises(CircuitOpen):
            policy.call(lambda: 1)
        await trio.sleep(30)
        assert policy.call(lambda: 1) == 1
        return trio.current_time()

    with VirtualTime() as time, record(policy) as decisions:
        time.advance(5)
        assert time.run_trio(main) == 35
        assert time.now == 35
        time.advance(1)
        assert time.now == 36
    assert "35 s    #3 circuit_breaker probing" in decisions


def test_a_pause_in_a_thread_moves_trio_s_clock():
    policy = Policy("p", Retry(2, on=ConnectionError, backoff="constant", base=10))

    async def main() -> float:
        with pytest.raises(ConnectionError):
            policy.call(Script((1, BOOM)))
        return trio.current_time()

    with VirtualTime() as time:
        assert time.run_trio(main) == 12


def test_scripts_take_their_time():
    script = Script((5, "ok"), (float("inf"), None))

    async def main() -> list[Any]:
        with trio.move_on_after(100):
            assert await script.acall() == "ok"
            await script.acall()
        return [trio.current_time()]

    with VirtualTime() as time:
        assert time.run_trio(main) == [100]
    assert str(script.history[1]) == "5 s     call 2 (): cancelled after 95 s"


def test_all_tasks_would_wait_for_ever():
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep(3600)

    with VirtualTime() as time, pytest.raises(Stuck, match="every trio task waits"):
        time.run_trio(main)


def test_a_worker_thread_is_no_hang():
    async def main() -> int:
        return await trio.to_thread.run_sync(lambda: 42)

    with VirtualTime() as time:
        assert time.run_trio(main) == 42


def test_errors_come_out_unchanged_and_time_goes_on():
    async def main() -> None:
        await trio.sleep(1)
        raise BOOM

    with VirtualTime() as time:
        with pytest.raises(ConnectionError):
            time.run_trio(main)
        assert time.now == 1
        assert time.run(nothing()) is None


async def nothing() -> None: ...
