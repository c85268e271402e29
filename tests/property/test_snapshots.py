"""Snapshots: the same comes back and decides on as before, and what does not fit changes nothing."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay_core.canonical import dumps
from backstay_core.execution import ABORT, ATTEMPT, ERROR, OK, START, Execution
from backstay_core.failure import Failure, SnapshotError
from backstay_core.inflight import MODES, load, save
from backstay_core.policy import Policy
from backstay_core.strategies.priority import Caller
from tests.conformance import moving, simulate
from tests.conformance.simulate import outcome
from tests.property.cases import cases
from tests.property.generate import OUTCOMES, policies, timelines

LIVES = st.lists(st.tuples(st.integers(0, 10**8), st.booleans(), OUTCOMES), max_size=12)
WRONG = st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.just([]), st.just({}), st.just(-1), st.just(10**30))


def lived(data: dict[str, Any], life: list[tuple[int, bool, Any]]) -> tuple[Policy, int]:
    """A policy with a past: some calls are over, some are in flight."""
    policy = Policy.from_data(data)
    now = 0
    for step, ends, written in life:
        now += step
        execution = Execution(policy)
        actions = execution.step((START,), now)
        if actions and actions[0][0] == ATTEMPT and ends:
            kind, payload = outcome(written)
            assert kind in (OK, ERROR)
            execution.step((kind, actions[0][1], payload), now + 10**7)
            execution.step((ABORT,), now + 10**7)
            now += 10**7
    return policy, now


@cases(0.5)
@given(policies(), LIVES, st.sampled_from(("resume", "revive")))
def test_what_is_restored_is_what_was_saved(data: dict[str, Any], life: list[Any], mode: str) -> None:
    policy, now = lived(data, life)
    saved = policy.snapshot(now)
    text = dumps(saved)
    other = Policy.from_data(data)
    other.restore(json.loads(text), now, mode)
    again = other.snapshot(now)
    if mode == "revive":
        for part in (*saved["state"]["strategies"], *again["state"]["strategies"]):
            for held in {"inside", "in_flight"} & set(part["state"]):
                part["state"][held] = 0
    assert dumps(again) == dumps(saved)


@cases(0.3)
@given(policies(), LIVES, LIVES)
def test_what_was_saved_decides_on_as_before(data: dict[str, Any], life: list[Any], after: list[Any]) -> None:
    policy, now = lived(data, life)
    other = Policy.from_data(data)
    other.restore(json.loads(dumps(policy.snapshot(now))), now, "resume")
    for step, _, _ in after:
        now += step
        first, second = Execution(policy), Execution(other)
        assert describe(first.step((START,), now)) == describe(second.step((START,), now))
        failed = (ERROR, 1, Failure("connect"))
        assert describe(first.step(failed, now)) == describe(second.step(failed, now))
        first.step((ABORT,), now)
        second.step((ABORT,), now)


def describe(actions: list[Any]) -> list[Any]:
    return [tuple(part.to_data() if isinstance(part, Failure) else part for part in action) for action in actions]


@cases(0.5)
@given(timelines(), st.integers(0, 25))
def test_what_moves_between_two_steps_decides_on_as_before(vector: dict[str, Any], step: int) -> None:
    moves = (lambda number: number == step) if step else moving.always
    found = moving.run(vector, moves)
    assert moving.what_decides(found) == moving.what_decides(simulate.run(vector))


def in_flight(policy: Policy, life: list[tuple[int, bool, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Snapshots of calls that run and wait."""
    now = 0
    calls = []
    for number, (step, ends, _) in enumerate(life):
        now += step
        call = Execution(policy, wake=int, caller=Caller(number % 5, "ab"[ends]))
        call.step((START,), now)
        calls.append(call)
    return [json.loads(dumps(save(call, now))) for call in calls if call.mode in MODES], now


@cases(0.5)
@given(policies(), LIVES, st.integers(0, 10**6), WRONG, st.booleans())
def test_a_call_that_does_not_fit_is_known_at_no_gate(
    data: dict[str, Any], life: list[Any], pick: int, wrong: Any, drop: bool
) -> None:
    policy = Policy.from_data(data)
    calls, now = in_flight(policy, life)
    other = Policy.from_data(data)
    other.restore(json.loads(dumps(policy.snapshot(now))), now, "resume")
    for number, call in enumerate(calls):
        if number == pick % len(calls):
            paths = places(call)
            call = changed(call, paths[pick % len(paths)], wrong, drop)
        before = dumps(other.snapshot(now))
        try:
            load(call, other, now, int)
        except SnapshotError:
            assert dumps(other.snapshot(now)) == before


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything inside a snapshot."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [found for key, item in items for found in places(item, (*path, key))]


def changed(snapshot: dict[str, Any], path: tuple[Any, ...], wrong: Any, drop: bool) -> Any:
    if not path:
        return wrong
    bad = copy.deepcopy(snapshot)
    inner: Any = bad
    for key in path[:-1]:
        inner = inner[key]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = wrong
    return bad


@cases(0.5)
@given(policies(), LIVES, st.integers(0, 10**6), WRONG, st.booleans())
def test_a_snapshot_that_does_not_fit_changes_nothing(
    data: dict[str, Any], life: list[Any], pick: int, wrong: Any, drop: bool
) -> None:
    policy, now = lived(data, life)
    saved = json.loads(dumps(policy.snapshot(now)))
    paths = places(saved)
    bad = changed(saved, paths[pick % len(paths)], wrong, drop)
    other = Policy.from_data(data)
    before = dumps(other.snapshot(now))
    try:
        other.restore(bad, now, "resume")
    except SnapshotError:
        assert dumps(other.snapshot(now)) == before
    else:
        other.restore(json.loads(dumps(other.snapshot(now))), now, "resume")  # it is still a state that can be saved


FIVE = {
    "name": "five",
    "strategies": [
        {"kind": "fallback", "value": 0},
        {"kind": "timeout", "seconds": 5},
        {"kind": "retry", "budget": {}},
        {"kind": "circuit_breaker"},
        {"kind": "bulkhead", "limit": 10, "queue": 100},
    ],
}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"kind": "breaker"},
        {"options": "of another policy"},
        {"wall": "yesterday"},
        {"state": None},
        {"state": {}},
    ],
)
def test_a_snapshot_of_something_else_is_refused(change: dict[str, Any]) -> None:
    policy = Policy.from_data(FIVE)
    before = dumps(policy.snapshot(0))
    with pytest.raises(SnapshotError):
        policy.restore({**policy.snapshot(0), **change}, 0, "resume", 5)
    assert dumps(policy.snapshot(0)) == before


@pytest.mark.parametrize("bad", [None, [], "", 7, {"schema": 1}])
def test_what_is_no_snapshot_is_refused(bad: Any) -> None:
    with pytest.raises(SnapshotError):
        Policy.from_data(FIVE).restore(bad, 0, "resume")


def test_a_restore_resumes_or_revives() -> None:
    policy = Policy.from_data(FIVE)
    with pytest.raises(SnapshotError, match="resumes or revives"):
        policy.restore(policy.snapshot(0), 0, "replay")
