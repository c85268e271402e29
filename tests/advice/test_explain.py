"""The worst case is what the step machine can be driven to, and the words say what the options are."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstay import Budget, Bulkhead, CircuitBreaker, Fallback, Policy, Retry, Timeout
from backstay_core.advice.bounds import longest_pauses, worst_case
from backstay_core.advice.explain import explain, explain_worst_case
from backstay_core.clock import SECOND
from backstay_core.execution import ATTEMPT, START, WAIT, WAKE, Execution
from backstay_core.failure import NEVER

FULL = (
    Fallback("last known"),
    Timeout(5.0),
    Retry(attempts=3, idempotent=True, budget=Budget()),
    CircuitBreaker(failure_rate=0.5, window_calls=100, open_for=30.0, slow_call=0.5),
    Bulkhead(50, queue=100),
    Timeout(1.0),
)


def longest(strategies: tuple[Any, ...]) -> tuple[int, int]:
    """Drive a call whose every attempt hangs, with pauses at their longest: (ns, attempts)."""
    policy = Policy("p", *strategies, seed=0)
    call = Execution(policy)
    actions = call.step((START,), 0)
    now = attempts = 0
    while actions and actions[-1][0] in (ATTEMPT, WAIT):
        what, *_, until = actions[-1]
        attempts += what == ATTEMPT
        if until >= NEVER:
            return NEVER, attempts
        now = until
        actions = call.step((WAKE,), now)
    return now, attempts


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.builds(Timeout, st.sampled_from((0.1, 0.25, 1, 3, 10))),
            st.builds(
                Retry,
                st.integers(1, 4),
                idempotent=st.just(True),
                backoff=st.sampled_from(("constant", "linear", "exponential")),
                base=st.sampled_from((0, 0.1, 0.5)),
                cap=st.sampled_from((0.2, 5)),
                total=st.sampled_from((None, 0.3, 2)),
            ),
            st.builds(Bulkhead, st.just(5), queue=st.sampled_from((0, 3)), wait=st.just(0.5)),
            st.builds(CircuitBreaker, st.just(1.0)),
        ),
        max_size=5,
    )
)
def test_no_call_is_worse_than_the_worst_case(strategies: list[Any]):
    bounds = worst_case(tuple(strategies))
    ns, attempts = longest(tuple(strategies))
    assert ns <= bounds.ns
    assert attempts <= bounds.attempts


def test_the_worst_case_of_the_usual_composition_is_reached():
    strategies = (Timeout(60), Retry(4, backoff="exponential", base=0.5, idempotent=True), Timeout(1))
    assert longest(strategies) == (4 * SECOND + 3_500_000_000, 4)
    bounds = worst_case(strategies)
    assert (bounds.ns, bounds.attempts) == longest(strategies)


@pytest.mark.parametrize(
    ("retry", "pauses"),
    [
        (Retry(4, backoff="constant", base=1), [1, 1, 1]),
        (Retry(4, backoff="linear", base=1, cap=2), [1, 2, 2]),
        (Retry(4, backoff="exponential", base=1, factor=3), [1, 3, 9]),
        (Retry(4, backoff="full_jitter", base=1, cap=3), [1, 2, 3]),
        (Retry(4, backoff="decorrelated", base=1, cap=20), [3, 9, 20]),
        (Retry(4, base=0), [0, 0, 0]),
    ],
)
def test_longest_pauses(retry: Retry, pauses: list[float]):
    assert longest_pauses(retry) == [pause * SECOND for pause in pauses]


def test_sentences_say_what_the_options_are():
    assert explain(FULL) == [
        "Answers with 'last known': whatever fails or is refused inside.",
        "The call, with all that is inside, is cut short after 5 s.",
        "Up to 3 attempts are made; tried again: failures that can pass. Pauses: random, up to 100 ms at first and 200 "
        "ms in the end; retries stay within 10 % of the calls, 10 saved up at most.",
        "When 50 % of the last 100 calls have failed (of 10 at least), or 100 % took 500 ms or longer, calls are "
        "refused for 30 s (longer each time in a row, up to 300 s); then 1 must succeed, 1 at a time, to let all "
        "through again.",
        "At most 50 calls are inside at once; 100 more may wait, as long as the deadline allows; others are refused.",
        "Each attempt is cut short after 1 s.",
    ]
    assert explain_worst_case(FULL) == [
        "At worst a call makes 3 attempts and takes 5 s.",
        "A function that cannot be interrupted (sync code) is not cut short: its own time comes on top.",
    ]
    assert explain_worst_case((Retry(2, on=KeyError),)) == ["At worst a call makes 2 attempts and takes for ever."]
    assert "KeyError" in explain((Retry(2, on=KeyError),))[0]


def test_a_server_that_asks_for_pauses_is_counted_apart():
    lines = explain_worst_case((Retry(2, backoff="constant", base=1, pushback_cap=60), Timeout(1)))
    assert lines[:2] == [
        "At worst a call makes 2 attempts and takes 3 s.",
        "If the server asks for pauses, it takes up to 63 s.",
    ]


def test_attempts_beyond_counting_are_still_said():
    """Python writes no number of more than 4300 digits."""
    [most, *_] = explain_worst_case(tuple(Retry(100) for _ in range(2200)))
    assert most.startswith(f"At worst a call makes {NEVER} attempts")
