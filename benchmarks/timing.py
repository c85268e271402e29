"""How long a call takes: all contestants of a case in turn, many rounds, the quickest round counts.

A machine that is disturbed gets slower, never faster, so the minimum is what the code costs; and what drifts (clock
speed, say) meets all contestants of a round alike, so ratios within a run can be compared where times cannot. A round
is shorter than the slices in which a busy machine hands out its processors, so that some rounds of each contestant are
undisturbed: with 5 ms, the same code measured 25 % apart on two cores with seven busy processes, with 0.4 ms 2 %. The
loop's own few nanoseconds are part of every number.
"""

from __future__ import annotations

import gc
import inspect
from itertools import repeat
from time import perf_counter_ns
from typing import Any, NamedTuple
from unittest.mock import patch

from benchmarks.baselines import KEY, Unavailable
from benchmarks.cases import FAILS, RAISE, REFUSED, RETURNS, Case, Contestant


class Effort(NamedTuple):
    runs: int
    rounds: int
    milliseconds: float  # for each contestant and round
    tries: int  # of what is not a time per call: imports, compiling, simulations


FULL = Effort(runs=3, rounds=300, milliseconds=0.4, tries=25)
QUICK = Effort(runs=1, rounds=20, milliseconds=0.2, tries=3)


class WrongOutcome(Exception):
    """A contestant does something else than it is measured for."""


def _once(call: Any, times: int) -> int:
    loop = repeat(None, times)
    begin = perf_counter_ns()
    for _ in loop:
        try:
            call(KEY)
        except Exception:
            pass
    return perf_counter_ns() - begin


async def _aonce(call: Any, times: int) -> int:
    loop = repeat(None, times)
    begin = perf_counter_ns()
    for _ in loop:
        try:
            await call(KEY)
        except Exception:
            pass
    return perf_counter_ns() - begin


async def _sample(case: Case, contestant: Contestant, times: int) -> float:
    """Nanoseconds a call, over about `times` calls."""
    most = contestant.most or times
    spent = done = 0
    while done < times:
        if contestant.renew is not None:
            contestant.renew()
        part = min(most, times - done)
        spent += await _aonce(contestant.call, part) if case.asynchronous else _once(contestant.call, part)
        done += part
    return spent / done


async def outcome(case: Case, contestant: Contestant) -> str:
    if contestant.renew is not None:
        contestant.renew()
    try:
        result = contestant.call(KEY)
        if case.asynchronous:
            await result
    except Unavailable:
        return FAILS
    except Exception:
        return REFUSED
    return RETURNS


async def _check(case: Case, name: str, contestant: Contestant, ends: str) -> None:
    ended = await outcome(case, contestant)
    if ended != ends:
        raise WrongOutcome(f"{case.key}: a call of {name} should end as {ends!r}, not as {ended!r}")


async def ready(case: Case, made: Any) -> Contestant:
    """What a factory made, as a contestant."""
    if inspect.isawaitable(made):
        made = await made
    return made if isinstance(made, Contestant) else Contestant(made)


async def measure(case: Case, contestants: dict[str, Contestant], effort: Effort) -> dict[str, float]:
    """Nanoseconds a call by contestant; the first one is the baseline.

    ``time.sleep`` does nothing meanwhile: some peers call it for a pause of no length, which costs more than all else.
    """
    with patch("time.sleep", _no_sleep):
        return await _measure(case, contestants, effort)


def _no_sleep(seconds: float) -> None:
    pass


async def _measure(case: Case, contestants: dict[str, Contestant], effort: Effort) -> dict[str, float]:
    baseline = next(iter(contestants))
    ends = dict.fromkeys(contestants, case.ends)
    if case.against == RAISE:
        ends[baseline] = FAILS
    times: dict[str, int] = {}
    for name, contestant in contestants.items():
        await _check(case, name, contestant, ends[name])
        await _sample(case, contestant, 20)
        times[name] = max(10, int(effort.milliseconds * 1e6 / max(1.0, await _sample(case, contestant, 50))))
    best = dict.fromkeys(contestants, float("inf"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(effort.rounds):
            for name, contestant in contestants.items():
                best[name] = min(best[name], await _sample(case, contestant, times[name]))
    finally:
        gc.enable()
    for name, contestant in contestants.items():
        await _check(case, name, contestant, ends[name])
    return best
