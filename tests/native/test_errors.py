"""The exceptions of Backstay's own: what they are, what they carry, and that they survive pickling and copying."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from backstay import (
    Bulkhead,
    BulkheadFull,
    CircuitBreaker,
    CircuitOpen,
    ConfigurationError,
    DeadlineExceeded,
    Rejected,
    Retry,
    SnapshotError,
    TimedOut,
    Timeout,
    UnifiedError,
)
from tests.support.worlds import LoopWorld, Script, World

ERRORS: list[UnifiedError] = [
    UnifiedError("why"),
    Rejected("p: some strategy", "SOME_REASON", None),
    CircuitOpen("p: circuit_breaker", "CIRCUIT_OPEN", 1_500_000_000),
    BulkheadFull("p: bulkhead", "BULKHEAD_FULL", None),
    DeadlineExceeded("p: the deadline has passed", "NO_TIME", None),
    TimedOut("p: timeout", 1.5),
    ConfigurationError("no such option"),
    SnapshotError("truncated"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [
        *(lambda e, protocol=protocol: pickle.loads(pickle.dumps(e, protocol)) for protocol in range(6)),
        copy.copy,
        copy.deepcopy,
    ],
    ids=["pickle0", "pickle1", "pickle2", "pickle3", "pickle4", "pickle5", "copy", "deepcopy"],
)
def test_survive_pickling_and_copying(error: UnifiedError, again: Any):
    error = type(error)(*error.__reduce__()[1])
    error.add_note("tried twice")
    twin = again(error)
    assert type(twin) is type(error)
    assert twin is not error
    assert (str(twin), repr(twin), twin.args, twin.__notes__) == (str(error), repr(error), error.args, ["tried twice"])
    for attribute in ("where", "reason", "retry_after", "code", "seconds", "failure"):
        assert getattr(twin, attribute, None) == getattr(error, attribute, None)


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (CircuitOpen, (Rejected, UnifiedError)),
        (BulkheadFull, (Rejected, UnifiedError)),
        (DeadlineExceeded, (Rejected, UnifiedError)),
        (TimedOut, (TimeoutError, UnifiedError)),
        (ConfigurationError, (ValueError, UnifiedError)),
        (SnapshotError, (ValueError, UnifiedError)),
    ],
)
def test_hierarchy(error: type[BaseException], bases: tuple[type[BaseException], ...]):
    for base in bases:
        assert issubclass(error, base)
    assert not issubclass(TimedOut, Rejected)


@pytest.mark.parametrize("error", ERRORS[1:6], ids=lambda error: type(error).__name__)
def test_carry_their_statement_as_a_value(error: UnifiedError):
    assert error.failure is not None
    assert error.failure.kind == ("timeout" if isinstance(error, TimedOut) else "rejected")
    assert error.failure.domain == "backstay"


def test_an_open_breaker_says_when_to_ask_again(world: World):
    policy = world.policy(CircuitBreaker.consecutive(1, open_for=30, open_jitter=0), name="quotes")
    with pytest.raises(ConnectionResetError):
        world.call(policy, Script((0, ConnectionResetError())))
    world.pass_time(12.5)
    with pytest.raises(CircuitOpen) as caught:
        world.call(policy, Script((0, "fine")))
    assert caught.value.retry_after == 17.5
    assert (caught.value.where, caught.value.reason) == ("quotes: circuit_breaker", "CIRCUIT_OPEN")
    assert str(caught.value) == "quotes: circuit_breaker: circuit open, try again in 17.5 s"
    assert caught.value.failure.code == "UNAVAILABLE"
    policy.layers[0].force_open(world.now)  # type: ignore[attr-defined]
    with pytest.raises(CircuitOpen) as caught:
        world.call(policy, Script((0, "fine")))
    assert caught.value.retry_after is None
    assert str(caught.value) == "quotes: circuit_breaker: forced open"


def test_a_full_bulkhead_says_so(world: World):
    policy = world.policy(Bulkhead(1), name="quotes")
    policy.layers[0].admit(0)  # type: ignore[attr-defined]
    with pytest.raises(BulkheadFull, match="quotes: bulkhead: bulkhead full") as caught:
        world.call(policy, Script((0, "fine")))
    assert (caught.value.reason, caught.value.failure.code) == ("BULKHEAD_FULL", "RESOURCE_EXHAUSTED")


def test_a_timeout_says_which_and_how_long(loop_world: LoopWorld):
    world = loop_world
    policy = world.policy(Timeout(90), Retry(attempts=1), Timeout(1.5), name="quotes")
    with pytest.raises(TimedOut, match=r"quotes: timeout: not over after 1\.5 s") as caught:
        world.call(policy, Script((9, "late")))
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.seconds == 1.5
    assert caught.value.failure.kind == "timeout"
    assert world.now == 1_500_000_000


def test_a_refusal_is_neutral_for_the_policy_outside(world: World):
    inner = world.policy(CircuitBreaker(), name="inner")
    inner.layers[0].force_open(0)  # type: ignore[attr-defined]
    outer = world.policy(Retry(attempts=3, base=0), CircuitBreaker.consecutive(1), name="outer")
    guarded = outer(inner(world.function(Script((0, "fine")))))
    for _ in range(2):
        with pytest.raises(CircuitOpen, match="inner"):
            world.run(guarded)
