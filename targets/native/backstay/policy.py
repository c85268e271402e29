"""`Policy`: what people hold in their hands."""

from __future__ import annotations

from _weakref import ref
from sys import version_info

from backstay import forking, strategies
from backstay.callers import CALLER, Caller, changed
from backstay.classification import check_failures
from backstay.derivation import follow_change, remembered, with_fallback, with_options
from backstay.drivers import interpreted, ports
from backstay.drivers.operation import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    flags_of,
    flags_to_guard,
)
from backstay.frames import compiler
from backstay.handles import Handle, handle_of, switched
from backstay.watching import listen
from backstay_core import policy as core
from backstay_core.execution import Execution
from backstay_core.failure import ConfigurationError
from backstay_core.options import Field, Options
from backstay_core.policy import Shared
from backstay_core.strategies.contract import FAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from typing import Any, ParamSpec, TypeVar, overload

    from backstay.blocks import Attempts
    from backstay.drivers.ports import Ports
    from backstay.drivers.threads import Threads
    from backstay.guarded import Guarded
    from backstay.handles import (
        BreakerHandle,
        BulkheadHandle,
        ConcurrencyLimitHandle,
        InjectHandle,
        RateLimitHandle,
        RetryHandle,
    )
    from backstay.keyed import Keyed
    from backstay.watching import Listener
    from backstay_core.strategies.contract import State

    P = ParamSpec("P")
    R = TypeVar("R")

#  what a decorated function takes over (as functools.wraps does, which costs an import)
DESCRIPTION = ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__") + (
    ("__annotations__",) if version_info < (3, 14) else ("__annotate__",)
)


class Policy(core.Policy):
    """A named, ordered composition of strategies, outermost first.

    It is a decorator for functions and coroutine functions, and calls them by `call` and `acall`. `failures` decides
    for all strategies without an `on` of their own which failures count and are tried again. `seed` makes random pauses
    reproducible; without one each process has its own.

    Raises `ConfigurationError` for what cannot mean anything.
    """

    STRATEGIES = {cls.KIND: cls for cls in strategies.ALL}  # noqa: RUF012 - a constant table

    #  how calls are carried out: compiled, or without the interpreter lock step by step
    FRAMES: Any = interpreted if interpreted.free_threaded() else compiler
    EXECUTION: type[Execution] = interpreted.LockedExecution if interpreted.free_threaded() else Execution

    def __init__(self, name: str, *parts: Options | Shared, failures: Any = None, seed: int | None = None) -> None:
        if failures is not None:
            check_failures("Policy(failures=…)", Field("failures", "failures", ""), failures)
            parts = tuple(_judging_by(failures, part) for part in parts)
        if interpreted.traced():
            self.FRAMES, self.EXECUTION = interpreted, interpreted.LockedExecution  # pyright: ignore[reportConstantRedefinition]
        super().__init__(name, *parts, seed=forking.fresh_seed() if seed is None else seed)
        self.seeded = seed is not None
        self.derived = False  # made by `using` or `fallback`: its states are another policy's
        self.whose: dict[str, Any] = {}  # priority and tenant of all its calls, whatever `calling` says
        self._using: dict[Any, Policy] = {}
        self._threads: Any = None
        self._guarded: list[Any] = []  # the functions it decorates, weakly
        self._derived: dict[Any, Any] = {}  # the policies made from it, weakly: how
        self._keyed: list[Any] = []  # what keeps states of it by key, weakly
        self._usual = self.EXECUTION
        self._go_by(ports.DEFAULT)
        self._call: Any = self.FRAMES.frame_for(self, None, asynchronous=False, as_argument=True)
        self._acall: Any = self.FRAMES.frame_for(self, None, asynchronous=True, as_argument=True)
        forking.watch(self)

    @property
    def ports(self) -> Ports:
        """Its clock and its ways to wait."""
        return self._ports

    @ports.setter
    def ports(self, ports: Ports) -> None:
        with interpreted.LOCK, compiler.LOCK:
            self._go_by(ports)
            self._renew_frames()

    def caller(self) -> Caller:
        return changed(CALLER.get(), **self.whose) if self.whose else CALLER.get()

    @property
    def threads(self) -> Threads:
        """Threads for attempts beside each other; policies made from this one share them."""
        if self._threads is None:
            from backstay.drivers.threads import Threads

            self._threads = Threads(self.name)
        threads: Threads = self._threads
        return threads

    def refresh(self) -> None:
        super().refresh()
        if self.looks:  # loaded now: a signal handler's call cannot go on with half of it
            import backstay.keeping  # noqa: F401  # pyright: ignore[reportUnusedImport]

    def restore(self, data: Any, now: int, mode: str, wall: int | None = None) -> None:
        faults: list[Any] = [layer for layer in self.layers if layer.ROLE == FAULT]
        before = [layer.enabled for layer in faults]
        super().restore(data, now, mode, wall)
        for layer, enabled in zip(faults, before, strict=True):
            if layer.enabled != enabled:
                switched(layer)

    def _go_by(self, ports: Ports) -> None:
        self._ports = ports
        self.EXECUTION = ports.execution(self._usual)  # pyright: ignore[reportConstantRedefinition]

    @classmethod
    def standard(
        cls,
        name: str,
        *,
        timeout: float,
        attempts: int = 3,
        idempotent: bool = False,
        limit: int = 100,
        failures: Any = None,
        seed: int | None = None,
    ) -> Policy:
        """The recommended composition for calls over a network that may take `timeout` seconds in all.

        Outermost first: the whole call's Timeout; a Retry with full jitter and a budget of a tenth of the traffic; a
        circuit breaker; a bulkhead of `limit` places with as many waiting; a Timeout for each attempt. Pauses may take
        a quarter of the time; the attempts share the rest, a fifth of each for waiting for a place.

        Backoff and jitter alone do not stop a retry storm: in a simulated overload they leave no goodput at all, while
        a budget, a breaker or a bounded queue recovers.
        """
        if isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1:
            raise ConfigurationError(f"Policy.standard(attempts=…) must be at least 1; got {attempts!r}")
        whole = strategies.Timeout(timeout)
        share = 0.75 * timeout / attempts
        return cls(
            name,
            whole,
            strategies.Retry(
                attempts,
                idempotent=idempotent,
                base=timeout / 40,
                cap=timeout / (4 * attempts),
                budget=strategies.Budget(),
            ),
            strategies.CircuitBreaker(open_for=max(30.0, timeout)),
            strategies.Bulkhead(limit, queue=limit, wait=share / 5),
            strategies.Timeout(share * 4 / 5),
            failures=failures,
            seed=seed,
        )

    def __call__(self, function: Callable[P, R]) -> Guarded[P, R]:
        """Decorate: the same function, guarded. Keeps name, signature and documentation.

        The decorated function has `policy` and ``fallback``, a decorator for a function that gets the failure and the
        call's own arguments and whose result takes the place of the call's.
        """
        if isinstance(function, (staticmethod, classmethod)):
            method: Any = function
            wrapped: Guarded[P, R] = type(method)(self(method.__func__))
            return wrapped
        flags = flags_to_guard(self, function, generators=True)
        asynchronous = bool(flags & (CO_COROUTINE | CO_ASYNC_GENERATOR))
        guarded = self._frames_of(flags).frame_for(self, function, asynchronous=asynchronous)
        guarded.__annotations__ = {}
        for attribute in DESCRIPTION:
            try:
                setattr(guarded, attribute, getattr(function, attribute))
            except (AttributeError, TypeError):  # it has none, or is a proxy that answers for every attribute
                pass
        guarded.__dict__.update(getattr(function, "__dict__", {}))
        guarded.__wrapped__ = function
        guarded.policy = self
        self._guarded.append(ref(guarded, self._guarded.remove))
        guarded.fallback = self._fallback_of(guarded, function, asynchronous)
        result: Guarded[P, R] = guarded
        return result

    def _frames_of(self, flags: int) -> Any:
        """What makes the frames of functions with these code flags."""
        if not flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
            return self.FRAMES
        from backstay.frames import generators

        return generators

    def _fallback_of(self, guarded: Any, function: Any, asynchronous: bool) -> Any:
        """The ``fallback`` decorator of a guarded function."""

        def fallback(handler: Any = None, /, *, on: Any = None) -> Any:
            if handler is None:

                def waiting(handler: Any) -> Any:
                    return fallback(handler, on=on)

                return waiting
            if not callable(handler):
                raise ConfigurationError(f"policy {self.name!r}: a fallback is a function; got {handler!r}")
            guarded.policy = with_fallback(self, handler, on)
            guarded.policy._guarded.append(ref(guarded, guarded.policy._guarded.remove))
            frames = self._frames_of(flags_of(function))
            frames.restart(guarded, guarded.policy, function, asynchronous=asynchronous)
            return handler

        return fallback

    def _become(self, parts: tuple[Options | Shared, ...], layers: tuple[State, ...]) -> list[Policy]:
        """Take over other strategies in place: calls that begin from now on go by them, those that have begun end by
        the old ones. Returns the derived policies that could not follow."""
        with interpreted.LOCK, compiler.LOCK:
            self.strategies = parts
            self.layers = layers
            self.refresh()
            self._using.clear()
            self._renew_frames()
            for keyed in self.keyed_ones():
                keyed.follow()
            return follow_change(self)

    def _switched(self) -> None:
        """One of its strategies was switched on or off."""
        with interpreted.LOCK, compiler.LOCK:
            self.refresh()
            self._renew_frames()

    def _renew_frames(self) -> None:
        for frame in (self._call, self._acall, *[reference() for reference in list(self._guarded)]):
            if frame is not None:
                compiler.renew(frame)

    def using(self, **changes: Any) -> Policy:
        """This policy with some options changed: ``using(timeout=2.0, idempotent=False).call(…)``.

        `timeout` is the seconds of the outermost Timeout; `priority` and `tenant` say whose the calls are (see
        `calling`); other names are options of the one Retry, Timeout or Fallback that has them. Gates and budgets keep
        their state, which all calls share. Raises `ConfigurationError`.
        """
        return remembered(self._using, changes, with_options, self)

    def keyed(
        self, key: Callable[..., Hashable] | None = None, *, most: int = 10_000, idle: float | None = 3600.0
    ) -> Keyed:
        """This policy with a state of its own for each key: a host, a tenant, an endpoint. See `backstay.keyed`.

        `key` is a function of the call's arguments that gives its key; without one, name the key by `Keyed.of`. At most
        `most` keys are remembered, those used last, and none for longer than `idle` seconds without use. Raises
        `ConfigurationError`.
        """
        from backstay.keyed import Keyed

        return Keyed(self, key, most, idle)

    def keyed_ones(self) -> list[Keyed]:
        """What keeps states of it by key."""
        return [keyed for reference in list(self._keyed) if (keyed := reference()) is not None]

    def keep(self, keyed: Keyed) -> None:
        """Let `keyed`, which is made of this policy, follow its changes."""
        self._keyed.append(ref(keyed, self._keyed.remove))
        for frame in (keyed.frame, keyed.aframe):
            self._guarded.append(ref(frame, self._guarded.remove))

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener(event)`` after each event of that name ("*": all); see `backstay.watching`.

        Returns a function that takes the listener away. What a listener raises is dropped. Raises `ConfigurationError`
        for names that no event has.
        """
        emitters = [(layer, f"{self.name}: {layer.options.KIND}") for layer in self.layers]
        remove = listen([(self, self.name), *emitters], event, listener)
        for keyed in self.keyed_ones():
            for entry in keyed.held():
                entry.watch()
        return remove

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, kind: type[strategies.CircuitBreaker]) -> BreakerHandle: ...
        @overload
        def __getitem__(self, kind: type[strategies.Bulkhead]) -> BulkheadHandle: ...
        @overload
        def __getitem__(self, kind: type[strategies.ConcurrencyLimit]) -> ConcurrencyLimitHandle: ...
        @overload
        def __getitem__(self, kind: type[strategies.RateLimit]) -> RateLimitHandle: ...
        @overload
        def __getitem__(self, kind: type[strategies.Retry]) -> RetryHandle: ...
        @overload
        def __getitem__(self, kind: type[strategies.Inject]) -> InjectHandle: ...
        @overload
        def __getitem__(self, kind: type[Options] | int) -> Handle: ...

    def __getitem__(self, kind: type[Options] | int) -> Handle:
        """The handle of the strategy of that class, or at that position. Raises `KeyError` if there is none or
        several."""
        return handle_of(self, kind)

    def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call an ordinary function under this policy. A coroutine function is refused: use `acall`."""
        if flags_to_guard(self, function) & CO_COROUTINE:
            raise ConfigurationError(f"policy {self.name!r}: call() of a coroutine function; use await acall()")
        result: R = self._call(function, *args, **kwargs)
        return result

    async def acall(self, function: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Await a coroutine function, or anything that returns an awaitable, under this policy."""
        flags_to_guard(self, function)
        result: R = await self._acall(function, *args, **kwargs)
        return result

    def attempts(self) -> Attempts:
        """Guard a piece of code: ``for attempt in policy.attempts(): with attempt: …``, or ``async for``.

        See `backstay.blocks`. Raises `ConfigurationError` if the policy has a Fallback.
        """
        from backstay.blocks import Attempts

        return Attempts(self)

    def __repr__(self) -> str:
        return f"Policy({', '.join([repr(self.name), *map(repr, self.strategies)])})"


def _judging_by(failures: Any, part: Options | Shared) -> Options | Shared:
    """The same strategy, judging by `failures` if it judges and has no `on` of its own."""
    judges = isinstance(part, (strategies.CircuitBreaker, strategies.Retry))
    return part.replace(on=failures) if judges and part.on is None else part  # type: ignore[union-attr]


def shared(name: str, options: Options, *, seed: int | None = None) -> Shared:
    """One strategy's state under a name, to stand in many policies: one breaker for one database, say."""
    return Shared(name, options, seed=forking.fresh_seed() if seed is None else seed)
