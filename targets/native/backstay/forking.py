"""After a fork: the child has streams of its own, and nobody in it holds what the parent's threads held.

A child that drew the parent's pauses would retry in step with it. Calls that were inside a gate when the process
forked live on in the parent; the child's gates begin a new epoch, as if revived (see `backstay_core.state`). Policies
with a seed of their own keep it.
"""

from __future__ import annotations

import os
from _weakref import ref

from backstay.drivers import ports
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.contract import LOOKUP
from backstay_core.strategies.queue import Queue
from backstay_core.strategies.throttle import Tally
from backstay_core.strategies.window import Probes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy

_POLICIES: list[Any] = []


def fresh_seed() -> int:
    return ports.DEFAULT.entropy()


def policies() -> list[Policy]:
    """All policies of this process."""
    return [policy for reference in list(_POLICIES) if (policy := reference()) is not None]


def layers(policy: Policy) -> list[Any]:
    """The states of its strategies, also those that it keeps for each key."""
    return [*policy.layers, *(layer for keyed in policy.keyed_ones() for one in keyed.held() for layer in one.own())]


def watch(policy: Policy) -> None:
    """Renew `policy` in the children of this process."""
    _POLICIES.append(ref(policy, _POLICIES.remove))


def renew() -> None:
    """Called in the child, in its only thread."""
    for policy in policies():
        if not policy.seeded:
            policy.seed = fresh_seed()
        if policy._threads is not None:
            policy._threads.forget()
        for layer in layers(policy):
            if isinstance(layer, Queue):
                layer.desert()
            elif layer.ROLE == LOOKUP:
                if layer.kept is not None:
                    layer.kept.desert()
            elif isinstance(layer, Tally):
                layer.desert()
                if not policy.seeded:
                    layer.seed = fresh_seed()
            elif isinstance(layer, Breaker):
                if not policy.seeded:
                    layer.seed = fresh_seed()
                if isinstance(layer.epoch, Probes):
                    passed = layer.epoch.passed
                    layer.epoch = Probes(layer.epoch.since)
                    layer.epoch.passed = passed


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=renew)
