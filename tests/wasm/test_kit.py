"""Policies in a component under the test kit: their clock is virtual, their state stays where it is."""

import pytest

from backstay import CircuitBreaker, CircuitOpen, ConfigurationError, Retry
from backstay.testing import Script, VirtualTime, disabled, instant, record
from backstay_wasm import Policy

BOOM = ConnectionError("refused")


@pytest.fixture
def policy(engine_of):
    return Policy(
        "p",
        Retry(2, idempotent=True, backoff="constant", base=10),
        CircuitBreaker(failure_rate=0.5, window_calls=2, open_for=60, open_jitter=0),
        engine=engine_of(),
    )


def trip(policy: Policy) -> None:
    with pytest.raises(ConnectionError):
        policy.call(Script((0, BOOM)))


def test_pauses_and_open_periods_are_virtual(policy):
    with VirtualTime() as time:
        trip(policy)
        assert time.now == 10
        with pytest.raises(CircuitOpen):
            policy.call(lambda: 1)
        time.advance(60)
        assert policy.call(lambda: 1) == 1


def test_state_goes_with_it_and_comes_back(policy):
    with instant():
        trip(policy)
        with VirtualTime(policy) as time:
            with pytest.raises(CircuitOpen):
                policy.call(lambda: 1)
            time.advance(60)
            assert policy.call(lambda: 1) == 1
        with pytest.raises(CircuitOpen):
            policy.call(lambda: 1)
    assert policy.call(lambda: 1) == 1


def test_disabled(policy):
    script = Script((0, BOOM))
    with disabled(), pytest.raises(ConnectionError):
        policy.call(script)
    assert script.calls == 1


def test_it_is_not_recorded(policy):
    with pytest.raises(ConfigurationError, match="decides elsewhere"):
        record(policy)
