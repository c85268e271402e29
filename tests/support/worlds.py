"""The same test on every driver: a world makes policies, calls under them and lets (virtual) time pass.

Tests take the fixture `world` and are run once in each: sync and asyncio, each with compiled frames (what people get)
and on the step machine. What is called is an ordinary function or a `Script`; the asyncio worlds turn both into
coroutine functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from backstay import Policy
from backstay.drivers import interpreted
from backstay.testing import Script, VirtualTime
from backstay_core.clock import to_ns
from tests.support.virtual import ManualPorts


class InterpretedPolicy(Policy):
    """Calls are carried out step by step, as on a free-threaded build."""

    FRAMES = interpreted
    EXECUTION = interpreted.LockedExecution


class SyncWorld:
    """Ordinary functions; time passes while they run and nothing can interrupt them."""

    asynchronous = False

    def __init__(self, policies: type[Policy] = Policy) -> None:
        self.policies = policies
        self.ports = ManualPorts()

    def policy(self, *strategies: Any, name: str = "p", seed: int | None = 1, **options: Any) -> Policy:
        policy = self.policies(name, *strategies, seed=seed, **options)
        policy.ports = self.ports
        return policy

    @property
    def now(self) -> int:
        return self.ports.manual.now

    def pass_time(self, seconds: float) -> None:
        self.ports.advance(to_ns(seconds))

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody awaits in this world")

    def function(self, what: Callable[..., Any] | Script) -> Callable[..., Any]:
        """`what` as this world calls it."""
        if not isinstance(what, Script):
            return what
        script = what

        def scripted(*args: Any, **kwargs: Any) -> Any:
            return script.play(self.ports.time, args, kwargs)

        return scripted

    def call(self, policy: Policy, what: Callable[..., Any] | Script, /, *args: Any, **kwargs: Any) -> Any:
        return policy.call(self.function(what), *args, **kwargs)

    def run(self, guarded: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a decorated function."""
        return guarded(*args, **kwargs)

    def close(self) -> None:
        pass


class LoopWorld:
    """Coroutine functions on one virtual event loop."""

    asynchronous = True

    def __init__(self, policies: type[Policy] = Policy) -> None:
        self.policies = policies
        self.time = VirtualTime()
        self.loop = self.time.new_loop()
        self.runner = asyncio.Runner(loop_factory=lambda: self.loop)

    def policy(self, *strategies: Any, name: str = "p", seed: int | None = 1, **options: Any) -> Policy:
        policy = self.policies(name, *strategies, seed=seed, **options)
        policy.ports = self.loop.ports
        return policy

    @property
    def now(self) -> int:
        return self.loop.now

    def pass_time(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def function(self, what: Callable[..., Any] | Script) -> Callable[..., Any]:
        if isinstance(what, Script):
            script = what

            async def scripted(*args: Any, **kwargs: Any) -> Any:
                return await script.aplay(self.time, args, kwargs)

            return scripted
        function = what

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapped

    def call(self, policy: Policy, what: Callable[..., Any] | Script, /, *args: Any, **kwargs: Any) -> Any:
        return self.runner.run(policy.acall(self.function(what), *args, **kwargs))

    def run(self, guarded: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return self.runner.run(guarded(*args, **kwargs))

    def close(self) -> None:
        self.runner.close()
        self.loop.close()  # a runner that ran nothing never had it


__all__ = ["FLAVOURS", "WORLDS", "InterpretedPolicy", "LoopWorld", "Script", "SyncWorld", "World"]

World = SyncWorld | LoopWorld
FLAVOURS: dict[str, type[Policy]] = {"frames": Policy, "stepwise": InterpretedPolicy}
WORLDS: dict[str, Callable[[], World]] = {
    f"{name}-{flavour}": partial(world, policies)
    for name, world in (("sync", SyncWorld), ("asyncio", LoopWorld))
    for flavour, policies in FLAVOURS.items()
}
