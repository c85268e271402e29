import asyncio
import threading
from typing import Any

import pytest

from backstay import Bulkhead, BulkheadFull, Fallback, Policy, Retry, TimedOut, Timeout
from backstay import remaining as remaining_seconds
from backstay.testing import Script, Stuck, VirtualTime, run

BOOM = ConnectionError("refused")


def retrying(**options: Any) -> Policy:
    return Policy("quotes", Retry(3, on=ConnectionError, backoff="exponential", base=10.0, cap=60.0, **options))


def test_pauses_take_no_real_time_and_happen_exactly():
    policy, script = retrying(), Script((1.5, BOOM), (0.25, BOOM), (0, "ok"))
    with VirtualTime() as time:
        assert policy.call(script) == "ok"
        assert script.began == [0, 11.5, 31.75]
        assert time.now == 31.75


def test_a_frame_that_was_compiled_before_is_in_virtual_time_too():
    policy, script = retrying(), Script((0, BOOM), (0, "ok"))

    @policy
    def guarded(n: int, /, extra: int = 2, *, more: int = 3) -> Any:
        return (n, extra, more) if n else script()

    assert guarded(1) == (1, 2, 3)
    assert policy.call(lambda: "warm") == "warm"
    with VirtualTime() as time:
        assert guarded(0) == "ok"
        assert time.now == 10
        assert guarded(1, 5) == (1, 5, 3)
    assert guarded(1, more=4) == (1, 2, 4)
    assert policy.ports.clock in guarded.__globals__.values()  # type: ignore[attr-defined]


def test_coroutine_functions_and_what_was_derived_from_the_policy():
    policy, script = retrying(), Script((0, BOOM))

    @policy
    async def guarded() -> Any:
        return await script.acall()

    @guarded.fallback
    async def other(failure: object) -> Any:
        return "other"

    with VirtualTime(policy) as time:
        assert time.run(guarded()) == "other"
        assert time.now == 30
        with pytest.raises(ConnectionError):
            time.run(policy.using(base=1.0).acall(script.acall))
        assert time.now == 33


def test_policies_that_are_made_inside():
    with VirtualTime() as time:
        policy, script = retrying(), Script((0, BOOM))
        with pytest.raises(ConnectionError):
            policy.call(script)
        with pytest.raises(ConnectionError):
            policy.using(base=1.0).call(script)
        assert time.now == 33
        inside = policy.ports
    assert policy.ports is not inside
    assert policy.using(base=1.0).ports is policy.ports


def test_only_the_policies_given():
    one, other = retrying(), retrying()
    with VirtualTime(one):
        made_inside = retrying()
        assert one.ports is not other.ports
        assert made_inside.ports is other.ports


def test_hours_in_a_loop():
    policy = Policy("p", Timeout(3600.0))
    script = Script((float("inf"), None))

    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimedOut):
            await policy.acall(script.acall)
        return loop.time()

    assert run(main()) == 3600
    assert str(script) == "0 s     call 1 (): cancelled after 3600 s"


def test_a_queue_in_one_thread_and_in_a_loop():
    policy = Policy("p", Bulkhead(1, queue=5, wait=2.0))
    slow = Script((1.5, "done"))

    def inner() -> None:
        with pytest.raises(BulkheadFull):
            policy.call(slow)

    async def main() -> list[Any]:
        return await asyncio.gather(*(policy.acall(slow.acall) for _ in range(3)), return_exceptions=True)

    with VirtualTime() as time:
        policy.call(inner)
        assert (time.now, slow.calls) == (2, 0)
        results = time.run(main())
        assert [type(result) for result in results] == [str, str, BulkheadFull]
        assert slow.began == [2, 3.5]


def test_remaining_reads_the_virtual_clock():
    policy, seen = Policy("p", Timeout(9.0)), []

    def look(time: VirtualTime) -> None:
        time.advance(4)
        seen.append(remaining_seconds())

    with VirtualTime() as time:
        time.advance(100)
        policy.call(look, time)
    assert seen == [5]


def test_a_caller_outside_has_no_deadline_inside():
    outer, inner = Policy("outer", Timeout(1.0)), Policy("inner", Timeout(9.0))

    def virtual() -> float | None:
        with VirtualTime(inner):
            return inner.call(remaining_seconds)

    assert outer.call(virtual) == 9


def test_the_only_thread_would_wait_for_ever():
    policy = Policy("p", Fallback("hidden"), Bulkhead(1, queue=1))
    with VirtualTime(), pytest.raises(Stuck, match="waits for ever for a place"):
        policy.call(lambda: policy.call(lambda: None))


def test_all_tasks_would_wait_for_ever():
    async def forgotten() -> None:
        await asyncio.Event().wait()

    with VirtualTime() as time, pytest.raises(Stuck, match=r"no timer is set:\n.*Event\.wait|forgotten"):
        time.run(forgotten())


def test_a_loop_of_real_time_is_refused():
    policy = Policy("p", Fallback("hidden"), Timeout(1.0))
    paused = Policy("p", Retry(2, on=ConnectionError, base=1.0))

    async def quick() -> int:
        return 1

    async def failing() -> int:
        raise BOOM

    with VirtualTime():
        with pytest.raises(Stuck, match=r"VirtualTime\.run"):
            asyncio.run(policy.acall(quick))
        with pytest.raises(Stuck, match=r"VirtualTime\.run"):
            asyncio.run(paused.acall(failing))
    assert asyncio.run(policy.acall(quick)) == 1


def test_a_loop_made_before_serves_virtual_time_and_then_its_own():
    policy = Policy("p", Timeout(1.0))

    async def quick() -> int:
        return 1

    with asyncio.Runner() as runner:
        assert runner.run(policy.acall(quick)) == 1
        with VirtualTime() as time:
            assert time.run(policy.acall(quick)) == 1
        assert runner.run(policy.acall(quick)) == 1


def test_another_thread_gives_a_place_back():
    policy = Policy("p", Bulkhead(1, queue=1, wait=1.0))
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        leave.wait()

    with VirtualTime(patience=60) as time:
        thread = threading.Thread(target=policy.call, args=(hold,))
        thread.start()
        inside.wait()
        threading.Thread(target=leave.set).start()
        assert policy.call(lambda: "served") == "served"
        thread.join()
        assert time.now == 0


def test_time_stands_still_while_a_worker_thread_is_busy():
    policy, go, done = Policy("p", Timeout(5.0)), threading.Event(), []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(go.set)
        await asyncio.to_thread(go.wait)
        done.append(loop.time())

    async def main() -> None:
        await asyncio.gather(policy.acall(work), asyncio.sleep(1))

    run(main())
    assert done == [0]


def test_threads_move_one_clock():
    policy = retrying()

    def work() -> None:
        with pytest.raises(ConnectionError):
            policy.call(Script((0, BOOM)))

    with VirtualTime() as time:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.now == 8 * 30


def test_run_uses_the_time_that_is_entered():
    async def later() -> None:
        await asyncio.sleep(5)

    with VirtualTime() as time:
        run(later())
        run(later())
        assert time.now == 10
    with pytest.raises(Exception, match="takes policies"):
        run(later(), "quotes")  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_does_not_run_backwards(seconds: float):
    with VirtualTime() as time, pytest.raises(ValueError, match="0 seconds or more"):
        time.advance(seconds)
