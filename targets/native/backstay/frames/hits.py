"""One look for what a Cache or an Idempotency knows: what is fresh is given at once.

The event is the one that `backstay.keeping` would tell. Whatever else there is to say, that says it, and looks again
(so a key function may be called twice).
"""

from __future__ import annotations

from backstay.ambient import current_deadline
from backstay.kept import NOTHING, kept_by
from backstay.lookup_keys import cache_key, idempotency_key_of, mark_of
from backstay_core.strategies.cache import Cached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.policy import Policy

    Find = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]


def finder(layer: Any, clock: Callable[[], int]) -> Find:
    """A function that gives the fresh value of a call, or NOTHING. It gets the state of the strategy, which may be that
    of a key, and the call."""
    options = layer.options
    exclusive: bool = options.EXCLUSIVE
    fresh = options.keep_for_ns if exclusive else options.fresh_for_ns

    def find(layer: Any, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kept = layer.kept
        if kept is None:
            return NOTHING
        try:
            if exclusive:
                key = idempotency_key_of(options, args, kwargs)
                if key is None:
                    return NOTHING
            else:
                key = cache_key(options, function, args, kwargs)
            with kept.lock:
                entry = kept.entries.find(key)
                if entry is None:
                    return NOTHING
                now = clock()
                if now - entry.kept >= fresh:
                    return NOTHING
                value, mark = entry.value, entry.mark
            if exclusive and mark != mark_of(function, args, kwargs):
                return NOTHING
        except Exception:  # no key, or one that cannot be compared
            return NOTHING
        if layer.emit is not None:
            layer.tell(now, "hit")
        return value

    return find


def before(steps: Any, policy: Policy, function: Any, *, asynchronous: bool, as_argument: bool) -> Any:
    """`steps` of a policy that is not compiled, with a look before them if its outermost strategy is a Cache: they cost
    a hundred times as much. See `backstay.frames.compiler.frame_for`."""
    if not policy.layers or not isinstance(policy.layers[0], Cached):
        return steps
    layer: Any = policy.layers[0]
    kept_by(layer)
    clock, bounded, draws, check_loop = policy.ports.clock, policy.bounded, policy.draws, policy.ports.check_loop
    fresh = finder(layer, clock)

    def find(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if bounded and current_deadline() <= clock():
            return NOTHING
        value = fresh(layer, function, args, kwargs)
        if draws and value is not NOTHING:
            policy.next_call()
        return value

    def frame(*args: Any, **kwargs: Any) -> Any:
        value = find(function, args, kwargs)
        return steps(*args, **kwargs) if value is NOTHING else value

    async def frame_async(*args: Any, **kwargs: Any) -> Any:
        check_loop()
        value = find(function, args, kwargs)
        return await steps(*args, **kwargs) if value is NOTHING else value

    def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        value = find(function, args, kwargs)
        return steps(function, *args, **kwargs) if value is NOTHING else value

    async def call_async(function: Any, /, *args: Any, **kwargs: Any) -> Any:
        check_loop()
        value = find(function, args, kwargs)
        return await steps(function, *args, **kwargs) if value is NOTHING else value

    if as_argument:
        return call_async if asynchronous else call
    return frame_async if asynchronous else frame
