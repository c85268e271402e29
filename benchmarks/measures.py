"""What is not a time per call: imports, compiling, memory, simulated calls a second."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import sysconfig
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any, NamedTuple

import backstay
import backstay_core
from backstay import CircuitBreaker, Policy, Retry, Timeout
from backstay.environments import detect
from backstay.errors import classify
from backstay_core.failure import OK, Failure
from benchmarks import stacks
from benchmarks.baselines import KEY
from benchmarks.simulation import simulated_rate
from benchmarks.timing import Effort

SERIAL = count()
KERNEL = ("backstay_core.policy", "backstay_core.execution")

#  nothing of this may be loaded by `import backstay`
SLOW_TO_IMPORT = ("asyncio", "threading", "dataclasses", "typing", "inspect", "logging")

IMPORTING = """
import sys
sys.path[:0] = {folders!r}
from time import perf_counter_ns
from types import SimpleNamespace
before = set(sys.modules)
begin = perf_counter_ns()
import {modules}
took = perf_counter_ns() - begin
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps([took / 1e6, loaded]))
"""


class Value(NamedTuple):
    """The best of a run, and what to say about it."""

    value: float
    note: str = ""


def imported(modules: tuple[str, ...], times: int) -> tuple[float, list[str]]:
    """The quickest of several imports in milliseconds, each in an interpreter of its own, and the modules it loads.

    The interpreter is bare: ``-S`` leaves `site` out, because files in site-packages may import things at the
    start that would then seem to cost nothing. The first import writes the bytecode and does not count.
    """
    paths = sysconfig.get_paths()
    folders = [Path(package.__file__ or "").parents[1] for package in (backstay, backstay_core)]
    folders += [Path(paths["purelib"]), Path(paths["platlib"])]
    code = IMPORTING.format(folders=[str(folder) for folder in folders], modules=", ".join(modules))
    found = []
    for _ in range(times + 1):
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        milliseconds, loaded = json.loads(done.stdout)
        found.append((float(milliseconds), list(loaded)))
    return min(found[1:])


def importing(modules: tuple[str, ...], effort: Effort) -> Value:
    milliseconds, loaded = imported(modules, effort.tries)
    slow = [name for name in SLOW_TO_IMPORT if name in loaded]
    return Value(
        milliseconds, f"{len(loaded)} modules; {'loads ' + ', '.join(slow) if slow else 'none of the slow ones'}"
    )


def help_of_the_command(effort: Effort) -> Value:
    """How much longer `backstay --help` takes than an interpreter that does nothing, both as whole processes."""
    nothing, command = (
        min(process([sys.executable, *arguments]) for _ in range(min(effort.rounds, 10) + 1))
        for arguments in (("-c", "pass"), ("-m", "backstay", "--help"))
    )
    return Value(command - nothing, f"{nothing:.0f} ms for the interpreter alone")


def process(command: list[str]) -> float:
    """Milliseconds that a program takes, with its bytecode written down."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = perf_counter_ns()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    return (perf_counter_ns() - begin) / 1e6


def unseen(policy: Policy, header: str) -> Any:
    """A guarded function whose parameter no function had before, so that its frame can share no code."""
    parameter = f"argument{next(SERIAL)}"
    scope: dict[str, Any] = {}
    exec(f"{header} guarded({parameter}): return {parameter}", scope)
    return policy(scope["guarded"])


def compiling(effort: Effort) -> Value:
    """The first call, which compiles."""
    best = float("inf")
    guarded = None
    for _ in range(effort.tries):
        guarded = unseen(stacks.four(), "def")
        gc.disable()
        begin = perf_counter_ns()
        guarded(KEY)
        took = perf_counter_ns() - begin
        gc.enable()
        best = min(best, took / 1e6)
    return Value(best, lines_of(guarded))


def compiling_async(effort: Effort) -> Value:
    async def rounds() -> Value:
        best = float("inf")
        guarded = None
        for _ in range(effort.tries):
            guarded = unseen(stacks.six(), "async def")
            gc.disable()
            begin = perf_counter_ns()
            await guarded(KEY)
            took = perf_counter_ns() - begin
            gc.enable()
            best = min(best, took / 1e6)
        return Value(best, lines_of(guarded))

    return asyncio.run(rounds())


def lines_of(guarded: Any) -> str:
    return f"{len(guarded.__source__.splitlines())} lines"


def weighed(make: Callable[[int], Any], number: int = 1000) -> float:
    """Bytes of one object and all that only it holds, by tracemalloc over many."""
    kept = [make(i) for i in range(20)]
    gc.collect()
    places: list[Any] = [None] * number
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for i in range(number):
        places[i] = make(10_000 + i)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept, places
    return (after - before) / number


def breaker_memory(effort: Effort) -> Value:
    """A breaker's state with a worn window. Its options are not counted: breakers of one kind share them."""
    options = CircuitBreaker()
    failure = Failure("unavailable")
    seed = 1 << 63  # a policy gives 64 random bits

    def worn(number: int) -> Any:
        state = options.state(seed + number)
        for i in range(100):
            permit: Any = state.admit(0)
            verdict = state.judge(failure, 0) if i % 20 == 19 else OK
            state.settle(permit, 0, verdict)
        return state

    return Value(weighed(worn), f"{weighed(lambda i: options.state(seed + i)):.0f} B when new")


def key_memory(effort: Effort) -> Value:
    """A key of a keyed policy after a call that succeeded. The key itself is not counted: the caller has it."""
    keyed = Policy("keyed", Timeout(5.0), Retry(), CircuitBreaker(), Timeout(1.0)).keyed(most=1_000_000)
    keyed.of("warm").call(len, "warm")
    names = [f"host-{number:06}.example.com" for number in range(60_000)]
    return Value(weighed(lambda i: keyed.of(names[i]).call(len, names[i]), 40_000), "with Timeout, Retry and breaker")


class Answered(Exception):
    """As HTTP libraries raise it: the response is an attribute."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(status)
        self.response = SimpleNamespace(status_code=status, headers=headers)


REMEMBERED = ("one that carries nothing", "an errno")
ERRORS = {
    "one that carries nothing": ConnectionResetError(),
    "an errno": OSError(110, "timed out"),
    "an HTTP status and Retry-After": Answered(503, {"Retry-After": "3"}),
}


def classifying(effort: Effort) -> Value:
    """The dearer of those that are remembered, by class or errno. A response is looked at each time: see the note."""
    best = dict.fromkeys(ERRORS, float("inf"))
    for _ in range(effort.rounds):
        for name, error in ERRORS.items():
            begin = perf_counter_ns()
            for _ in range(50):
                classify(error)
            best[name] = min(best[name], (perf_counter_ns() - begin) / 50 / 1000)
    remembered = [best[name] for name in REMEMBERED]
    return Value(max(remembered), "; ".join(f"{name}: {took:.2f} µs" for name, took in best.items()))


def detecting(effort: Effort) -> Value:
    """All questions of detection, asked anew each time; without the import."""
    found = detect()
    best = float("inf")
    for _ in range(effort.tries):
        begin = perf_counter_ns()
        detect()
        best = min(best, (perf_counter_ns() - begin) / 1e6)
    return Value(best, " in ".join(found.environments))


def simulating(effort: Effort) -> Value:
    return Value(max(simulated_rate(40 * effort.tries) for _ in range(min(effort.tries, 10))))


class Measure(NamedTuple):
    key: str
    title: str
    unit: str
    measure: Callable[[Effort], Value]
    most: bool = False  # more is better
    needs: Callable[[], str] | None = None  # what is missing on this machine; empty if nothing is


MEASURES = (
    Measure("import-kernel", "import the kernel of `backstay_core`", "ms", partial(importing, KERNEL)),
    Measure("import-backstay", "`import backstay`", "ms", partial(importing, ("backstay",))),
    Measure("command-help", "`backstay --help`, more than a bare interpreter", "ms", help_of_the_command),
    Measure("compile-sync", "compile a frame: sync four", "ms", compiling),
    Measure("compile-async", "compile a frame: async six", "ms", compiling_async),
    Measure("memory-breaker", "memory of one breaker's state", "B", breaker_memory),
    Measure("memory-key", "memory of one key of a keyed policy", "B", key_memory),
    Measure("classify", "classify an exception that is remembered", "µs", classifying),
    Measure("detect", "find out in which runtime environment this is", "ms", detecting),
    Measure("simulated", "simulated calls of the four in virtual time", "calls/s", simulating, most=True),
)
