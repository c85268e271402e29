"""Rows of docs/comparison.md about breakers: what Backstay does, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from backstay import CircuitBreaker, CircuitOpen, Policy
from tests.peers import breaker_rows, breakers
from tests.peers.claims import Lab
from tests.support.worlds import Script, SyncWorld

GOOD, BAD = (0, "fine"), (0, ConnectionRefusedError())


@pytest.fixture
def world() -> SyncWorld:
    return SyncWorld()


def play(world: SyncWorld, policy: Policy, *steps: Any) -> list[str]:
    """Call once a step; how each call ended: fine, failed or refused."""
    ends: list[str] = []
    for step in steps:
        try:
            world.call(policy, Script(step))
        except CircuitOpen:
            ends.append("refused")
        except ConnectionRefusedError:
            ends.append("failed")
        else:
            ends.append("fine")
    return ends


def state(policy: Policy) -> str:
    return policy[CircuitBreaker].state


def test_consecutive_failures(monkeypatch: pytest.MonkeyPatch):
    lab = Lab(monkeypatch)
    breaker_rows.consecutive_failures(lab, lambda: breakers.backstay(lab.clock, monkeypatch).guard)


def test_count_based_sliding_window(world: SyncWorld):
    policy = world.policy(CircuitBreaker(0.5, window_calls=4))
    assert play(world, policy, BAD, BAD, GOOD, GOOD) == ["failed", "failed", "fine", "fine"]
    assert state(policy) == "closed", "opens on a failure, never on the success that fills the window"
    assert play(world, policy, GOOD, GOOD, BAD, BAD, GOOD)[-1] == "refused", "the oldest have left the window"


def test_time_based_sliding_window(world: SyncWorld):
    policy = world.policy(CircuitBreaker(0.5, window_seconds=10, minimum_calls=4))
    play(world, policy, BAD, BAD)
    world.pass_time(20)
    assert play(world, policy, GOOD, GOOD, GOOD, BAD) == ["fine", "fine", "fine", "failed"], (
        "they are out of the window"
    )
    assert play(world, policy, BAD, BAD, GOOD)[-1] == "refused"


def test_failure_rate_with_a_minimum_of_calls(world: SyncWorld):
    policy = world.policy(CircuitBreaker(0.5, window_calls=100, minimum_calls=10))
    assert "refused" not in play(world, policy, *[BAD] * 9), "a cold start is no outage"
    assert play(world, policy, BAD, GOOD)[-1] == "refused"


def test_slow_call_rate(world: SyncWorld):
    policy = world.policy(CircuitBreaker(window_calls=4, slow_call=1.0, slow_rate=0.5))
    assert play(world, policy, GOOD, GOOD, (2, "late"), (2, "late"), GOOD)[-1] == "refused"


def test_a_returned_value_counts_as_a_failure(world: SyncWorld):
    policy = world.policy(CircuitBreaker.consecutive(2, results=lambda value: value == "wrong"))
    assert play(world, policy, (0, "wrong"), (0, "wrong"), GOOD) == ["fine", "fine", "refused"]


def test_n_successes_to_close(world: SyncWorld):
    policy = world.policy(CircuitBreaker.consecutive(1, open_for=10, open_jitter=0, close_after=3))
    play(world, policy, BAD)
    world.pass_time(10)
    states = []
    for _ in range(3):
        play(world, policy, GOOD)
        states.append(state(policy))
    assert states == ["half_open", "half_open", "closed"]


def test_the_open_period_grows(world: SyncWorld):
    policy = world.policy(CircuitBreaker.consecutive(1, open_for=10, open_growth=2.0, open_jitter=0))
    periods = []
    for _ in range(3):
        play(world, policy, BAD)
        periods.append(policy[CircuitBreaker].remaining)
        world.pass_time(periods[-1])
    assert periods == [10, 20, 40]


def test_manual_control(world: SyncWorld):
    policy = world.policy(CircuitBreaker.consecutive(1))
    handle = policy[CircuitBreaker]
    handle.force_open()
    assert play(world, policy, GOOD) == ["refused"]
    handle.force_closed()
    assert play(world, policy, BAD, BAD, GOOD) == ["failed", "failed", "fine"]
    handle.disable()
    assert play(world, policy, BAD, BAD) == ["failed", "failed"]
    handle.auto()
    assert play(world, policy, BAD, GOOD) == ["failed", "refused"]


def test_shadow_mode(world: SyncWorld):
    """It records and tells what it would do, and refuses nobody."""
    policy = world.policy(CircuitBreaker.consecutive(2))
    heard: list[str] = []
    policy.on("opened", lambda event: heard.append(event.name))
    policy[CircuitBreaker].metrics_only()
    assert play(world, policy, BAD, BAD, GOOD) == ["failed", "failed", "fine"]
    assert heard == ["opened"]


def test_never_reached_is_no_verdict(world: SyncWorld):
    """The pool of this process is full, or another policy refuses: the dependency was not asked."""
    from errno import EMFILE

    policy = world.policy(CircuitBreaker.consecutive(1))
    full = world.policy(CircuitBreaker(), name="inner")
    full[CircuitBreaker].force_open()
    with pytest.raises(OSError, match="files"):
        policy.call(_raise, OSError(EMFILE, "too many open files"))
    with pytest.raises(CircuitOpen):
        policy.call(lambda: world.call(full, Script(GOOD)))
    assert state(policy) == "closed"


def _raise(error: Exception) -> None:
    raise error
