"""Traps as Wasmtime really raises them."""

from typing import Any

import pytest

from backstay.errors import classify

wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed for this Python")

TRAPPING = {
    "UNREACHABLE": '(module (func (export "f") unreachable))',
    "INTEGER_DIVISION_BY_ZERO": '(module (func (export "f") (drop (i32.div_s (i32.const 1) (i32.const 0)))))',
    "INTEGER_OVERFLOW": '(module (func (export "f") (drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))))',
    "MEMORY_OUT_OF_BOUNDS": '(module (memory 1) (func (export "f") (drop (i32.load (i32.const 0x7fffffff)))))',
    "TABLE_OUT_OF_BOUNDS": """(module (table 1 funcref) (type $t (func))
        (func (export "f") (call_indirect (type $t) (i32.const 9))))""",
    "INDIRECT_CALL_TO_NULL": """(module (table 1 funcref) (type $t (func))
        (func (export "f") (call_indirect (type $t) (i32.const 0))))""",
    "BAD_SIGNATURE": """(module (table funcref (elem $g)) (type $t (func (param i32))) (func $g)
        (func (export "f") (call_indirect (type $t) (i32.const 0) (i32.const 0))))""",
    "BAD_CONVERSION_TO_INTEGER": '(module (func (export "f") (drop (i32.trunc_f32_s (f32.const nan)))))',
    "STACK_OVERFLOW": '(module (func $f (export "f") call $f))',
}
LOOP = '(module (func (export "f") (loop br 0)))'


def run(text: str, config: Any = None, prepare: Any = None) -> Any:
    """Run ``f`` of a module; returns what it raises."""
    engine = wasmtime.Engine(config or wasmtime.Config())
    store = wasmtime.Store(engine)
    try:
        if prepare is not None:
            prepare(engine, store)
        exports = wasmtime.Instance(store, wasmtime.Module(engine, text), []).exports(store)
        exports["f"](store)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("reason", TRAPPING)
def test_a_trap_by_its_code_and_by_its_text(reason: str):
    error = run(TRAPPING[reason])
    failure = classify(error)
    assert (failure.reason, failure.domain) == (reason, "wasm")
    by_text = classify(type("Trap", (Exception,), {"__module__": "wasmtime"})(str(error)))
    assert (by_text.reason, by_text.kind) == (reason, failure.kind)


def test_out_of_fuel():
    config = wasmtime.Config()
    config.consume_fuel = True
    failure = classify(run(LOOP, config, lambda _, store: store.set_fuel(1000)))
    assert (failure.kind, failure.reason) == ("capacity", "OUT_OF_FUEL")


def test_an_epoch_that_ends():
    config = wasmtime.Config()
    config.epoch_interruption = True

    def end(engine: Any, store: Any) -> None:
        store.set_epoch_deadline(1)
        engine.increment_epoch()

    failure = classify(run(LOOP, config, end))
    assert (failure.kind, failure.reason) == ("timeout", "INTERRUPT")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("(module (func i32.add))", "COMPILE_ERROR"), ('(module (import "a" "b" (func)))', "MISSING_IMPORT")],
)
def test_modules_that_cannot_run(text: str, reason: str):
    assert classify(run(text)).reason == reason
