"""What stands between clients and an overloaded server, and what becomes of it: see `tests.overload.world`.

The case is a server that is slower for a while and then as fast as before: ten workers, 10 ms a call, 700 calls a
second, clients with three attempts of 100 ms each, and ten seconds in which everything takes three times as long.
Retries keep such a server busy with what nobody waits for any more, so that it stays down when the cause is gone (a
metastable failure: Bronson, Aghayev, Charapko, Zhu: *Metastable Failures in Distributed Systems*, HotOS 2021).
"""

from statistics import median
from typing import Any, NamedTuple

from backstay_core.policy import Policy
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.priority import Caller
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.timeout import Timeout
from tests.overload.world import SECOND, Second, Trigger, World

MEAN = SECOND // 100
TRIGGER = Trigger(30, 10)
MINUTES = 120  # s
DAY = 86_400  # s
EVERY_TEN_MINUTES = Trigger(30, 10, 600)
RUNAWAY = 150  # places: from 100 on calls wait for longer than their clients have patience, which must turn it round
COLLAPSE = 1000  # times of a call in a row, after the server is fast again, with less than half of what was possible
PRIORITIES = ("critical", "normal", "background")


Stack = tuple[tuple[Any, ...], dict[str, Any]]  # strategies outside the attempt's Timeout; options of the `World`


def stack(*strategies: Any, **world: Any) -> Stack:
    return strategies, world


def stacks(unit: float = 1.0) -> dict[str, Stack]:
    """By name. `unit` stretches what has to do with how long calls take; windows and periods stay."""

    def retry(**options: Any) -> Retry:
        return Retry(3, idempotent=True, **{"base": 0.05 * unit, "cap": 2.0 * unit, **options})

    def adaptive(algorithm: str, **options: Any) -> tuple[Any, ...]:
        return retry(), ConcurrencyLimit(20, algorithm=algorithm, **options)

    budget = Budget(0.1, per_second=0, burst=100)
    breaker = CircuitBreaker(0.5, window_calls=200, minimum_calls=200, open_for=5.0, probes=10)
    callers = [Caller(priority) for priority in PRIORITIES]
    wait = 0.05 * unit
    return {
        "no retry": stack(),
        "retry at once": stack(retry(base=0)),
        "retry": stack(retry()),
        "retry; the server drops what is given up": stack(retry(), drops=True),
        "retry; the server queues 50": stack(retry(), room=50),
        "retry with a budget": stack(retry(budget=budget)),
        "CircuitBreaker": stack(retry(), breaker),
        "Bulkhead(20)": stack(retry(), Bulkhead(20)),
        "Bulkhead(20, queue=20, wait=0.05)": stack(retry(), Bulkhead(20, queue=20, wait=wait)),
        "gradient2": stack(*adaptive("gradient2")),
        "gradient2, queue=20, wait=0.05": stack(*adaptive("gradient2", queue=20, wait=wait)),
        "gradient2, shed=0.5": stack(*adaptive("gradient2", shed=0.5), callers=callers),
        "vegas": stack(*adaptive("vegas")),
        "aimd": stack(*adaptive("aimd")),
        "aimd, slow_call=0.05": stack(*adaptive("aimd", slow_call=wait)),
    }


COLLAPSING = ("retry at once", "retry", "retry; the server drops what is given up")
SHEDDING = "gradient2, shed=0.5"
ADAPTIVE = ("gradient2", "gradient2, queue=20, wait=0.05", SHEDDING, "vegas", "aimd", "aimd, slow_call=0.05")
ALONE = ("gradient2", "vegas", "aimd", "aimd, slow_call=0.05")  # of these a whole day


def simulate(
    name: str, seed: int, *, seconds: int = MINUTES, trigger: Trigger = TRIGGER, share: float = 0.7, unit: int = 1
) -> World:
    """Some time with a stack; `share` is the load as a share of what the server can do, calls take `unit` × 10 ms."""
    strategies, world = stacks(unit)[name]
    policy = Policy("p", *strategies, Timeout(0.1 * unit), seed=seed)
    load = share * 1000 / unit
    return World(policy, seed, load=load, mean=MEAN * unit, trigger=trigger, **world).run(seconds)


def share(seconds: list[Second]) -> float:
    """What was served of what could have been."""
    return sum(second.good for second in seconds) / sum(second.possible for second in seconds)


class After(NamedTuple):
    """What a slowness leaves behind: shares of what was possible while it lasts, in the last 20 s and in all; attempts
    a call in the last 20 s; seconds until three in a row serve 95 % of the calls that came; the share of its work that
    the server did in vain; the least and the greatest limit."""

    during: float
    late: float
    whole: float
    amplification: float
    recovery: int | None
    wasted: float
    limits: tuple[int, int]


def after(world: World) -> After:
    seconds = world.seconds
    begin, length = world.trigger.begin, world.trigger.length
    late = seconds[-20:]
    well = [second.good >= 0.95 * second.calls for second in seconds]
    over = begin + length
    limits = [second.limit for second in seconds]
    return After(
        share(seconds[begin:over]),
        sum(second.good for second in late) / sum(second.calls for second in late),
        share(seconds),
        sum(second.attempts for second in late) / sum(second.calls for second in late),
        next((i - over for i in range(over, len(seconds) - 2) if all(well[i : i + 3])), None),
        sum(second.wasted for second in seconds) / sum(second.served for second in seconds),
        (min(limits), max(limits)),
    )


class Long(NamedTuple):
    """A long time: what was served of what could have been, in all and while the server was slow; the limit; how often
    it ran away, and how often the server stayed down (see `RUNAWAY`, `COLLAPSE`)."""

    whole: float
    slow: float
    least: int
    median: int
    most: int
    runaways: int
    collapses: int


def long(world: World) -> Long:
    seconds = world.seconds
    slow = [world.trigger.slowness(i * SECOND) > 1 for i in range(len(seconds))]
    limits = [second.limit for second in seconds]
    runaways = collapses = down = 0
    long_enough = COLLAPSE * world.mean // SECOND
    for i, second in enumerate(seconds):
        runaways += second.limit >= RUNAWAY and (i == 0 or limits[i - 1] < RUNAWAY)
        down = down + 1 if second.good < 0.5 * second.possible and not slow[i] else 0
        collapses += down == long_enough
    during = [second for second, is_slow in zip(seconds, slow, strict=True) if is_slow]
    return Long(share(seconds), share(during), min(limits), int(median(limits)), max(limits), runaways, collapses)
