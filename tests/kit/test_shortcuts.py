import asyncio
import threading
import time as real
from typing import Any

import pytest

from backstay import (
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    ConfigurationError,
    Fallback,
    Policy,
    Retry,
    TimedOut,
    Timeout,
    remaining,
)
from backstay.testing import Script, Stuck, VirtualTime, disabled, instant

BOOM = ConnectionError("refused")


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails where somebody sleeps, really."""

    def refuse(*args: object) -> None:
        raise AssertionError("somebody sleeps")

    monkeypatch.setattr(real, "sleep", refuse)
    monkeypatch.setattr("backstay.drivers.ports.sleep", refuse)
    call_later = asyncio.BaseEventLoop.call_later

    def watched(self: Any, delay: float, *args: Any, **kwargs: Any) -> Any:
        assert delay == 0
        return call_later(self, delay, *args, **kwargs)

    monkeypatch.setattr(asyncio.BaseEventLoop, "call_later", watched)


@pytest.mark.usefixtures("no_sleep")
class TestInstant:
    def test_nobody_sleeps(self):
        policy, script = Policy("p", Retry(3, on=ConnectionError, base=3600, cap=3600)), Script((0, BOOM))
        with instant() as time:
            with pytest.raises(ConnectionError):
                policy.call(script)
            with pytest.raises(ConnectionError):
                asyncio.run(policy.acall(script.acall))
            assert script.calls == 6
            assert time.skipped > 0

    def test_what_was_skipped_counts_as_passed(self):
        policy = Policy("p", Retry(9, on=ConnectionError, backoff="constant", base=10, total=25))
        script = Script((0, BOOM))
        with instant(), pytest.raises(ConnectionError):
            policy.call(script)
        assert script.calls == 3

    def test_a_breaker_is_open_until_time_passes(self):
        policy = Policy("p", CircuitBreaker(failure_rate=0.5, window_calls=1, open_for=30, open_jitter=0))
        with instant() as time:
            with pytest.raises(ConnectionError):
                policy.call(Script((0, BOOM)))
            assert policy[CircuitBreaker].state == "open"
            time.advance(31)
            assert policy.call(lambda: 1) == 1
        assert policy[CircuitBreaker].state == "closed"

    def test_steps_of_a_script_take_no_time(self):
        policy, script = Policy("p", Timeout(5.0)), Script((3, "ok"))

        async def look() -> float | None:
            await script.acall()
            return remaining()

        with instant():
            left = asyncio.run(Policy("q", Retry(1)).acall(look))
            assert left is None
            assert policy.call(lambda: (script(), remaining())[1]) <= 2  # type: ignore[operator]

    def test_a_full_bulkhead_refuses_at_once(self):
        policy = Policy("p", Bulkhead(1, queue=3, wait=60))
        with instant():
            with pytest.raises(BulkheadFull):
                policy.call(lambda: policy.call(lambda: 1))

            async def both() -> Any:
                held = asyncio.Event()
                return await asyncio.gather(
                    policy.acall(held.wait), policy.acall(asyncio.sleep, 0), opened(held), return_exceptions=True
                )

            async def opened(held: asyncio.Event) -> None:
                for _ in range(5):
                    await asyncio.sleep(0)
                held.set()

            assert [type(result) for result in asyncio.run(both())] == [bool, BulkheadFull, type(None)]

    def test_a_wait_without_end_is_no_hang(self):
        policy = Policy("p", Fallback("hidden"), Bulkhead(1, queue=3))
        with instant(patience=0), pytest.raises(Stuck, match="would wait for ever"):
            policy.call(lambda: policy.call(lambda: 1))

    def test_a_wait_without_end_that_another_thread_ends(self):
        policy = Policy("p", Bulkhead(1, queue=1))
        inside, leave = threading.Event(), threading.Event()

        def hold() -> None:
            inside.set()
            leave.wait()

        with instant(patience=60):
            thread = threading.Thread(target=policy.call, args=(hold,))
            thread.start()
            inside.wait()
            threading.Thread(target=leave.set).start()
            assert policy.call(lambda: "served") == "served"
            thread.join()

    def test_inside_virtual_time_it_changes_nothing(self):
        policy, script = Policy("p", Retry(2, on=ConnectionError, base=5, backoff="constant")), Script((1, BOOM))
        with VirtualTime() as time:
            with pytest.raises(ConnectionError):
                policy.call(script)
            ports = policy.ports
            with instant():
                assert policy.ports is ports
            assert time.now == 7


def test_instant_leaves_timeouts_of_coroutines_as_they_are():
    policy = Policy("p", Timeout(0.001))

    async def hangs() -> None:
        await asyncio.Event().wait()

    with instant(), pytest.raises(TimedOut):
        asyncio.run(policy.acall(hangs))


class TestDisabled:
    policy = Policy("p", Fallback("none"), Timeout(1), Retry(3, on=ConnectionError), CircuitBreaker(), Bulkhead(1))

    def test_calls_go_straight_through(self):
        script = Script((0, BOOM), (0, "ok"))

        @self.policy
        def guarded(extra: int = 1) -> Any:
            return script(extra)

        @self.policy
        async def aguarded() -> Any:
            return await script.acall()

        assert guarded.policy.call(lambda: 1) == 1
        with disabled():
            with pytest.raises(ConnectionError):
                guarded()
            assert guarded(2) == "ok"
            assert asyncio.run(aguarded()) == "ok"
            assert self.policy.call(lambda: remaining()) is None
            assert self.policy.call(lambda: self.policy.call(lambda: "no limit")) == "no limit"
        assert script.history[0].args == (1,)
        script = Script((0, BOOM))
        self.policy[CircuitBreaker].force_open()
        assert guarded() == "none"
        assert script.calls == 0
        self.policy[CircuitBreaker].auto()

    def test_nothing_is_counted(self):
        before = self.policy.snapshot(0)
        with disabled(self.policy):
            for _ in range(5):
                with pytest.raises(ConnectionError):
                    self.policy.call(Script((0, BOOM)))
            assert self.policy.snapshot(0) == before

    def test_an_open_breaker_and_the_caller_s_deadline_do_not_matter(self):
        outer = Policy("outer", Timeout(5))
        with VirtualTime() as time, disabled(self.policy):
            self.policy[CircuitBreaker].force_open()

            def late() -> Any:
                time.advance(9)
                return self.policy.call(remaining)

            assert outer.call(late) == 0

    def test_mistakes_are_still_told(self):
        async def later() -> None: ...

        with disabled(), pytest.raises(ConfigurationError, match="coroutine function"):
            self.policy.call(later)  # type: ignore[unused-coroutine]

    def test_only_those_given(self):
        other = Policy("other", Fallback("other"))
        with disabled(self.policy):
            assert other.call(Script((0, BOOM))) == "other"
            with pytest.raises(ConnectionError):
                self.policy.using(timeout=2).call(Script((0, BOOM)))
