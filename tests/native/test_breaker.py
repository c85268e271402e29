"""What a frame tells its circuit breaker."""

from __future__ import annotations

from typing import Any

import pytest

from backstay import CircuitBreaker, CircuitOpen, Timeout
from tests.support.worlds import LoopWorld, Script, World

DOWN = ConnectionRefusedError("down")


@pytest.mark.parametrize("window", [{"window_calls": 1}, {"window_seconds": 60, "minimum_calls": 1}], ids=repr)
def test_a_neutral_probe_gives_its_place_back(world: World, window: dict[str, Any]):
    policy = world.policy(CircuitBreaker(open_for=5, half_open_for=3600, open_jitter=0, **window))
    with pytest.raises(ConnectionRefusedError):
        world.call(policy, Script((0, DOWN)))
    world.pass_time(5)
    with pytest.raises(CircuitOpen):  # of another policy: it says nothing of this one's dependency
        world.call(policy, Script((0, CircuitOpen("other", "CIRCUIT_OPEN", None))))
    assert world.call(policy, Script((0, "fine"))) == "fine"
    assert policy.layers[0].state == "closed"  # type: ignore[attr-defined]


def test_a_coroutine_function_that_blocks_its_loop_is_slow(loop_world: LoopWorld):
    """Nothing can interrupt it: its success comes after the Timeout has run out (CB15)."""
    world = loop_world
    policy = world.policy(CircuitBreaker(slow_rate=0.5, window_calls=1), Timeout(2))

    def blocking() -> str:
        world.loop.now += 3_000_000_000
        return "late"

    assert world.call(policy, blocking) == "late"
    assert policy.layers[0].state == "open"  # type: ignore[attr-defined]
