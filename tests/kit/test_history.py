"""What policies remember, and how they draw, in a scope that changes time."""

from typing import Any

import pytest

from backstay import Budget, Bulkhead, CircuitBreaker, CircuitOpen, Policy, Retry, shared
from backstay.testing import Script, VirtualTime

BOOM = ConnectionError("refused")


def test_history_is_put_aside_and_given_back():
    policy = Policy("p", CircuitBreaker(failure_rate=0.5, window_calls=2, open_for=60.0, open_jitter=0), Bulkhead(2))

    def failing() -> None:
        raise BOOM

    def trip() -> None:
        for _ in range(2):
            with pytest.raises(ConnectionError):
                policy.call(failing)

    with VirtualTime() as time:
        trip()
        assert policy[CircuitBreaker].state == "open"
        time.advance(60)
        assert policy.call(lambda: 1) == 1
    assert policy[CircuitBreaker].state == "closed"
    trip()
    before = policy[CircuitBreaker].snapshot()["state"]["opened"]
    with VirtualTime():
        assert policy.call(lambda: 1) == 1
    with pytest.raises(CircuitOpen):
        policy.call(lambda: 1)
    assert policy[CircuitBreaker].snapshot()["state"]["opened"] == before == 1


def test_a_call_under_way_keeps_its_place():
    policy = Policy("p", Bulkhead(1))
    handle = policy[Bulkhead]

    def busy() -> None:
        assert handle.inside == 1
        with VirtualTime():
            assert handle.inside == 0
            assert policy.call(lambda: handle.inside) == 1
        assert handle.inside == 1

    policy.call(busy)
    assert handle.inside == 0


def test_one_that_ends_inside_gives_its_place_back_outside():
    policy = Policy("p", Bulkhead(1))
    scope = VirtualTime()
    policy.call(scope.__enter__)
    assert policy[Bulkhead].inside == 0
    scope.__exit__(None, None, None)
    assert policy[Bulkhead].inside == 0
    assert policy.call(lambda: 1) == 1


def test_a_shared_budget_is_given_back():
    budget = shared("budget", Budget(ratio=0, per_second=0, burst=1))
    policies = [
        Policy(name, Retry(5, on=ConnectionError, base=0, backoff="constant", budget=budget)) for name in ("a", "b")
    ]
    with VirtualTime():
        script = Script((0, BOOM))
        for policy in policies:
            with pytest.raises(ConnectionError):
                policy.call(script)
        assert script.calls == 3
    script = Script((0, BOOM))
    for policy in policies:
        with pytest.raises(ConnectionError):
            policy.call(script)
    assert script.calls == 3


def pauses(policy: Policy, **options: Any) -> list[float]:
    script = Script((0, BOOM))
    with VirtualTime(**options), pytest.raises(ConnectionError):
        policy.call(script)
    return script.began


def test_random_pauses_are_the_same_every_time():
    one, other = (Policy("p", Retry(5, on=ConnectionError)) for _ in range(2))
    assert pauses(one) == pauses(one) == pauses(other)
    assert pauses(one) != pauses(one, seed=7)
    assert len(set(pauses(one))) == 5

    def made_inside(seed: int) -> list[float]:
        script = Script((0, BOOM))
        with VirtualTime(seed=seed), pytest.raises(ConnectionError):
            Policy("p", Retry(5, on=ConnectionError)).call(script)
        return script.began

    assert made_inside(1) == made_inside(1) != made_inside(2)


def test_a_seed_of_its_own_is_kept():
    policy = Policy("p", Retry(5, on=ConnectionError), seed=3)
    assert pauses(policy) == pauses(policy, seed=7)
    assert policy.seed == 3
