"""What a decision costs inside the component: ``python -m benchmarks.wasm [COMPONENT]``. Prints; asserts nothing.

Times are of this thread's own processor time (a machine that is shared steals much of the wall clock), the least of
many rounds. Needs the `wasm` extra, and a component (``make wasm``).
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wasmtime import Store
from wasmtime.component import Func, Linker

import backstay
from backstay import Bulkhead, CircuitBreaker, Retry
from backstay_core.engine import Engine as CoreEngine
from backstay_wasm import Engine, Policy
from backstay_wasm.cache import Cache
from backstay_wasm.component import find
from backstay_wasm.instance import PACKAGE, Compiled, Instance
from backstay_wasm.recovery import FEWEST
from backstay_wasm.values import Limits

FOUR = [
    {"kind": "fallback"},
    {"kind": "retry", "attempts": 3},
    {"kind": "circuit_breaker", "window_calls": 100},
    {"kind": "bulkhead", "limit": 50},
]
DOCUMENT: dict[str, Any] = {
    "policies": [
        {"name": "none", "seed": 0, "strategies": []},
        {"name": "breaker", "seed": 0, "strategies": FOUR[2:3]},
        {"name": "four", "seed": 0, "strategies": FOUR},
    ]
}
NOW = 10**12


def least(function: Callable[[], object], times: int = 500, rounds: int = 15) -> float:
    """Microseconds of one call."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.thread_time_ns()
        for _ in range(times):
            function()
        best = min(best, (time.thread_time_ns() - begin) / times / 1000)
    return best


def show(what: str, value: float, unit: str = "µs", base: float | None = None) -> None:
    ratio = "" if base is None else f"{value / base:9.1f}×"
    print(f"  {what:58s}{value:10.1f} {unit}{ratio}")


def whole(engine: Any, policy: Any) -> Callable[[], object]:
    """Begin and the outcome: what a guarded call costs. The handle closes with the call."""

    def call() -> None:
        decision = engine.begin(policy, NOW)
        engine.step(decision.call, "ok", decision.token, now=NOW)

    return call


def core_whole(engine: CoreEngine, policy: int) -> Callable[[], object]:
    def call() -> None:
        handle, _, token, _, _ = engine.begin(policy, NOW, None, False)
        engine.step(handle, "ok", token, NOW, None)

    return call


def plain_whole(engine: Engine, policy: int) -> Callable[[], object]:
    """The same two calls by wasmtime-py as it comes."""
    store = Store(engine.compiled.compiler)
    store.set_epoch_deadline(10**9)
    inside = Linker(engine.compiled.compiler).instantiate(store, engine.compiled.component)

    def export(interface: str, name: str) -> Any:
        index = inside.get_export_index(store, name, inside.get_export_index(store, PACKAGE.format(interface)))
        assert index is not None
        function = inside.get_func(store, index)
        assert isinstance(function, Func)
        return function

    begin, step = export("calls", "begin"), export("calls", "step")
    export("configuration", "load")(store, json.dumps(DOCUMENT), 0)

    def call() -> None:
        decision = begin(store, policy, NOW, None, False, None).payload
        step(store, decision.call, "ok", decision.token, NOW, None)

    return call


def startup(path: Path) -> Compiled:
    print("Start")
    with tempfile.TemporaryDirectory() as place:
        store = Cache(Path(place) / "cache")
        begin = time.perf_counter_ns()
        Compiled(path, store=store)
        show("compile, and keep it", (time.perf_counter_ns() - begin) / 1e6, "ms")
        begin = time.perf_counter_ns()
        compiled = Compiled(path, store=store)
        show("load what was kept, its checksum included", (time.perf_counter_ns() - begin) / 1e6, "ms")
        show("compiled size", next(Path(place).rglob("*.cwasm")).stat().st_size / 1e6, "MB")
    show("component", path.stat().st_size / 1e6, "MB")

    def instance() -> None:
        Instance(compiled, Limits()).close()

    show("instantiate", least(instance, 20) / 1000, "ms")
    return compiled


def steps(engine: Engine) -> None:
    core = CoreEngine()
    core.load(json.dumps(DOCUMENT), 0)
    print("One step that changes nothing (wake)")
    call, native = engine.begin("four", NOW).call, core.begin(3, NOW, None, False)[0]
    base = least(lambda: core.step(native, "wake", 0, NOW, None))
    show("the core's engine, native", base)
    show("through the host library", least(lambda: engine.step(call, "wake", now=NOW)), base=base)
    inside = engine._inside.instance
    assert inside is not None
    show("  of which inside the instance", least(lambda: inside.call("step", (call, "wake", 0, NOW, None))))
    engine.close(call, NOW)
    for number, row in enumerate(DOCUMENT["policies"], 1):
        print(f"A whole call, begin and outcome: policy of {len(row['strategies'])}")
        base = least(core_whole(core, number))
        show("the core's engine, native", base)
        show("through the host library", least(whole(engine, row["name"])), base=base)
        show("through plain wasmtime-py", least(plain_whole(engine, number), 100), base=base)


def policies(engine: Engine) -> None:
    print("A guarded function, retry + breaker + bulkhead")
    parts = (Retry(3), CircuitBreaker(), Bulkhead(50))
    native, inside = backstay.Policy("x", *parts), Policy("x", *parts, engine=engine)
    base = least(lambda: native.call(int))
    show("backstay.Policy", base)
    show("backstay_wasm.Policy", least(lambda: inside.call(int)), base=base)


def recovery(engine: Engine) -> None:
    print(f"Recovery, {len(engine.names)} policies")
    engine._inside.take_snapshot()
    show("snapshot of everything", least(lambda: engine.snapshot(NOW), 50))
    show("replace an instance, empty journal", least(engine._inside.replace, 3) / 1000, "ms")
    call = engine.begin("four", NOW).call
    while len(engine._inside.journal) < FEWEST:
        engine.step(call, "wake", now=NOW)
    show(f"replace an instance, full journal ({FEWEST})", least(engine._inside.replace, 3) / 1000, "ms")
    engine.close(call, NOW)
    for _ in range(1000):
        engine.begin("none", NOW)
    engine._inside.take_snapshot()
    show("replace an instance, 1 000 calls in flight", least(engine._inside.replace, 1, 5) / 1000, "ms")


def used() -> int:
    """Bytes that this process alone has and has written to; 0 where the system does not say."""
    rollup = Path("/proc/self/smaps_rollup")
    if not rollup.exists():
        return 0
    line = next(line for line in rollup.read_text().splitlines() if line.startswith("Private_Dirty"))
    return int(line.split()[1]) * 1024


def weights(compiled: Compiled, number: int = 20) -> tuple[float, float]:
    """Bytes of an instance: never called, and after 100 calls."""
    before = used()
    kept = [Instance(compiled, Limits()) for _ in range(number)]
    unused = (used() - before) / number
    for instance in kept:
        instance.call("load", (json.dumps(DOCUMENT), 0))
        for _ in range(100):
            decision = instance.call("begin", (3, NOW, None, False, None))
            instance.call("step", (decision.call, "ok", decision.token, NOW, None))
    worn = (used() - before) / number
    for instance in kept:
        instance.close()
    return unused, worn


def memory(compiled: Compiled) -> None:
    print("Memory")
    unused, worn = weights(compiled)
    show("an instance that was never called", unused / 1000, "kB")
    show("an instance after 100 calls", worn / 1000, "kB")


def rate(engine_of: Callable[[], Engine], count: int, calls: int, share: bool) -> float:
    """Whole calls a second of `count` threads, on one engine or an engine each, by wall clock."""
    shared = engine_of()
    engines = [shared if share else engine_of() for _ in range(count)]

    def work(engine: Engine) -> None:
        call = whole(engine, "four")
        for _ in range(calls):
            call()

    workers = [threading.Thread(target=work, args=(engine,)) for engine in engines]
    begin = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - begin
    for engine in (*engines, shared):
        engine.shut()
    return count * calls / took


def threads(engine_of: Callable[[], Engine]) -> None:
    print("Whole calls a second, by wall clock (the machine's other work included)")
    for share in (True, False):
        for count in (1, 2, 4):
            show(
                f"{count} threads, {'one engine' if share else 'an engine each'}",
                rate(engine_of, count, 2000, share),
                "/s",
            )


def main(arguments: list[str]) -> int:
    path = find(arguments[0] if arguments else None)
    compiled = startup(path)

    def engine_of() -> Engine:
        return Engine.load(DOCUMENT, seed=0, component=path)

    engine = engine_of()
    steps(engine)
    policies(engine)
    recovery(engine)
    memory(compiled)
    threads(engine_of)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
