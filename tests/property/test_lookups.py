"""Random calls of policies that keep results: compiled frames and stepwise drivers keep, find and tell the same.

What is looked up comes from the real store here, for several keys, by calls that wait for each other and are cancelled.
(In `test_drivers` it comes from a script.)
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextvars import ContextVar
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backstay import (
    Bulkhead,
    Cache,
    CircuitBreaker,
    Fallback,
    Idempotency,
    Inject,
    Policy,
    Rejected,
    Retry,
    Timeout,
)
from tests.property.cases import cases
from tests.property.drawing import ByHypothesis, Draw, one_in, one_of
from tests.property.scenarios import milliseconds
from tests.support.worlds import FLAVOURS, LoopWorld, SyncWorld

CALL: ContextVar[int] = ContextVar("number of the call")
OUTCOMES = ("value", ConnectionError("down"), "value", ConnectionError("down"), None, "unwanted", ValueError("wrong"))
Call = tuple[float, str, int, list[tuple[float, Any]], float]  # when, key, argument, script, cancelled when


def seconds(draw: Draw, least: int, most: int) -> float:
    return round(milliseconds(draw, least, most) * 1e6) / 1e9


def lookup(draw: Draw, *, concurrent: bool) -> Any:
    if one_in(draw, 2):
        return Idempotency(seconds(draw, 10, 500), key=lambda key, _: None if key == "c" else key)
    return Cache(
        seconds(draw, 1, 100),
        refresh_for=seconds(draw, 10, 300) if concurrent and one_in(draw, 2) else 0,
        stale_for=seconds(draw, 100, 5000) if one_in(draw, 2) else 0,
        entries=one_of(draw, (1, 100)),
        key=one_of(draw, (None, lambda key, _: key)),
        on=one_of(draw, (None, None, ConnectionError)),
        results=one_of(draw, (None, lambda value: value == "unwanted")),
        negative=one_in(draw, 2),
        single=not one_in(draw, 4),
    )


def around(draw: Draw) -> Any:
    kind = draw.integer(0, 5)
    if kind == 1:
        return Timeout(seconds(draw, 20, 400))
    if kind == 0:
        return Retry(draw.integer(2, 3), base=one_of(draw, (0, 0.01)), on=ConnectionError, backoff="constant")
    if kind == 2:
        return CircuitBreaker(window_calls=4, minimum_calls=2, open_for=seconds(draw, 10, 300), open_jitter=0)
    if kind == 3:
        return Bulkhead(draw.integer(1, 3), queue=draw.integer(0, 2))
    if kind == 4:
        return Fallback("substitute", on=one_of(draw, (None, ConnectionError)))
    return Inject(one_of(draw, ("error", "outcome")), enabled=True, every=draw.integer(2, 4), value="injected")


def strategies(draw: Draw, *, concurrent: bool) -> list[Any]:
    made = [around(draw) for _ in range(draw.integer(0, 4))]
    for _ in range(draw.integer(1, 2)):
        made.insert(draw.integer(0, len(made)), lookup(draw, concurrent=concurrent))
    return made


def script(draw: Draw) -> list[tuple[float, Any]]:
    return [(seconds(draw, 0, 200), one_of(draw, OUTCOMES)) for _ in range(draw.integer(1, 3))]


def calls(draw: Draw, *, concurrent: bool) -> list[Call]:
    made: list[Call] = []
    clock = 0.0
    for _ in range(draw.integer(2, 9)):
        clock += seconds(draw, 0, 150)
        gone = clock + seconds(draw, 1, 200) if concurrent and one_in(draw, 5) else 0
        made.append((clock, one_of(draw, "aabbc"), draw.integer(0, 3) // 3, script(draw), gone))
    return made


class Record:
    """What happened in one world."""

    def __init__(self, world: Any, policy: Policy, made: list[Call]) -> None:
        self.world = world
        self.left = [list(call[3]) for call in made]
        self.traces: list[list[Any]] = [[] for _ in made]
        self.events: list[Any] = []
        policy.on("*", lambda event: self.events.append((event.now, event.source, event.name)))

    def next(self, key: str, argument: int) -> tuple[float, Any]:
        """An attempt begins."""
        number = CALL.get()
        left = self.left[number]
        took, outcome = left.pop(0) if len(left) > 1 else left[0]
        self.traces[number].append((self.world.now, "attempt"))
        return took, f"{key} {argument} by {number}" if outcome == "value" else outcome

    def ended(self, number: int, how: Any) -> None:
        if isinstance(how, BaseException):
            how = (type(how).__name__, str(how) if isinstance(how, Rejected) else "")
        self.traces[number].append((self.world.now, how))


def outcome_of(outcome: Any) -> Any:
    if isinstance(outcome, Exception):
        raise type(outcome)(*outcome.args)
    return outcome


def concurrently(policies: type[Policy], parts: list[Any], made: list[Call]) -> Record:
    world = LoopWorld(policies)
    policy = world.policy(*parts)
    record = Record(world, policy, made)

    @policy
    async def operation(key: str, argument: int) -> Any:
        took, outcome = record.next(key, argument)
        await asyncio.sleep(took)
        return outcome_of(outcome)

    async def one(number: int, call: Call) -> None:
        CALL.set(number)
        await asyncio.sleep(call[0])
        try:
            record.ended(number, await operation(call[1], call[2]))
        except (Exception, asyncio.CancelledError) as error:
            record.ended(number, error)

    async def main() -> None:
        tasks = [asyncio.ensure_future(one(number, call)) for number, call in enumerate(made)]
        for task, call in zip(tasks, made, strict=True):
            if call[4]:
                asyncio.get_running_loop().call_later(call[4], task.cancel)
        await asyncio.wait(tasks)
        await asyncio.sleep(10)

    world.runner.run(main())
    world.close()
    return record


def one_after_the_other(policies: type[Policy], parts: list[Any], made: list[Call]) -> Record:
    world = SyncWorld(policies)
    policy = world.policy(*parts)
    record = Record(world, policy, made)

    @policy
    def operation(key: str, argument: int) -> Any:
        took, outcome = record.next(key, argument)
        world.pass_time(took)
        return outcome_of(outcome)

    for number, call in enumerate(made):
        CALL.set(number)
        world.pass_time(call[0] / 10)
        try:
            record.ended(number, operation(call[1], call[2]))
        except Exception as error:
            record.ended(number, error)
    return record


@st.composite
def scenarios(draw: Any, *, concurrent: bool) -> tuple[list[Any], list[Call]]:
    drawn = ByHypothesis(draw)
    return strategies(drawn, concurrent=concurrent), calls(drawn, concurrent=concurrent)


def compare(run: Any, scenario: tuple[list[Any], list[Call]], seen: Counter[str]) -> None:
    found, expected = (run(FLAVOURS[name], *scenario) for name in ("frames", "stepwise"))
    assert found.traces == expected.traces
    assert found.events == expected.events
    seen.update(event[2] for event in expected.events)


def test_in_tasks():
    seen: Counter[str] = Counter()

    @cases(0.2)
    @given(scenarios(concurrent=True))
    def check(scenario: tuple[list[Any], list[Call]]) -> None:
        compare(concurrently, scenario, seen)

    check()
    assert all(seen[event] for event in ("hit", "miss", "stale", "retry", "injected")), seen


def test_in_a_thread():
    seen: Counter[str] = Counter()

    @cases(0.2)
    @given(scenarios(concurrent=False))
    def check(scenario: tuple[list[Any], list[Call]]) -> None:
        compare(one_after_the_other, scenario, seen)

    check()
    assert all(seen[event] for event in ("hit", "miss", "stale", "retry", "injected")), seen
