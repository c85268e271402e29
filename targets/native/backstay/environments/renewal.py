"""What is renewed when time was not whole: the machine was restored from a snapshot, moved, or stood still.

Twins that were restored from one snapshot would draw the same pauses; what a call met before the break says nothing of
the dependency after it; connections are to peers that have given up on them. So:

RN1   Policies and strategies without a seed of their own get new ones. Twins have the same randomness as well, until
      their kernels notice; so what the clocks say goes into the seeds, for no two are asked at one moment.
RN2   Circuit breakers begin a new epoch with what they know: calls that began before are settled into the old one, and
      count no more; probes that were out are let go.
RN3   Bulkheads keep their places: the calls inside are still inside.
RN4   Registered pools are reset.
"""

from __future__ import annotations

from backstay import forking
from backstay.drivers import interpreted
from backstay.frames import compiler
from backstay_core.rng import mix
from backstay_core.state import REVIVE
from backstay_core.strategies.breaker import Breaker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstay.environments.recovery import Recoveries
    from backstay_core.environments.contract import RecoveryStep

MOST = (1 << 64) - 1  # a seed


def renew(recoveries: Recoveries | None = None, clocks: Iterable[int] = ()) -> tuple[RecoveryStep, ...]:
    """Renew all policies of this process, and reset the pools; returns what that did to the pools. `clocks` are what
    tells this machine from its twins."""
    done: set[int] = set()  # a shared breaker is renewed once
    salt = 0
    for clock in clocks:
        salt = mix((salt + clock) & MOST)
    with interpreted.LOCK, compiler.LOCK:
        for policy in forking.policies():
            if not policy.seeded:
                policy.seed = mix(forking.fresh_seed() ^ salt)
            for layer in forking.layers(policy):
                if not isinstance(layer, Breaker) or id(layer) in done:
                    continue
                done.add(id(layer))
                if not policy.seeded:
                    layer.seed = mix(forking.fresh_seed() ^ salt)
                now = policy.ports.clock()
                layer.restore(layer.snapshot(now), now, REVIVE)
    return () if recoveries is None else recoveries.reset_pools()
