"""Rows of docs/comparison.md about retries: what Backstay does, in virtual time."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from backstay import Budget, CircuitBreaker, Policy, Retry, TimedOut, Timeout, shared
from tests.peers import retry_rows
from tests.peers.breakers import Boom
from tests.peers.claims import Lab
from tests.peers.retry_makers import not_yet
from tests.support.worlds import LoopWorld, Script, SyncWorld


def three_attempts(**options: Any) -> Policy:
    return Policy("retry", Retry(3, base=0, on=Boom, **options))


def test_on_exceptions(monkeypatch: pytest.MonkeyPatch):
    retry_rows.on_exceptions(Lab(monkeypatch), three_attempts)


def test_on_results(monkeypatch: pytest.MonkeyPatch):
    retry_rows.on_results(Lab(monkeypatch), lambda: three_attempts(results=not_yet))


def pauses(world: SyncWorld, policy: Policy, *steps: Any) -> list[float]:
    script = Script(*steps)
    try:
        world.call(policy, script)
    except Exception:
        pass
    return [round(after - before, 6) for before, after in pairwise(script.began)]


class Busy(Exception):
    """A library's error with the status and headers of an answer."""

    def __init__(self, retry_after: str) -> None:
        self.status_code = 503
        self.headers = {"Retry-After": retry_after}


def test_retry_after():
    world = SyncWorld()
    policy = world.policy(Retry(3, base=0))
    assert pauses(world, policy, (0, Busy("7")), (0, Busy("2")), (0, "fine")) == [7, 2]
    assert pauses(world, policy, (0, Busy("86400"))) == [], "longer than pushback_cap: it gives up"


def test_decorrelated_jitter():
    world = SyncWorld()
    policy = world.policy(Retry(6, base=1, cap=100, backoff="decorrelated", on=Boom))
    found = pauses(world, policy, (0, Boom()))
    assert len(set(found)) == 5
    for last, pause in pairwise([1.0, *found]):
        assert 1 <= pause <= 3 * last


def test_a_budget_in_the_ratio_of_traffic():
    world = SyncWorld()
    policy = world.policy(Retry(3, base=0, on=Boom, budget=Budget(ratio=0.1, per_second=0, burst=5)))
    script = Script((0, Boom()))
    for _ in range(1000):
        with pytest.raises(Boom):
            world.call(policy, script)
    assert 1100 <= script.calls <= 1106, "a tenth more, not three times as much"


def test_one_budget_for_several_policies():
    world = SyncWorld()
    budget = shared("budget", Budget(ratio=0, per_second=0, burst=3))
    policies = [world.policy(Retry(3, base=0, on=Boom, budget=budget), name=name) for name in "ab"]
    tries = []
    for policy in policies:
        script = Script((0, Boom()))
        with pytest.raises(Boom):
            world.call(policy, script)
        tries.append(script.calls)
    assert tries == [3, 2]


def test_total_and_attempt_timeout():
    world = LoopWorld()
    try:
        policy = world.policy(Timeout(5), Retry(9, base=0, idempotent=True), Timeout(2))
        script = Script((60, "never"))
        with pytest.raises(TimedOut) as caught:
            world.call(policy, script)
        assert (script.began, caught.value.seconds) == ([0, 2, 4], 5)
    finally:
        world.close()


def test_a_call_that_is_not_idempotent_is_not_repeated():
    """… after an error that leaves open whether it was executed; after one that does not, it is."""
    world = SyncWorld()
    policy = world.policy(Retry(3, base=0))
    assert pauses(world, policy, (0, ConnectionResetError())) == []
    assert pauses(world, policy, (0, ConnectionRefusedError())) == [0, 0]
    assert pauses(world, policy.using(idempotent=True), (0, ConnectionResetError())) == [0, 0]


def test_a_refusal_of_the_own_breaker_is_not_tried_again():
    world = SyncWorld()
    policy = world.policy(Retry(9, base=0, idempotent=True), CircuitBreaker.consecutive(2))
    assert pauses(world, policy, (0, ConnectionResetError())) == [0]
