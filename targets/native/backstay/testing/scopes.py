"""Where a change of time or of enforcement holds: some policies or all, from ``with`` to its end.

A scope holds for the whole process. It reaches policies through `Policy.ports`: each gets ports that stand over those
it had, and policies that are made inside get them from the start. Scopes nest, and are left in the reverse order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from backstay import ambient, forking
from backstay.drivers import ports as outside
from backstay.drivers.ports import Ports
from backstay.policy import Policy
from backstay.testing.fresh import Aside
from backstay_core.failure import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType

    from backstay_core.execution import Execution

ACTIVE: list[Scope] = []  # outermost first


class StackedPorts(Ports):
    """Ports over others, the same but for what a scope changes. `simulated`: waiting takes no real time already."""

    __slots__ = ("below", "simulated")

    def __init__(self, below: Ports) -> None:
        super().__init__(below.clock, below.pause, below.doorbell, below.entropy)
        self.below = below
        self.stepwise = below.stepwise
        self.simulated: bool = getattr(below, "simulated", False)

    def in_loop(self, ns: int) -> int:
        return self.below.in_loop(ns)

    def check_loop(self) -> None:
        self.below.check_loop()

    def execution(self, usual: type[Execution]) -> type[Execution]:
        return self.below.execution(usual)


class Scope:
    """A context manager for the policies given and those derived from them; none given: for all there are and will be.

    A `_FRESH` scope changes time, so its policies have no history in it, and theirs back afterwards (`fresh`).
    """

    _FRESH = False

    def __init__(self, *policies: Policy, seed: int = 0) -> None:
        for policy in policies:
            if not isinstance(policy, Policy):
                raise ConfigurationError(f"{self._name()} takes policies; got {policy!r}")
        self._chosen = policies
        self._seed = seed
        self._entered = False
        self._made: list[tuple[Ports, Ports]] = []  # (below, over it)
        self._aside: Aside | None = None
        self._ambient: Any = None

    def _over(self, below: Ports) -> Ports:
        """The ports of this scope, over those of a policy."""
        raise NotImplementedError

    def _name(self) -> str:
        return type(self).__name__

    def _covered(self) -> list[Policy]:
        """The policies given and those derived from them, or all."""
        if not self._chosen:
            return forking.policies()
        found = list(self._chosen)
        for policy in found:
            derived = [reference() for reference in list(policy._derived)]
            found += [other for other in derived if other is not None and other not in found]
        return found

    def __enter__(self) -> Self:
        if self._entered:
            raise RuntimeError(f"{self._name()} is entered once; make another one")
        self._entered = True
        changed = [policy for policy in self._covered() if self._ports_over(policy.ports) is not policy.ports]
        if self._FRESH:
            self._aside = Aside(changed, self._seed)
            self._ambient = ambient.AMBIENT.set(None)
        ACTIVE.append(self)
        self._begin()
        if not self._chosen:
            outside.DEFAULT = self._ports_over(outside.DEFAULT)
        for policy in changed:
            policy.ports = self._ports_over(policy.ports)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self not in ACTIVE:
            return
        inner = ACTIVE[ACTIVE.index(self) + 1 :]
        for scope in (*reversed(inner), self):
            scope._leave()
        if inner and error is None:
            raise RuntimeError(
                f"{self._name()} was left before what was entered inside it: "
                + ", ".join(scope._name() for scope in inner)
                + "; all of them have been left now"
            )

    def _leave(self) -> None:
        ACTIVE.remove(self)
        self._end()
        if not self._chosen:
            outside.DEFAULT = self._ports_below(outside.DEFAULT)
        for policy in forking.policies():
            below = self._ports_below(policy.ports)
            if below is not policy.ports:
                policy.ports = below
        if self._aside is not None:
            self._aside.restore()
            ambient.unpublish(self._ambient)

    def _begin(self) -> None:
        """What else entering does."""

    def _end(self) -> None:
        """What else leaving does."""

    def _ports_over(self, below: Ports) -> Ports:
        for other, made in self._made:
            if other is below:
                return made
        made = self._over(below)
        if made is not below:
            self._made.append((below, made))
        return made

    def _ports_below(self, ports: Ports) -> Ports:
        return next((below for below, made in self._made if made is ports), ports)


class TimeScope(Scope):
    """A scope with a clock of its own, which begins at 0; `backstay.remaining` reads it too."""

    _FRESH = True

    def clock(self) -> int:
        """Now, in ns."""
        raise NotImplementedError

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        """Let time pass in a task, in which others may run."""
        raise NotImplementedError

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.clock() / 1e9

    def _begin(self) -> None:
        self._clock_before = ambient.clock
        ambient.clock = self.clock

    def _end(self) -> None:
        ambient.clock = self._clock_before


def current_time() -> TimeScope | None:
    """The innermost scope with a clock."""
    return next((scope for scope in reversed(ACTIVE) if isinstance(scope, TimeScope)), None)
