"""The picture of the worst case is what the words say of it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backstay import Bulkhead, CircuitBreaker, Retry, Timeout
from backstay_core.advice.bounds import worst_case
from backstay_core.advice.timeline import draw, worst_timeline
from backstay_core.clock import SECOND
from backstay_core.config.template import COMPOSITION
from backstay_core.failure import NEVER
from backstay_core.policy import STRATEGIES

MS = SECOND // 1000


def test_waits_for_a_place_are_part_of_it():
    strategies = (Retry(2, idempotent=True, base=0), Bulkhead(9, queue=5, wait=0.5), Timeout(1))
    segments = [("wait", 0, 500), ("attempt", 500, 1500), ("wait", 1500, 2000), ("attempt", 2000, 3000)]
    assert worst_timeline(strategies) == [(what, begin * MS, end * MS) for what, begin, end in segments]
    assert worst_case(strategies).ns == 3 * SECOND
    assert draw(worst_timeline(strategies), 12) == ["::|===::|===", "0        3 s"]


def test_a_wait_without_end_is_one():
    strategies = (Retry(2, idempotent=True), Bulkhead(9, queue=5), Timeout(1))
    assert worst_timeline(strategies) == [("wait", 0, NEVER)]
    assert worst_case(strategies).ns == NEVER


def test_a_wait_that_only_the_timeout_ends_is_left_out():
    strategies = (Timeout(2), Bulkhead(9, queue=5), Timeout(1))
    assert worst_timeline(strategies) == [("attempt", 0, SECOND)]


def test_the_first_file_of_a_new_user():
    options = [STRATEGIES[kind](**values) for kind, _, values in COMPOSITION]
    assert worst_timeline(tuple(options))[-1][2] == worst_case(tuple(options)).ns == 4800 * MS


@settings(deadline=None, derandomize=True, max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.builds(Timeout, st.sampled_from((0.1, 0.25, 1, 3, 10))),
            st.builds(
                Retry, st.integers(1, 4), idempotent=st.just(True), base=st.sampled_from((0, 0.1, 0.5)),
                backoff=st.sampled_from(("constant", "linear", "full_jitter", "decorrelated")),
            ),
            st.builds(Bulkhead, st.just(5), queue=st.sampled_from((0, 3)), wait=st.sampled_from((0, 0.5))),
            st.builds(CircuitBreaker, st.just(1.0)),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_it_is_never_worse_than_the_bound(strategies: list[Any]):
    segments = worst_timeline(tuple(strategies))
    bounds = worst_case(tuple(strategies))
    assert segments[-1][2] <= bounds.ns
    assert sum(what == "attempt" for what, _, _ in segments) <= bounds.attempts
    assert [begin for _, begin, _ in segments] == [0, *(end for _, _, end in segments[:-1])]
