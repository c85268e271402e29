"""A call that ends at any step whatever gives back what it holds: cancelled, interrupted or closed.

No sampling: each scenario is run once for every step at which it can be stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from backstay import (
    Bulkhead,
    Cache,
    CircuitBreaker,
    ConcurrencyLimit,
    Fallback,
    Idempotency,
    Inject,
    Policy,
    RateLimit,
    Retry,
    Throttle,
    Timeout,
    remaining,
)
from backstay.keeping import INSIDE
from tests.support.holding import holds
from tests.support.virtual import VirtualLoop
from tests.support.worlds import FLAVOURS

MOST_STEPS = 300


class SteppedLoop(VirtualLoop):
    """Calls `at_step` at the beginning of one of its rounds: whatever is ready then has not run yet."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step
        self.rounds = 0
        self.at_step: Callable[[], object] | None = None

    def _run_once(self) -> None:
        if self.at_step is not None:
            self.rounds += 1
            if self.rounds == self.step:
                self.at_step()
        super()._run_once()  # type: ignore[misc]


class Scenario:
    """One call under `policies`, the inner one last. `busy` seconds long somebody else has all the places; a `second`
    call begins right after another one."""

    def __init__(
        self, *layers: tuple[Any, ...], script: list[tuple[float, Any]], busy: float = 0, second: bool = False
    ) -> None:
        self.layers = layers
        self.script = script
        self.busy = busy
        self.second = second

    def build(self, kind: type[Policy], loop: VirtualLoop) -> tuple[list[Policy], Any]:
        left = list(self.script)

        async def operation() -> Any:
            seconds, outcome = left.pop(0) if len(left) > 1 else left[0]
            await asyncio.sleep(seconds)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        policies: list[Policy] = []
        call: Any = operation
        for number, strategies in enumerate(reversed(self.layers)):
            policy = kind(f"p{number}", *strategies, seed=1)
            policy.ports = loop.ports
            policies.append(policy)
            call = policy(call)
        return policies, call

    async def crowd(self, policies: list[Policy], call: Any) -> None:
        """Takes every place, and gives them back later; or calls first."""
        if self.second:
            await asyncio.gather(call(), return_exceptions=True)
        if not self.busy:
            return
        gates: list[Any] = [layer for p in policies for layer in p.layers if layer.options.KIND in CROWDED]
        clock = policies[0].ports.clock
        taken = [(gate, gate.admit(clock())) for gate in gates for _ in range(gate.places() or 1)]
        await asyncio.sleep(self.busy)
        for gate, permit in taken:
            gate.settle(permit, clock(), 0)


async def substitute(failure: object) -> str:
    await asyncio.sleep(1)
    return "substitute"


CROWDED = ("bulkhead", "concurrency_limit", "rate_limit")
DOWN = ConnectionRefusedError("down")
SCENARIOS = {
    "one of each": Scenario(
        (
            Fallback(substitute),
            Bulkhead(1, queue=2),
            Retry(attempts=3, base=0.5, backoff="constant"),
            CircuitBreaker(),
            Bulkhead(1, queue=2),
            Timeout(9),
        ),
        script=[(1, DOWN), (1, DOWN), (1, "fine")],
    ),
    "all fails": Scenario(
        (Fallback(substitute), Bulkhead(2), Retry(attempts=2, base=0), CircuitBreaker(), Bulkhead(1)),
        script=[(1, DOWN)],
    ),
    "in a queue": Scenario(
        (Timeout(60), Bulkhead(1, queue=1), CircuitBreaker(), Bulkhead(1, queue=1, wait=30)), script=[(1, "x")], busy=5
    ),
    "in the queues of all gates": Scenario(
        (
            Timeout(60),
            RateLimit(1, per=2, queue=2, decrease=0.5),
            ConcurrencyLimit(1, queue=1, fair=True),
            Throttle(),
            ConcurrencyLimit(1, queue=1, shed=0.5),
            RateLimit(1, per=9, algorithm="sliding_log", queue=1, fair=True),
        ),
        script=[(1, "x")],
        busy=5,
    ),
    "a rate that is waited for in vain": Scenario(
        (Fallback(substitute), Bulkhead(1), Timeout(3), Throttle(), RateLimit(1, per=5, queue=1)),
        script=[(1, "fine")],
        busy=1,
    ),
    "a wait that ends": Scenario(
        (Fallback(substitute), Bulkhead(3), Retry(attempts=2, base=1, on=Exception), Bulkhead(1, queue=1, wait=2)),
        script=[(1, "fine")],
        busy=60,
    ),
    "timeouts that fire": Scenario(
        (Bulkhead(1), Timeout(5), Retry(attempts=3, base=0.1, idempotent=True), Bulkhead(1), Timeout(2), Bulkhead(1)),
        script=[(9, "late")],
    ),
    "held up on purpose": Scenario(
        (
            Bulkhead(1),
            Timeout(60),
            Inject("latency", enabled=True, seconds=1),
            Bulkhead(1, queue=1),
            Inject("outcome", enabled=True, every=2, value=lambda: substitute("injected")),
            Retry(attempts=2, base=1, idempotent=True),
            CircuitBreaker(),
            Inject("hang", enabled=True, rate=0.5, seconds=2, failure=ConnectionRefusedError),
            Bulkhead(1),
        ),
        script=[(1, "fine")],
    ),
    "a value that is fetched": Scenario(
        (
            Timeout(60),
            Retry(attempts=3, base=1),
            Cache(10, stale_for=10),
            Bulkhead(1),
            Idempotency(10, key=lambda: "key"),
            Bulkhead(1, queue=1),
            CircuitBreaker(),
        ),
        script=[(1, DOWN), (1, "fine")],
    ),
    "a value that another call fetches": Scenario(
        (Timeout(60), Bulkhead(2), Cache(10), Bulkhead(1, queue=1)), script=[(5, "fine")], second=True
    ),
    "a result that another call will have": Scenario(
        (Fallback(substitute), Timeout(60), Bulkhead(2), Idempotency(10, key=lambda: "key"), Bulkhead(1, queue=1)),
        script=[(5, DOWN), (1, "fine")],
        second=True,
    ),
    "two policies": Scenario(
        (Fallback(substitute), Timeout(5), Bulkhead(1), Retry(attempts=2, base=0.1, idempotent=True)),
        (Bulkhead(1, queue=1), CircuitBreaker(), Timeout(2), Bulkhead(1)),
        script=[(9, "late"), (1, DOWN), (1, "fine")],
    ),
    "half-open": Scenario(
        (Bulkhead(1), CircuitBreaker.consecutive(1, open_for=0, open_jitter=0, close_after=2), Timeout(2)),
        script=[(1, "fine")],
    ),
}


def settled(policies: list[Policy], *, verdicts: bool) -> None:
    """Nothing is held; without `verdicts` no outcome was counted either."""
    for policy in policies:
        layers: tuple[Any, ...] = policy.layers
        for layer in layers:
            assert holds(layer) == 0, layer.options
            if layer.options.KIND == "circuit_breaker" and layer.state == "half_open":
                assert layer.epoch.in_flight == 0
                assert verdicts or layer.epoch.passed == 0
    assert remaining() is None
    assert INSIDE.get() == ()


def prepared(scenario: Scenario, kind: type[Policy], loop: VirtualLoop, name: str) -> tuple[list[Policy], Any]:
    policies, call = scenario.build(kind, loop)
    if name == "half-open":
        breaker: Any = policies[0].layers[1]
        breaker.settle(breaker.admit(0), 0, -1)
        assert breaker.state == "open"
    return policies, call


@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_cancelled_at_every_step(name: str, flavour: str):
    scenario = SCENARIOS[name]
    cancelled = 0
    for step in range(1, MOST_STEPS):
        loop = SteppedLoop(step)
        policies, call = prepared(scenario, FLAVOURS[flavour], loop, name)

        async def main(
            loop: SteppedLoop = loop, policies: list[Policy] = policies, call: Any = call
        ) -> asyncio.Task[Any]:
            crowd = asyncio.ensure_future(scenario.crowd(policies, call))
            await asyncio.sleep(0)
            task = asyncio.ensure_future(call())
            loop.at_step = task.cancel
            await asyncio.wait([task])
            loop.at_step = None
            await crowd
            await asyncio.sleep(100)  # nothing that was left behind does anything later
            return task

        with asyncio.Runner(loop_factory=lambda loop=loop: loop) as runner:  # type: ignore[misc]
            task = runner.run(main())
        settled(policies, verdicts=not task.cancelled())
        cancelled += task.cancelled()
        if loop.rounds < step:
            break
    else:
        raise AssertionError("the scenario does not come to an end")
    assert cancelled >= 3


@pytest.mark.parametrize("end", ["close", "interrupt"])
@pytest.mark.parametrize("flavour", sorted(FLAVOURS))
@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"timeouts that fire", "two policies"}))
def test_ended_at_every_await(name: str, flavour: str, end: str):
    """The coroutine is closed, as by the garbage collector, or gets a KeyboardInterrupt, where it awaits something."""
    scenario = SCENARIOS[name]

    async def main(loop: VirtualLoop, suspensions: int) -> bool:
        policies, call = prepared(scenario, FLAVOURS[flavour], loop, name)
        crowd = asyncio.ensure_future(scenario.crowd(policies, call))
        await asyncio.sleep(0)
        coroutine = call()
        over = False
        for _ in range(suspensions):
            try:
                future = coroutine.send(None)
            except (StopIteration, ConnectionRefusedError):
                over = True
                break
            if future is not None:
                future._asyncio_future_blocking = False
                await asyncio.wait([future])
        if not over:
            if end == "close":
                coroutine.close()
            else:
                with pytest.raises(KeyboardInterrupt):
                    coroutine.throw(KeyboardInterrupt)
        await crowd
        settled(policies, verdicts=over)
        return over

    for suspensions in range(MOST_STEPS):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, VirtualLoop)
            if runner.run(main(loop, suspensions)):
                break
    else:
        raise AssertionError("the scenario does not come to an end")
    assert suspensions >= 2
