"""What stands before a call of a policy whose outermost strategy is a Cache: one look for a fresh value.

The steps of such a call cost a hundred times what looking costs. So a value that is fresh is given at once, with the
same event and the same count as the steps would leave; whatever else there is to say, the steps say it, and look again
(so a key function may be called twice).
"""

from __future__ import annotations

from backstay.ambient import current_deadline
from backstay.kept import NOTHING, kept_by
from backstay_core.strategies.cache import Cached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.policy import Policy


def finder(policy: Policy) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], Any] | None:
    """A function that gives the fresh value of a call, or `NOTHING`; None if the outermost strategy is no Cache."""
    if not policy.layers or not isinstance(policy.layers[0], Cached):
        return None
    layer: Any = policy.layers[0]
    kept = kept_by(layer)
    fresh, key_of = layer.options.fresh_for_ns, layer.options.key
    clock, bounded, draws = policy.ports.clock, policy.bounded, policy.draws

    def find(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if bounded and current_deadline() <= clock():
            return NOTHING
        try:
            if key_of is not None:
                key = (function, key_of(*args, **kwargs))
            else:
                key = (function, (args, tuple(sorted(kwargs.items())) if kwargs else ()))
            with kept.lock:
                entry = kept.entries.find(key)
                if entry is None:
                    return NOTHING
                now = clock()
                if now - entry.kept >= fresh:
                    return NOTHING
                value = entry.value
        except Exception:  # no key, or one that cannot be compared
            return NOTHING
        if draws:
            policy.next_call()
        if layer.emit is not None:
            layer.tell(now, "hit")
        return value

    return find


def before(steps: Any, policy: Policy, function: Any, *, asynchronous: bool, as_argument: bool) -> Any:
    """`steps`, with the look before it; see `backstay.frames.compiler.frame_for`."""
    find = finder(policy)
    if find is None:
        return steps
    check_loop = policy.ports.check_loop

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
