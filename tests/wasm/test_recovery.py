"""An instance that breaks is replaced; only the call at which it broke is lost."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from wasmtime import Store

from backstay_core.engine import Engine as CoreEngine
from backstay_wasm import CallLost, Engine, EngineError, IncompatibleComponent, Limits
from backstay_wasm.instance import Instance
from backstay_wasm.marshal import Trap
from backstay_wasm.recovery import FEWEST, PATIENCE

MS = 1_000_000
POLICIES = {
    "policies": [
        {
            "name": "p",
            "seed": 3,
            "strategies": [
                {"kind": "retry", "attempts": 3, "idempotent": True},
                {"kind": "circuit_breaker", "window_calls": 20},
                {"kind": "bulkhead", "limit": 3, "queue": 3},
                {"kind": "timeout", "seconds": 0.5},
            ],
        },
        {"name": "free", "strategies": []},
    ]
}

ENDLESS = {"policies": [{"name": "q", "strategies": [{"kind": "fallback"}] * 40_000}]}


def poison(engine: Engine) -> None:
    """The next call into the component does not return."""
    inside = engine._inside.instance
    assert inside is not None
    inside.ticks = 0


def state_of(engine: Engine, now: int) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(engine.snapshot(now))["state"]
    return data


def test_only_the_call_at_which_it_broke_is_lost(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES)
    done, lost, other = (engine.begin("p", 0) for _ in range(3))
    engine.step(done.call, "ok", done.token, now=MS)
    poison(engine)
    with pytest.raises(CallLost) as caught:
        engine.step(lost.call, "ok", lost.token, now=2 * MS)
    assert (caught.value.kind, caught.value.call) == ("deadline", lost.call)
    assert engine.replacements == 1
    inside = state_of(engine, 2 * MS)
    strategies = inside["policies"][0][1]["state"]["strategies"]
    assert strategies[1]["state"]["seen"] == 1  # the settlement before it
    assert strategies[2]["state"]["inside"] == 1  # the lost call gave its place back
    assert engine.step(other.call, "ok", other.token, now=3 * MS).action == "complete"
    with pytest.raises(EngineError) as closed:
        engine.step(lost.call, "ok", lost.token, now=3 * MS)
    assert closed.value.kind == "closed"
    assert engine.begin("p", 3 * MS).call > other.call


def test_a_begin_at_which_it_broke_leaves_nothing(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES)
    before = state_of(engine, 0)
    poison(engine)
    with pytest.raises(CallLost):
        engine.begin("p", 0)
    assert state_of(engine, 0) == before
    assert engine.begin("p", 0).call == 1


@pytest.mark.parametrize("ask", [lambda e: e.report(0), lambda e: e.snapshot(0), lambda e: e.snapshot_policy("p", 0)])
def test_a_question_at_which_it_broke_loses_nothing(engine_of: Callable[..., Engine], ask: Callable[[Engine], Any]):
    engine = engine_of(POLICIES)
    call = engine.begin("p", 0)
    before = state_of(engine, 0)
    poison(engine)
    with pytest.raises(CallLost) as caught:
        ask(engine)
    assert caught.value.call is None
    assert state_of(engine, 0) == before
    assert engine.step(call.call, "ok", call.token, now=0).over


def test_who_waited_for_the_lost_call_is_told(engine_of: Callable[..., Engine]):
    engine = engine_of({"policies": [{"name": "p", "strategies": [{"kind": "bulkhead", "limit": 1, "queue": 1}]}]})
    rung: list[int] = []
    lost = engine.begin("p", 0)
    waiting = engine.begin("p", 0, wake=lambda: rung.append(1))
    assert waiting.action == "wait"
    poison(engine)
    with pytest.raises(CallLost):
        engine.step(lost.call, "error", lost.token, now=1)
    assert rung == [1]
    assert engine.step(waiting.call, "wake", now=1).action == "attempt"


WAITING = {"policies": [{"name": "p", "strategies": [{"kind": "bulkhead", "limit": 1, "queue": 1}]}]}


def spoil(engine: Engine) -> None:
    """A journal that cannot be told again."""
    engine._inside.journal.append(("begin", (99, 0, None, False, None), None))


def test_who_waits_is_told_that_his_call_is_forgotten(engine_of: Callable[..., Engine]):
    engine = engine_of(WAITING)
    rung: list[int] = []
    engine.begin("p", 0)
    waiting = engine.begin("p", 0, wake=lambda: rung.append(1))
    spoil(engine)
    poison(engine)
    with pytest.raises(CallLost):
        engine.report(0)
    assert rung == [1]
    with pytest.raises(EngineError) as caught:
        engine.step(waiting.call, "wake", now=1)
    assert caught.value.kind == "closed"


def test_a_guarded_call_that_is_forgotten_is_lost(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES)

    def operation() -> str:
        spoil(engine)
        poison(engine)
        with pytest.raises(CallLost):
            engine.report(0)
        return "in vain"

    with pytest.raises(CallLost) as caught:
        engine.policy("free").call(operation)
    assert caught.value.call == 1


def test_a_restore_tells_who_waits(engine_of: Callable[..., Engine]):
    engine = engine_of(WAITING)
    empty = engine.snapshot(0)
    rung: list[int] = []
    engine.begin("p", 0)
    engine.begin("p", 0, wake=lambda: rung.append(1))
    engine.restore(empty, 1)
    assert rung == [1]


@pytest.mark.parametrize("told_again", [{"action": "wait", "token": 0}, {"more": {"woken": [3]}}])
def test_a_call_that_is_told_something_else_again_is_closed(
    engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch, told_again: dict[str, Any]
):
    """What the host has carried out is no longer what the engine believes; or somebody is let in who was not told."""
    engine = engine_of(POLICIES)
    rung: list[int] = []
    kept, other = engine.begin("p", 0), engine.begin("p", 0)
    engine.begin("p", 0)
    assert engine.begin("p", 0, wake=lambda: rung.append(1)).action == "wait"
    call = Instance.call

    def differing(self: Instance, name: str, args: Any) -> Any:
        answer = call(self, name, args)
        if self.patience > 1 and name == "begin" and answer.call == other.call:
            return answer._replace(**told_again)
        return answer

    poison(engine)
    monkeypatch.setattr(Instance, "call", differing)
    with pytest.raises(CallLost):
        engine.report(0)
    assert (engine._inside.incomplete, rung) == (0, [1])
    assert engine.step(kept.call, "ok", kept.token, now=1).over
    if "action" in told_again:
        with pytest.raises(EngineError) as caught:
            engine.step(other.call, "ok", other.token, now=1)
        assert caught.value.kind == "closed"
    else:
        assert engine.step(other.call, "ok", other.token, now=1).over


def random_traffic(engine: Any, core: CoreEngine, steps: int, seed: int, breaks: float) -> int:
    """The same events for both; whenever the engine loses a call, the other one's is closed. Decisions must agree."""
    rng = Random(seed)
    calls: dict[int, int] = {}
    now = lost = 0
    for _ in range(steps):
        now += rng.randrange(100 * MS)
        gone = False
        if rng.random() < breaks:
            poison(engine)
        if not calls or (len(calls) < 8 and rng.random() < 0.4):
            try:
                decision = engine.begin("p", now, queue=True)
            except CallLost:
                lost += 1
                continue
            raw = core.begin(1, now, None, True)
        else:
            call = rng.choice(sorted(calls))
            event, detail = rng.choice((("ok", None), ("error", "timeout"), ("wake", None), ("abort", None)))
            args = (call, event, calls[call])
            try:
                decision = engine.step(*args, now=now, detail=detail)
            except CallLost:
                lost += 1
                del calls[call]
                core.close(call, engine._inside.now)
                continue
            raw = core.step(*args, now, detail)
            gone = event == "abort"
        assert (*decision[:4], decision.more) == (*raw[:4], None if raw[4] is None else json.loads(raw[4]))
        if decision.over or gone:
            calls.pop(decision.call, None)
        elif decision.token:
            calls[decision.call] = decision.token
        else:
            calls.setdefault(decision.call, 0)
    return lost


def fresh_core() -> CoreEngine:
    core = CoreEngine()
    core.load(json.dumps(POLICIES), 0)
    return core


def test_it_decides_like_an_engine_that_never_broke(engine_of: Callable[..., Engine]):
    """Through many snapshots and journals of every length."""
    engine = engine_of(POLICIES)
    lost = random_traffic(engine, fresh_core(), 20 * FEWEST, seed=11, breaks=0.02)
    assert engine.replacements >= lost > 20  # more: some break while a snapshot is taken, and lose nothing
    assert engine._inside.incomplete == 0


def test_what_cannot_be_brought_back_is_forgotten_and_no_handle_given_twice(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES)
    calls = [engine.begin("free", 0).call for _ in range(5)]
    spoil(engine)
    poison(engine)
    with pytest.raises(CallLost):
        engine.step(calls[0], "wake", now=0)
    assert engine._inside.incomplete == 1
    for call in calls:
        with pytest.raises(EngineError) as caught:
            engine.step(call, "ok", 1, now=0)
        assert caught.value.kind == "closed"
    assert engine.begin("p", 0).call > max(calls)


def test_a_guest_that_runs_away_is_stopped(engine_of: Callable[..., Engine]):
    """As many strategies as a document can hold: each is compared with those before it, which takes very long."""
    engine = engine_of(POLICIES)
    call = engine.begin("p", 0)
    inside = engine._inside.instance
    assert inside is not None
    inside.ticks = 1  # for this one call; every other one has a second
    with pytest.raises(CallLost) as caught:
        engine.add(ENDLESS)
    assert caught.value.kind == "deadline"
    assert engine.step(call.call, "ok", call.token, now=1).over


def test_telling_it_again_has_more_time(engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch):
    """It ended before; that the machine is busy when an instance is replaced loses nothing."""
    engine = engine_of(POLICIES)
    engine.begin("p", 0)
    poison(engine)
    told: list[tuple[str, int]] = []
    call = Instance.call

    def counting(self: Instance, name: str, args: Any) -> Any:
        told.append((name, self.patience))
        return call(self, name, args)

    monkeypatch.setattr(Instance, "call", counting)
    with pytest.raises(CallLost):
        engine.begin("p", 0)
    assert told == [("begin", 1), ("load", PATIENCE), ("begin", PATIENCE)]
    engine.report(0)
    assert told[-1] == ("report", 1)


def test_an_engine_in_use_has_a_spare_instance(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES)
    call = engine.begin("p", 0)
    assert engine._inside.spare is None
    for _ in range(FEWEST):
        engine.step(call.call, "wake", now=0)
    spare = engine._inside.spare
    assert spare is not None
    poison(engine)
    with pytest.raises(CallLost):
        engine.report(0)
    assert engine._inside.instance is spare
    assert engine._inside.spare is None
    assert engine.step(call.call, "ok", call.token, now=0).over


@pytest.mark.parametrize("error", [EngineError("out-of-memory", "full"), Trap("trap", "full")], ids=["error", "trap"])
def test_a_spare_instance_that_is_too_full_is_no_loss(
    engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch, error: Exception
):
    """It holds an older state already, so it may need more memory than a new one."""
    engine = engine_of(POLICIES)
    call = engine.begin("p", 0)
    engine._inside.take_snapshot()
    spare = engine._inside.spare
    call_of = Instance.call

    def full(self: Instance, name: str, args: Any) -> Any:
        if self is spare:
            raise error
        return call_of(self, name, args)

    monkeypatch.setattr(Instance, "call", full)
    poison(engine)
    with pytest.raises(CallLost):
        engine.report(0)
    assert engine._inside.incomplete == 0
    assert engine.step(call.call, "ok", call.token, now=0).over


def test_who_waits_is_told_of_a_restore_that_is_interrupted(
    engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
):
    engine = engine_of(WAITING)
    empty = engine.snapshot(0)
    rung: list[int] = []
    engine.begin("p", 0)
    engine.begin("p", 0, wake=lambda: rung.append(1))

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine._inside, "take_snapshot", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.restore(empty, 1)
    assert rung == [1]


HEDGED = [{"kind": "hedge", "after": 0.001, "idempotent": True}, {"kind": "fallback"}]
RETRIED = [{"kind": "retry", "attempts": 5, "idempotent": True}]


@pytest.mark.parametrize(
    ("strategies", "event"),
    [
        ([{"kind": "timeout", "seconds": 9}, {"kind": "fallback"}], None),
        (HEDGED, "wake"),
        (RETRIED, "error"),
        ([{"kind": "bulkhead", "limit": 1}], None),
    ],
    ids=["other", "raced", "paused", "same"],
)
@pytest.mark.parametrize("fails", [False, True])
def test_a_guarded_call_does_not_go_on_as_another_call_of_the_same_handle(
    engine_of: Callable[..., Engine], strategies: list[Any], event: Any, fails: bool
):
    """It would do what another policy decides, or wait for what never comes; and the other call stays what it is."""
    foreign = engine_of({"policies": [{"name": "x", "strategies": strategies}]})
    call = foreign.begin("x", 0)
    if event is not None:
        foreign.step(call.call, event, call.token, now=2 * MS, detail="timeout" if event == "error" else None)
    text = foreign.snapshot(2 * MS)
    engine = engine_of({"policies": [{"name": "p", "strategies": [{"kind": "bulkhead", "limit": 1}]}]})

    def operation() -> None:
        engine.restore(text, 2 * MS)
        if fails:
            raise ConnectionError

    with pytest.raises(CallLost) as caught:
        engine.policy("p").call(operation)
    assert caught.value.call == 1
    assert foreign.report(0)["calls"] == 1
    assert engine.snapshot(2 * MS) == text


@pytest.mark.parametrize("moved", [False, True])
def test_a_guarded_call_goes_on_after_a_restore_if_it_stands_where_it_stood(
    engine_of: Callable[..., Engine], moved: bool
):
    engine = engine_of(POLICIES)
    policy = engine.policy("p")
    made: list[str] = []

    def operation() -> str:
        made.append(engine.snapshot(policy.ports.clock()))
        if len(made) == 1 + moved:
            engine.restore(made[0], policy.ports.clock())
            return "done"
        raise ConnectionRefusedError

    if moved:
        with pytest.raises(CallLost):
            policy.call(operation)
    else:
        assert policy.call(operation) == "done"
        assert engine.report(0)["calls"] == 0


def test_a_restore_keeps_who_waits_in_the_snapshot_too(engine_of: Callable[..., Engine]):
    engine = engine_of(WAITING)
    rung: list[int] = []
    inside = engine.begin("p", 0)
    waiting = engine.begin("p", 0, wake=lambda: rung.append(1))
    data = json.loads(engine.snapshot(0))
    data["state"]["calls"][1][0] = str(waiting.call)  # decimal text is a whole number too
    engine.restore(json.dumps(data), 0)
    rung.clear()
    engine.step(inside.call, "ok", inside.token, now=1)
    assert rung == [1]
    assert engine.step(waiting.call, "wake", now=1).action == "attempt"


def test_a_call_that_is_closed_while_there_is_no_memory_for_an_instance_is_closed(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES)
    gone = engine.begin("p", 0)
    make = engine._inside._make

    def fail() -> Instance:
        raise IncompatibleComponent("it cannot be started: out of memory")

    engine._inside._make = fail
    poison(engine)
    with pytest.raises(IncompatibleComponent):
        engine.report(0)
    with pytest.raises(IncompatibleComponent):
        engine.close(gone.call, 0)
    engine._inside._make = make
    assert engine.report(0)["calls"] == 0


@pytest.mark.parametrize("now", [0, 1 << 64])
def test_a_wake_up_that_is_interrupted_comes_later(engine_of: Callable[..., Engine], now: int):
    engine = engine_of(WAITING)
    rung: list[str] = []
    inside = engine.begin("p", 0)

    def wake() -> None:
        rung.append("interrupted" if not rung else "told")
        if len(rung) == 1:
            raise KeyboardInterrupt

    engine.begin("p", 0, wake=wake)
    with pytest.raises(KeyboardInterrupt):
        engine.step(inside.call, "ok", inside.token, now=1)
    try:
        engine.report(now)  # whatever comes next, be it refused
    except EngineError:
        pass
    assert rung == ["interrupted", "told"]


def test_what_an_interrupt_leaves_in_doubt_has_not_happened(
    engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
):
    """Nobody has the handle of that call, so nobody could give its place back."""
    engine = engine_of(POLICIES)
    before = state_of(engine, 0)
    call = Instance.call

    def interrupted(self: Instance, name: str, args: Any) -> Any:
        answer = call(self, name, args)
        if self.patience == 1:
            raise KeyboardInterrupt
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Instance, "call", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.begin("p", 0)
    assert state_of(engine, 0) == before
    assert engine.begin("p", 0).call == 1


def test_nobody_enters_from_within(engine_of: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch):
    """As a signal handler or a finalizer might: what was told first would stand second in the journal."""
    engine = engine_of(POLICIES)
    call = Instance.call
    kinds: list[str] = []

    def within(self: Instance, name: str, args: Any) -> Any:
        if not kinds:
            for enter in (lambda: engine.begin("p", 0), lambda: engine.report(0)):
                with pytest.raises(EngineError) as caught:
                    enter()
                kinds.append(caught.value.kind)
        return call(self, name, args)

    monkeypatch.setattr(Instance, "call", within)
    begun = engine.begin("p", 0)
    assert kinds == ["reentrant", "reentrant"]
    assert engine.step(begun.call, "ok", begun.token, now=0).over


def test_no_memory_for_a_new_instance_is_no_loss(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES)
    kept, lost = engine.begin("p", 0), engine.begin("p", 0)
    make = engine._inside._make

    def fail() -> Instance:
        raise IncompatibleComponent("it cannot be started: out of memory")

    engine._inside._make = fail
    poison(engine)
    for _ in range(2):
        with pytest.raises(IncompatibleComponent):
            engine.step(lost.call, "ok", lost.token, now=0)
    engine._inside._make = make
    assert engine.step(kept.call, "ok", kept.token, now=0).over
    assert engine._inside.incomplete == 0


@pytest.mark.slow  # it is compiled anew
def test_fuel_ends_a_call_that_takes_too_much(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES, limits=Limits(fuel=50_000_000))
    call = engine.begin("p", 0)
    with pytest.raises(CallLost) as caught:
        engine.add(ENDLESS)
    assert caught.value.kind == "fuel"
    assert engine.step(call.call, "ok", call.token, now=1).over


def test_a_guest_that_eats_its_memory(engine_of: Callable[..., Engine]):
    engine = engine_of(POLICIES, limits=Limits(memory=18 << 20))
    call = engine.begin("p", 0)
    kinds = []
    for number in range(40):
        try:
            engine.add({"policies": [{"name": f"{number}{'n' * 500_000}"}]})
        except EngineError as error:
            kinds.append(error.kind)
            break
    assert kinds in (["out-of-memory"], ["trap"])
    assert engine.step(call.call, "ok", call.token, now=1).over


def stores() -> int:
    gc.collect()
    return sum(isinstance(each, Store) for each in gc.get_objects())


def poisonings(engine: Engine, steps: int) -> int:
    """Every settlement counts, handles and places are right, and no store of a broken instance stays."""
    before = stores()
    lost = random_traffic(engine, fresh_core(), steps, seed=12, breaks=0.4)
    assert engine.replacements >= lost
    assert engine._inside.incomplete == 0
    assert stores() - before < 10
    return lost


def test_a_hundred_poisonings_lose_no_settlement(engine_of: Callable[..., Engine]):
    """The part of the soak below that runs in CI."""
    assert poisonings(engine_of(POLICIES), 400) > 100


@pytest.mark.slow
@pytest.mark.timeout(18_000)
def test_ten_thousand_poisonings_lose_no_settlement(engine_of: Callable[..., Engine]):
    assert poisonings(engine_of(POLICIES), 30_000) > 10_000
