"""KeyboardInterrupt and its like: they come out as they are, and every place that was taken is given back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backstay import Bulkhead, CircuitBreaker, Fallback, Policy, Retry, Timeout
from backstay.ambient import remaining
from backstay_core.clock import SECOND
from tests.support.virtual import ManualPorts, VirtualLoop

INTERRUPTS = [KeyboardInterrupt, SystemExit, GeneratorExit]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def policy_of(policies: type[Policy], ports: Any) -> Policy:
    """Gates at every depth, and whatever might answer, repeat or count an interrupt."""
    policy = policies(
        "p",
        Bulkhead(2, queue=1),
        Fallback("hidden"),
        Timeout(60),
        CircuitBreaker.consecutive(1),
        Retry(attempts=3, base=1, backoff="constant", idempotent=True),
        Bulkhead(3, queue=1),
        Timeout(5),
    )
    policy.ports = ports
    return policy


def idle(policy: Policy) -> bool:
    layers: Any = policy.layers
    return (layers[0].free, layers[5].free, layers[3].state) == (2, 3, "closed") and remaining() is None


def raising(error: type[BaseException]) -> Callable[..., Any]:
    def function(*args: object) -> None:
        raise error

    return function


class TestSync:
    @pytest.mark.parametrize("error", INTERRUPTS)
    def test_inside_the_function(self, policies: type[Policy], error: type[BaseException]):
        policy = policy_of(policies, ManualPorts())
        with pytest.raises(error):
            policy.call(raising(error))
        assert idle(policy)

    @pytest.mark.parametrize("error", INTERRUPTS)
    def test_inside_the_substitute(self, policies: type[Policy], error: type[BaseException]):
        policy = policies("p", Bulkhead(1), Fallback(raising(error)), Bulkhead(1))
        with pytest.raises(error):
            policy.call(raising(KeyError))
        assert [layer.free for layer in (policy.layers[0], policy.layers[2])] == [1, 1]  # type: ignore[attr-defined]

    @pytest.mark.parametrize("error", INTERRUPTS)
    def test_during_a_pause(self, policies: type[Policy], error: type[BaseException]):
        ports = ManualPorts()
        ports.pause = raising(error)
        policy = policy_of(policies, ports)
        with pytest.raises(error):
            policy.call(raising(ConnectionRefusedError))
        assert idle(policy)

    @pytest.mark.parametrize("error", INTERRUPTS)
    @pytest.mark.parametrize("position", [0, 5])
    def test_while_it_waits_in_a_queue(self, policies: type[Policy], error: type[BaseException], position: int):
        class Broken:
            ring = staticmethod(print)
            wait = staticmethod(raising(error))

        ports = ManualPorts()
        ports.doorbell = Broken  # type: ignore[assignment]
        policy = policy_of(policies, ports)
        queue: Any = policy.layers[position]
        while queue.free:
            queue.admit(0)
        with pytest.raises(error):
            policy.call(print)
        assert (queue.free, queue.waiting) == (0, 0)
        for _ in range(queue.options.limit):
            queue.settle(queue.epoch, 0, 0)
        assert idle(policy)

    @pytest.mark.parametrize("error", INTERRUPTS)
    @pytest.mark.parametrize("position", [1, 3, 4])
    def test_inside_a_listener(self, policies: type[Policy], error: type[BaseException], position: int):
        """It is an interrupt, not an error of the listener: it comes out, and nothing is taken or given back twice."""
        policy = policy_of(policies, ManualPorts())
        breaker: Any = policy.layers[3]
        if position == 3:  # then it is a refusal that the listener hears of
            assert policy.call(raising(ConnectionRefusedError)) == "hidden"
            assert breaker.state == "open"
        policy.emit = policy.layers[position].emit = raising(error)
        with pytest.raises(error):
            policy.call(raising(ConnectionRefusedError))
        breaker.emit = None
        breaker.auto(0)
        assert idle(policy)

    @pytest.mark.parametrize("error", INTERRUPTS)
    @pytest.mark.parametrize("event", ["probing", "closed", "refused"])
    def test_inside_a_listener_of_a_breaker_in_a_bulkhead(
        self, policies: type[Policy], error: type[BaseException], event: str
    ):
        ports = ManualPorts()
        policy = policies("p", Bulkhead(1), CircuitBreaker.consecutive(1, open_for=0 if event != "refused" else 9))
        policy.ports = ports
        with pytest.raises(ConnectionRefusedError):
            policy.call(raising(ConnectionRefusedError))
        ports.advance(SECOND)
        policy.on(event, raising(error))
        with pytest.raises(error):
            policy.call(int)
        assert policy.layers[0].free == 1  # type: ignore[attr-defined]

    @pytest.mark.parametrize("error", INTERRUPTS)
    @pytest.mark.parametrize("option", ["on", "results"])
    def test_inside_a_predicate_of_a_probe(self, policies: type[Policy], error: type[BaseException], option: str):
        judge: list[Any] = [lambda subject: True]
        predicate: Any = {option: lambda subject: judge[0](subject)}
        ports = ManualPorts()
        policy = policies("p", Bulkhead(1), CircuitBreaker.consecutive(1, open_for=0, half_open_for=3600, **predicate))
        policy.ports = ports
        function = raising(ConnectionRefusedError) if option == "on" else int
        with contextlib.suppress(ConnectionRefusedError):
            policy.call(function)
        ports.advance(SECOND)
        judge[0] = raising(error)
        with pytest.raises(error):
            policy.call(function)
        layers: Any = policy.layers
        assert (layers[0].free, layers[1].state, layers[1].epoch.in_flight) == (1, "half_open", 0)

    @pytest.mark.parametrize("error", INTERRUPTS)
    def test_at_every_look_at_the_clock(self, policies: type[Policy], error: type[BaseException]):
        ports = ManualPorts()
        policy = policies("p", Bulkhead(1), CircuitBreaker(slow_call=1), Bulkhead(1), Timeout(9))
        policy.ports = ports
        clock = ports.clock
        looks = 0

        def interrupting() -> int:
            nonlocal looks
            looks -= 1
            if looks == 0:
                raise error
            return clock()

        ports.clock = interrupting
        for at in range(1, 100):
            looks = at
            try:
                policy.call(int)
            except error:
                pass
            else:
                break
            assert [policy.layers[i].free for i in (0, 2)] == [1, 1], at  # type: ignore[attr-defined]
        assert 3 < at < 99


class TestAsyncio:
    @pytest.mark.parametrize("error", INTERRUPTS)
    def test_inside_the_function(self, policies: type[Policy], loop: VirtualLoop, error: type[BaseException]):
        """Most of them stop the loop. The call is settled all the same."""
        policy = policy_of(policies, loop.ports)

        async def interrupted() -> None:
            await asyncio.sleep(1)
            raise error

        task = loop.create_task(policy.acall(interrupted))
        with pytest.raises(error):
            loop.run_until_complete(task)
        assert idle(policy)

    @pytest.mark.parametrize("ends", ["value", "error"])
    @pytest.mark.parametrize("error", INTERRUPTS)
    def test_while_a_deadline_is_taken_back(self, loop: VirtualLoop, error: type[BaseException], ends: str):
        """No timer stays behind that would cancel what the task does later."""
        policy = Policy("p", Timeout(5))
        policy.ports = loop.ports

        @policy
        async def guarded() -> None:
            if ends == "error":
                raise OSError

        async def main() -> None:
            with contextlib.suppress(OSError):
                await guarded()
            guarded.__globals__.update(_bs_reset=raising(error), _bs_unpublish=raising(error))  # type: ignore[attr-defined]
            with contextlib.suppress(error):
                await guarded()
            await asyncio.sleep(10)

        task = loop.create_task(main())
        loop.run_until_complete(task)
        assert not task.cancelled()
