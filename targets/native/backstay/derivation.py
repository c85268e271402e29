"""Policies made from a policy: the same state, some options changed for some calls.

Gates keep their state whatever policy asks them, so only what a call carries itself can be changed: the options of
Timeouts, Retries and Fallbacks. A Retry that is changed keeps its budget.
"""

from __future__ import annotations

from _weakref import ref

from backstay.callers import changed
from backstay.strategies import Fallback, Timeout
from backstay.watching import hub_of
from backstay_core.canonical import fnv1a
from backstay_core.failure import ConfigurationError
from backstay_core.options import nearest
from backstay_core.policy import Shared
from backstay_core.strategies.contract import GATE
from backstay_core.strategies.priority import ANYBODY
from backstay_core.strategies.retry import Retrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.key_policy import KeyPolicy
    from backstay.policy import Policy

WHOSE = ("priority", "tenant")  # of a caller, not of a strategy
MOST_DERIVED = 64  # policies that one policy remembers having made


class FunctionFallback(Fallback):
    """The fallback of one function: its value is a function of the failure and of the call's arguments."""

    TAKES_ARGUMENTS = True


def borrowed(state: Any) -> Shared:
    """A state that lives elsewhere, to stand in another policy."""
    shared = object.__new__(Shared)
    shared.name = state.options.KIND
    shared.options = state.options
    shared.state = state
    return shared


def remembered(known: dict[Any, Policy], changes: dict[str, Any], make: Callable[..., Policy], origin: Any) -> Policy:
    """What ``make(origin, changes)`` gives, made once for equal changes as long as `known` has room."""
    try:
        key = tuple(sorted((option, type(value), value) for option, value in changes.items()))  # 1 is not True
        other = known.get(key)
    except TypeError:  # not hashable: made each time
        return make(origin, changes)
    if other is None:
        other = make(origin, changes)
        if len(known) >= MOST_DERIVED:
            known.clear()
        known[key] = other
    return other


def with_options(policy: Policy, changes: dict[str, Any]) -> Policy:
    """The policy with options changed: ``timeout`` is the seconds of the outermost Timeout, ``priority`` and ``tenant``
    say whose the calls are, other names are options.

    Raises `ConfigurationError` for names that no strategy has, that several have, or that belong to a shared state.
    """
    options, whose = _apart(changes)

    def parts_of(policy: Policy) -> list[Any]:
        return _changed(policy, options)

    other = _derived(policy, parts_of, repr(sorted(changes)))
    other.whose = dict(policy.whose, **whose)
    for old, new in zip(policy.layers, other.layers, strict=True):
        if new is not old:
            new.emit = hub_of(old, f"{policy.name}: {old.options.KIND}")
    return other


def of_key(entry: KeyPolicy, changes: dict[str, Any]) -> Policy:
    """The policy of one key with options changed; remembered as long as the key is."""
    keyed, policy = entry.keyed, entry.keyed.policy
    if keyed._variants is None:
        from weakref import WeakKeyDictionary

        keyed._variants = WeakKeyDictionary()
    other = remembered(keyed._variants.setdefault(entry, {}), changes, _for_key, entry)
    if other.ports is not policy.ports:
        other.ports = policy.ports
    other.emit = entry.emit
    for old, new in zip(entry.layers, other.layers, strict=True):
        if new is not old:
            new.emit = old.emit
    return other


def _for_key(entry: KeyPolicy, changes: dict[str, Any]) -> Policy:
    policy = entry.keyed.policy
    options, whose = _apart(changes)
    other = type(policy)(policy.name, *_changed(entry, options), seed=entry.seed)
    other.seeded = other.derived = True
    other.whose = whose
    return other


def with_fallback(policy: Policy, handler: Callable[..., Any], on: Any) -> Policy:
    """The policy inside a Fallback to `handler`."""
    outermost = FunctionFallback(handler, on=on)

    def parts_of(policy: Policy) -> list[Any]:
        return [outermost, *map(borrowed, policy.layers)]

    return _derived(policy, parts_of, "fallback")


def follow_change(policy: Policy) -> list[Policy]:
    """Let the policies that were made from `policy`, which has other strategies now, be made anew in place.

    Returns those that cannot be: an option that they change is gone. They keep the strategies that they have.
    """
    stuck: list[Policy] = []
    for reference, parts_of in list(policy._derived.items()):
        other = reference()
        if other is None:
            continue
        try:
            made = type(policy)(policy.name, *parts_of(policy), seed=other.seed)
        except ConfigurationError:
            stuck.append(other)
            continue
        stuck.extend(other._become(made.strategies, made.layers))
    return stuck


def _apart(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of strategies, and whose the calls are. Raises `ConfigurationError` for an impossible caller."""
    whose = {name: changes[name] for name in WHOSE if name in changes}
    changed(ANYBODY, **whose)
    return {name: value for name, value in changes.items() if name not in WHOSE}, whose


def _changed(policy: Any, changes: dict[str, Any]) -> list[Any]:
    parts: list[Any] = [borrowed(layer) for layer in policy.layers]
    for name, value in changes.items():
        position, option = _find(policy, name)
        current = parts[position].options if isinstance(parts[position], Shared) else parts[position]
        changed = current.replace(**{option: value})
        layer = policy.layers[position]
        if isinstance(layer, Retrier) and layer.budget is not None and option != "budget":
            changed = changed.replace(budget=borrowed(layer.budget))
        parts[position] = changed
    return parts


def _derived(policy: Policy, parts_of: Callable[[Policy], list[Any]], what: str) -> Policy:
    other = type(policy)(policy.name, *parts_of(policy), seed=policy.seed ^ int(fnv1a(what), 16))
    other.seeded = policy.seeded
    other.derived = True
    other.ports = policy.ports
    other.emit = hub_of(policy, policy.name)
    if policy.races:
        other._threads = policy.threads
    policy._derived[ref(other, policy._derived.pop)] = parts_of
    return other


def _find(policy: Any, name: str) -> tuple[int, str]:
    """Where an option is: the strategy's position and the option's own name."""
    layers = policy.layers
    if name == "timeout":
        found = [x for x, layer in enumerate(layers) if isinstance(layer.options, Timeout)][:1]
        option = "seconds"
    else:
        found = [x for x, layer in enumerate(layers) if any(field.name == name for field in layer.options.FIELDS)]
        option = name
    free = [x for x in found if layers[x].ROLE != GATE]
    if len(free) == 1:
        return free[0], option
    if found and not free:
        owner = layers[found[0]].options.KIND
        raise ConfigurationError(f"policy {policy.name!r}: {name!r} belongs to its {owner}, which all calls share")
    if free:
        raise ConfigurationError(f"policy {policy.name!r}: several strategies have an option {name!r}")
    known = (
        "timeout",
        *WHOSE,
        *sorted({f.name for layer in layers if layer.ROLE != GATE for f in layer.options.FIELDS}),
    )
    hint = nearest(name, known)
    raise ConfigurationError(
        f"policy {policy.name!r} has no option {name!r}"
        + (f"; did you mean {hint!r}?" if hint else f"; using() takes {', '.join(known)}")
    )
