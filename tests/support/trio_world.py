"""The world of trio: one virtual clock, a `trio.run` for each call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import trio
from trio.testing import MockClock

from backstay import Policy
from backstay.drivers.ports import Ports
from backstay.frames import compiler
from backstay_core.clock import SECOND
from tests.support.worlds import Script


def _compile(frame: Any) -> None:
    """What the first call of a frame does outside trio."""
    frame.__globals__["_bs_compile"]()


def _compiled(policy: Policy, function: Any, **how: Any) -> Any:
    frame = compiler.frame_for(policy, function, **how)
    _compile(frame)
    return frame


def _restart(frame: Any, policy: Policy, function: Any, **how: Any) -> None:
    compiler.restart(frame, policy, function, **how)
    _compile(frame)


class EarlyCompiledPolicy(Policy):
    """Its frames are compiled for asyncio before anybody calls them, as if an event loop had used them before."""

    FRAMES = SimpleNamespace(frame_for=_compiled, restart=_restart)

    def recompile(self) -> None:
        """Frames take clocks when they are compiled."""
        for frame in (self._call, self._acall):
            compiler.renew(frame)
            _compile(frame)


class TrioTime:
    """The time of a script in a `TrioWorld`."""

    def __init__(self, clock: MockClock) -> None:
        self.clock = clock

    @property
    def now(self) -> float:
        return self.clock.current_time()

    def advance(self, seconds: float) -> None:
        self.clock.jump(seconds)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


class TrioWorld:
    """Coroutine functions in trio tasks, in virtual time."""

    asynchronous = True

    def __init__(self, policies: type[Policy] = Policy) -> None:
        self.policies = policies
        self.clock = MockClock(autojump_threshold=0)
        self.ports = Ports(clock=lambda: self.now)

    def policy(self, *strategies: Any, name: str = "p", seed: int | None = 1, **options: Any) -> Policy:
        policy = self.policies(name, *strategies, seed=seed, **options)
        policy.ports = self.ports
        if isinstance(policy, EarlyCompiledPolicy):
            policy.recompile()
        return policy

    @property
    def now(self) -> int:
        return round(self.clock.current_time() * SECOND)

    def trio_run(self, function: Callable[..., Awaitable[Any]], /, *args: Any) -> Any:
        return trio.run(function, *args, clock=self.clock)

    def pass_time(self, seconds: float) -> None:
        self.clock.jump(seconds)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    def function(self, what: Callable[..., Any] | Script) -> Callable[..., Any]:
        if isinstance(what, Script):
            script = what

            async def scripted(*args: Any, **kwargs: Any) -> Any:
                return await script.aplay(TrioTime(self.clock), args, kwargs)

            return scripted
        function = what

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapped

    def call(self, policy: Policy, what: Callable[..., Any] | Script, /, *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            return await policy.acall(self.function(what), *args, **kwargs)

        return self.trio_run(main)

    def run(self, guarded: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            return await guarded(*args, **kwargs)

        return self.trio_run(main)

    def close(self) -> None:
        pass
