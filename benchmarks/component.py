"""What the WASM component costs, as rows of the results. `benchmarks.wasm` measures; it needs wasmtime."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measures import Measure, Value
from benchmarks.timing import Effort

HOW = "needs `make wasm`"


def missing() -> str:
    """Why nothing of this can be measured here; empty if it can."""
    if find_spec("wasmtime") is None:
        return HOW
    try:
        import_module("backstay_wasm.component").find()
    except Exception:
        return HOW
    return ""


@lru_cache(maxsize=1)
def inside() -> Any:
    """`benchmarks.wasm`."""
    return import_module("benchmarks.wasm")


@lru_cache(maxsize=1)
def engine() -> Any:
    """One engine for all rows, with the policies of `benchmarks.wasm`."""
    bench = inside()
    return bench.Engine.load(bench.DOCUMENT, seed=0)


def least(effort: Effort, function: Callable[[], object], times: int = 200) -> float:
    """Microseconds of one call, by this thread's processor time."""
    found: float = inside().least(function, times, max(3, effort.rounds // 10))
    return found


def step(effort: Effort) -> Value:
    bench, inner = inside(), engine()
    call = inner.begin("four", bench.NOW).call
    try:
        return Value(
            least(effort, lambda: inner.step(call, "wake", now=bench.NOW)), "changes nothing; a policy of four"
        )
    finally:
        inner.close(call, bench.NOW)


def call(effort: Effort, policy: str = "four") -> Value:
    return Value(least(effort, inside().whole(engine(), policy)), f"begin and outcome; policy: {policy}")


def plain(effort: Effort) -> Value:
    return Value(least(effort, inside().plain_whole(engine(), 3), 50), "the same by wasmtime-py as it comes")


def guarded(effort: Effort) -> Value:
    bench = inside()
    parts = (bench.Retry(3), bench.CircuitBreaker(), bench.Bulkhead(50))
    policy, native = bench.Policy("guarded", *parts, engine=engine()), bench.backstay.Policy("guarded", *parts)
    took = least(effort, lambda: native.call(int))
    return Value(least(effort, lambda: policy.call(int)), f"retry, breaker, bulkhead; native: {took:.2f} µs")


def start(effort: Effort) -> Value:
    bench = inside()
    compiled = engine().compiled
    return Value(least(effort, lambda: bench.Instance(compiled, bench.Limits()).close(), 10) / 1000)


def load(effort: Effort) -> Value:
    """Once for each run: compiling takes seconds."""
    bench = inside()
    with tempfile.TemporaryDirectory() as place:
        store = bench.Cache(Path(place) / "cache")
        begin = time.perf_counter()
        bench.Compiled(bench.find(), store=store)
        compiling = time.perf_counter() - begin
        begin = time.perf_counter()
        bench.Compiled(bench.find(), store=store)
        took = (time.perf_counter() - begin) * 1000
        size = next(Path(place).rglob("*.cwasm")).stat().st_size / 1e6
    return Value(took, f"checksum included; compiling it: {compiling:.1f} s, to {size:.1f} MB")


def replace(effort: Effort, inputs: int = 0) -> Value:
    bench, inner = inside(), engine()
    inner._inside.take_snapshot()
    call = inner.begin("four", bench.NOW).call
    while len(inner._inside.journal) < inputs:
        inner.step(call, "wake", now=bench.NOW)
    try:
        return Value(
            least(effort, inner._inside.replace, 2) / 1000, f"state restored; {inputs} inputs since the snapshot"
        )
    finally:
        inner.close(call, bench.NOW)


def full_journal(effort: Effort) -> Value:
    return replace(effort, inside().FEWEST)


def memory(effort: Effort) -> Value:
    bench = inside()
    unused, used = bench.weights(engine().compiled)
    return Value(used / 1e6, f"after 100 calls; never called: {unused / 1e6:.2f} MB")


def build(effort: Effort) -> Value:
    try:
        builder = import_module("backstay_wasm.build")
        with tempfile.TemporaryDirectory() as place:
            begin = time.perf_counter()
            path = builder.build(Path(place) / "engine.wasm")
            took = time.perf_counter() - begin
            return Value(took, f"the component: {path.stat().st_size / 1e6:.1f} MB")
    except Exception as error:
        return Value(float("nan"), str(error))


def threads(effort: Effort) -> Value:
    bench = inside()
    calls = 2000 if effort.runs > 1 else 200
    rates = [
        bench.rate(lambda: bench.Engine.load(bench.DOCUMENT, seed=0), count, calls, share=False) for count in (1, 2, 4)
    ]
    return Value(
        rates[0],
        "an engine each: " + ", ".join(f"{rate:,.0f} with {n}" for n, rate in zip((1, 2, 4), rates, strict=True)),
    )


COMPONENT = (
    Measure("wasm-step", "WASM: one step through the host library", "µs", step, needs=missing),
    Measure("wasm-call", "WASM: a whole call, four strategies", "µs", call, needs=missing),
    Measure("wasm-plain", "WASM: a whole call, plain wasmtime-py", "µs", plain, needs=missing),
    Measure("wasm-guarded", "WASM: a guarded Python function", "µs", guarded, needs=missing),
    Measure("wasm-start", "WASM: instantiate", "ms", start, needs=missing),
    Measure("wasm-load", "WASM: load what was compiled", "ms", load, needs=missing),
    Measure("wasm-replace", "WASM: replace an instance", "ms", replace, needs=missing),
    Measure("wasm-replace-full", "WASM: replace an instance, full journal", "ms", full_journal, needs=missing),
    Measure("wasm-memory", "WASM: memory of an instance", "MB", memory, needs=missing),
    Measure("wasm-threads", "WASM: whole calls a second, one thread", "calls/s", threads, most=True, needs=missing),
    Measure("wasm-build", "WASM: build the component", "s", build, needs=missing),
)
