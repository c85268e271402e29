import asyncio
from typing import Any

import pytest

from backstay import Bulkhead, CircuitBreaker, ConfigurationError, Fallback, Policy, Retry, Timeout
from backstay.testing import Decisions, Script, VirtualTime, assert_decisions, disabled, record

BOOM = ConnectionError("refused")


def test_retries_of_one_call():
    policy = Policy("p", Retry(3, on=ConnectionError, backoff="exponential", base=0.1))
    with VirtualTime(), record(policy) as decisions:
        policy.call(Script((0.2, BOOM), (0.05, "ok")))
    assert list(decisions) == [
        "0 s     #1 attempt 1",
        "0.2 s   #1 attempt 1 failed: ConnectionError: refused",
        "0.2 s   #1 retry in 0.1 s",
        "0.3 s   #1 attempt 2",
        "0.35 s  #1 returned 'ok'",
    ]
    assert str(decisions) == "\n".join(decisions)
    assert decisions[0] == "0 s     #1 attempt 1"
    assert decisions[-1:] == ["0.35 s  #1 returned 'ok'"]


def test_a_breaker_opens_and_refuses():
    policy = Policy(
        "p",
        Fallback("last known"),
        CircuitBreaker(failure_rate=0.5, window_calls=1, open_for=30.0, open_jitter=0),
    )

    @policy
    def guarded() -> Any:
        return script()

    script = Script((0, BOOM), (0, "ok"))
    with VirtualTime() as time, record(policy) as decisions:
        guarded()
        guarded()
        time.advance(30)
        guarded()
        policy[CircuitBreaker].force_open()
    assert_decisions(
        decisions,
        """
        0 s   #1 attempt 1
        0 s   #1 attempt 1 failed: ConnectionError: refused
        0 s   #1 circuit_breaker opened for 30 s
        0 s   #1 fallback for ConnectionError: refused
        0 s   #1 returned 'last known'
        0 s   #2 circuit_breaker refused
        0 s   #2 fallback for CircuitOpen: p: circuit_breaker: circuit open, try again in 30 s
        0 s   #2 returned 'last known'
        30 s  #3 circuit_breaker probing
        30 s  #3 attempt 1
        30 s  #3 circuit_breaker closed
        30 s  #3 returned 'ok'
        30 s  circuit_breaker forced_open
        """,
    )


def test_timeouts_queues_and_callers_who_go():
    policy = Policy("p", Timeout(5.0), Bulkhead(1, queue=2, wait=2.0))
    script = Script((float("inf"), None))

    async def main() -> None:
        tasks = [asyncio.create_task(policy.acall(script.acall)) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with VirtualTime() as time, record(policy) as decisions:
        time.run(main())
    assert_decisions(
        decisions,
        """
        0 s  #1 attempt 1
        0 s  #2 waits for a place, at most 2 s
        0 s  #3 waits for a place, at most 2 s
        1 s  #3 the caller has gone
        2 s  #2 bulkhead wait is over
        2 s  #2 raised BulkheadFull: p: bulkhead: bulkhead wait
        5 s  #1 attempt 1 cancelled
        5 s  #1 raised TimedOut: p: timeout: not over after 5.0 s
        """,
    )


def test_several_policies_derived_ones_and_disabled_ones():
    one, two = (Policy(name, Retry(2, on=ConnectionError, backoff="constant", base=1)) for name in ("one", "two"))
    with VirtualTime(), record(one, two) as decisions:
        one.using(attempts=1).call(lambda: two.call(lambda: 1))
        with disabled(), pytest.raises(ConnectionError):
            two.call(Script((0, BOOM)))
    assert_decisions(
        decisions,
        """
        #1 one: attempt 1
        #2 two: attempt 1
        #2 two: returned 1
        #1 one: returned 1
        #3 two: attempt 1
        #3 two: attempt 1 failed: ConnectionError: refused
        #3 two: raised ConnectionError: refused
        """,
    )


def test_nothing_is_recorded_afterwards():
    policy = Policy("p", Retry(2, on=ConnectionError, base=0, backoff="constant"))
    with record(policy) as decisions:
        pass
    policy.call(Script((0, BOOM), (0, 1)))
    assert (len(decisions), str(decisions)) == (0, "no decisions")


def test_it_records_some_policy():
    with pytest.raises(ConfigurationError, match="policies to be recorded"):
        record()


class TestComparing:
    happened = ("0 s     #1 attempt 1", "0.2 s   #1 retry in 0.1 s", "0.3 s   #1 returned 'a  b'")

    @pytest.mark.parametrize(
        "expected",
        [
            happened,
            ["0 s #1 attempt 1", "0.2 s #1 retry in 0.1 s", "0.3 s #1 returned 'a  b'"],
            ["#1 attempt 1", "#1 retry in 0.1 s", "#1 returned 'a  b'"],
            ["0 s attempt 1", "0.2 s retry in 0.1 s", "0.3 s returned 'a  b'"],
            """
                attempt 1

                retry in 0.1 s
                returned 'a  b'""",
        ],
    )
    def test_times_and_numbers_may_be_left_out(self, expected):
        assert_decisions(self.happened, expected)

    def test_the_difference_is_shown(self):
        with pytest.raises(AssertionError) as caught:
            assert_decisions(self.happened, ["0 s attempt 1", "0.2 s retry in 0.2 s", "0.3 s returned 'a  b'", "more"])
        assert str(caught.value).splitlines() == [
            "the decisions are not the expected ones (- expected, + happened):",
            "  0 s     #1 attempt 1",
            "- 0.2 s retry in 0.2 s",
            "+ 0.2 s   #1 retry in 0.1 s",
            "  0.3 s   #1 returned 'a  b'",
            "- more",
        ]

    def test_another_time_is_another_decision(self):
        with pytest.raises(AssertionError):
            assert_decisions(self.happened[:1], "0.1 s attempt 1")
        with pytest.raises(AssertionError):
            assert_decisions(self.happened[:1], "#2 attempt 1")

    def test_nothing_is_expected(self):
        assert_decisions(Decisions(), "")
        with pytest.raises(AssertionError, match=r"\+ 0 s     #1 attempt 1"):
            assert_decisions(self.happened[:1], [])
