"""Handles: what a person may ask and do with one strategy of a running policy
(``policy[CircuitBreaker].force_open()``)."""

from __future__ import annotations

from backstay import forking
from backstay_core.clock import SECOND
from backstay_core.options import PPM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy
    from backstay_core.options import Options
    from backstay_core.strategies.breaker import Breaker
    from backstay_core.strategies.bulkhead import Places
    from backstay_core.strategies.concurrency_limit import Slots
    from backstay_core.strategies.inject import Faults
    from backstay_core.strategies.retry import Retrier
    from backstay_core.strategies.turns import Pace


class Handle:
    """A strategy of a running policy. `options` are its options."""

    __slots__ = ("_policy", "_state")

    def __init__(self, state: Any, policy: Policy) -> None:
        self._state = state
        self._policy = policy

    @property
    def options(self) -> Any:
        return self._state.options

    def snapshot(self) -> dict[str, Any]:
        """Its state as plain data."""
        data: dict[str, Any] = self._state.snapshot(self._policy.ports.clock())
        return data

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.options!r}>"


class BreakerHandle(Handle):
    """A circuit breaker (rules CB17 to CB21 say what the methods do)."""

    __slots__ = ()
    _state: Breaker

    @property
    def state(self) -> str:
        """closed, open or half_open: what it was when a call last asked."""
        return self._state.state

    @property
    def mode(self) -> str:
        """auto, forced_open, forced_closed, disabled or metrics_only."""
        return self._state.mode

    @property
    def remaining(self) -> float:
        """Seconds until it probes; 0 unless it is open."""
        return max(0, self._state.until - self._policy.ports.clock()) / SECOND if self._state.state == "open" else 0.0

    def force_open(self) -> None:
        self._state.force_open(self._policy.ports.clock())

    def force_closed(self) -> None:
        self._state.force_closed(self._policy.ports.clock())

    def disable(self) -> None:
        self._state.disable(self._policy.ports.clock())

    def metrics_only(self) -> None:
        self._state.metrics_only(self._policy.ports.clock())

    def auto(self) -> None:
        self._state.auto(self._policy.ports.clock())


class BulkheadHandle(Handle):
    """A bulkhead."""

    __slots__ = ()
    _state: Places

    @property
    def inside(self) -> int:
        """Calls inside now."""
        return self._state.inside

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return self._state.waiting


class ConcurrencyLimitHandle(Handle):
    """A concurrency limit."""

    __slots__ = ()
    _state: Slots

    @property
    def limit(self) -> int:
        """The limit that applies now."""
        return self._state.limit

    @property
    def inside(self) -> int:
        """Calls inside now."""
        return self._state.inside

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return self._state.waiting


class RateLimitHandle(Handle):
    """A rate limit."""

    __slots__ = ()
    _state: Pace

    @property
    def limit(self) -> int:
        """Calls in a period that it lets in now; less than the options say after pushback."""
        return self._state.limit(self._policy.ports.clock())

    @property
    def waiting(self) -> int:
        """Calls that wait for their turn."""
        return self._state.waiting


class RetryHandle(Handle):
    """A Retry."""

    __slots__ = ()
    _state: Retrier

    @property
    def tokens(self) -> float | None:
        """Attempts that the budget has left; None without a budget."""
        budget = self._state.budget
        return None if budget is None else budget.tokens / PPM


class InjectHandle(Handle):
    """An Inject."""

    __slots__ = ()
    _state: Faults

    @property
    def enabled(self) -> bool:
        return self._state.enabled

    @property
    def injected(self) -> int:
        """Faults so far."""
        return self._state.injected

    def enable(self) -> None:
        """Inject from the next call on."""
        self._state.enable(self._policy.ports.clock())
        switched(self._state)

    def disable(self) -> None:
        self._state.disable(self._policy.ports.clock())
        switched(self._state)


def switched(state: Any) -> None:
    """A strategy was switched on or off: policies that have it are compiled anew."""
    for policy in forking.policies():
        if any(layer is state for layer in policy.layers):
            policy._switched()


HANDLES: dict[str, type[Handle]] = {
    "circuit_breaker": BreakerHandle,
    "bulkhead": BulkheadHandle,
    "rate_limit": RateLimitHandle,
    "concurrency_limit": ConcurrencyLimitHandle,
    "retry": RetryHandle,
    "inject": InjectHandle,
}


def handle_of(policy: Any, kind: type[Options] | int) -> Handle:
    """The handle of the policy's strategy of that class, or at that position. Raises `KeyError` if there is none or
    several."""
    if isinstance(kind, int):
        if not -len(policy.layers) <= kind < len(policy.layers):
            raise KeyError(f"policy {policy.name!r} has {len(policy.layers)} strategies")
        found = [policy.layers[kind]]
    else:
        found = [layer for layer in policy.layers if isinstance(kind, type) and isinstance(layer.options, kind)]
    if len(found) != 1:
        raise KeyError(
            f"policy {policy.name!r} has {len(found) or 'no'} {getattr(kind, '__name__', kind)}"
            + ("; name one by its position" if found else "")
        )
    return HANDLES.get(found[0].options.KIND, Handle)(found[0], policy)
