"""Compiled components and their instances."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wasmtime import Config, Store, WasiConfig, WasmtimeError
from wasmtime import Engine as Compiler
from wasmtime import _ffi as ffi
from wasmtime.component import Component, Func, Linker

from backstay_core.documents import LONGEST_CONFIGURATION, LONGEST_DETAIL, LONGEST_SNAPSHOT
from backstay_wasm import cache, marshal
from backstay_wasm.ticker import Ticker, ticks
from backstay_wasm.values import IncompatibleComponent, Limits

PACKAGE = "backstay:reliability/{}@0.1.0"
WORD = 100  # characters of a command or a mode

_NOW = ("U", "now", 0)
_WALL = ("O", "wall", 0)
_POLICY = ("U", "policy", 0)
_SNAPSHOT = ("s", "snapshot", LONGEST_SNAPSHOT)
_MODE = ("s", "mode", WORD)

#  interface, function, arguments, result, does it take long?
EXPORTS: tuple[tuple[str, str, tuple[tuple[str, str, int], ...], str, bool], ...] = (
    ("configuration", "load", (("s", "document", LONGEST_CONFIGURATION), ("U", "seed", 0)), "U", True),
    ("configuration", "unload", (_POLICY,), "-", False),
    (
        *("calls", "begin"),
        (_POLICY, _NOW, ("O", "deadline", 0), ("b", "queue", 0), ("S", "caller", LONGEST_DETAIL)),
        *("D", False),
    ),
    (
        *("calls", "step"),
        (("U", "call", 0), ("e", "event", 10), ("U", "token", 0), _NOW, ("S", "detail", LONGEST_DETAIL)),
        *("D", False),
    ),
    ("calls", "close", (("U", "call", 0), _NOW), "D", False),
    ("state", "snapshot-policy", (_POLICY, _NOW, _WALL), "s", True),
    ("state", "restore-policy", (_POLICY, _SNAPSHOT, _MODE, _NOW, _WALL), "-", True),
    ("state", "snapshot", (_NOW, _WALL), "s", True),
    ("state", "restore", (_SNAPSHOT, _MODE, _NOW, _WALL), "-", True),
    ("operation", "control", (_POLICY, ("u", "position", 0), ("s", "command", WORD), _NOW), "-", False),
    ("operation", "report", (_NOW,), "s", True),
)


class Compiled:
    """A component, compiled for this process; its instances share the code and the ticker."""

    def __init__(self, path: Path, *, fuel: bool = False, debug: bool = False, store: cache.Cache | None) -> None:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise IncompatibleComponent(f"{path} cannot be read: {error}") from None
        config = Config()
        config.epoch_interruption = True
        config.consume_fuel = fuel
        self.fuel = fuel
        self.debug = debug
        self.compiler = Compiler(config)
        self.ticker = Ticker(self.compiler.increment_epoch)
        self.cached = False
        name = cache.key(content, version("wasmtime"), f"epoch fuel={fuel}", cache.processor())
        self.component = self._load(content, name, store)
        self._check()
        self.linker = Linker(self.compiler)
        if debug:
            self.linker.add_wasip2()

    def _load(self, content: bytes, name: str, store: cache.Cache | None) -> Component:
        found = None if store is None else store.find(name)
        if found is not None:
            try:
                component = Component.deserialize_file(self.compiler, str(found))
            except WasmtimeError:
                pass  # whole, and yet not for this wasmtime
            else:
                self.cached = True
                return component
        try:
            component = Component(self.compiler, content)
        except WasmtimeError as error:
            raise IncompatibleComponent(f"this is no component that can be compiled: {_line(error)}") from None
        if store is not None:
            store.put(name, component.serialize())
        return component

    def _check(self) -> None:
        imports = sorted(self.component.type.imports(self.compiler))
        foreign = [name for name in imports if not (self.debug and name.startswith("wasi:"))]
        if foreign:
            raise IncompatibleComponent(f"an engine imports nothing; this one wants {', '.join(foreign)}")
        for interface, function, *_ in EXPORTS:
            index = self.component.get_export_index(PACKAGE.format(interface))
            if index is None or self.component.get_export_index(function, index) is None:
                exports = ", ".join(sorted(self.component.type.exports(self.compiler))) or "nothing"
                raise IncompatibleComponent(f"it lacks {PACKAGE.format(interface)} {function}; it exports {exports}")


class Instance:
    """One instance: its exports by name, each with its deadline. Not safe from several threads at once."""

    def __init__(self, compiled: Compiled, limits: Limits) -> None:
        self.compiled = compiled
        self.limits = limits
        self.ticks = ticks(limits.deadline)
        self.store = Store(compiled.compiler)
        self.store.set_limits(memory_size=limits.memory)
        if compiled.debug:
            wasi = WasiConfig()
            wasi.inherit_stderr()
            self.store.set_wasi(wasi)
        self._context = self.store._context()
        self._deadline: Callable[..., object] = ffi.dll.wasmtime_context_set_epoch_deadline
        self.functions: dict[str, tuple[marshal.Export, bool]] = {}
        self.patience = 1  # times the deadline and the fuel
        self._fuel = limits.fuel is not None
        self._arm(10)
        compiled.ticker.note()
        try:
            inside = compiled.linker.instantiate(self.store, compiled.component)
        except WasmtimeError as error:
            raise IncompatibleComponent(f"it cannot be started: {_line(error)}") from None
        for interface, name, params, result, long in EXPORTS:
            parent = inside.get_export_index(self.store, PACKAGE.format(interface))
            index = inside.get_export_index(self.store, name, parent)
            function = None if index is None else inside.get_func(self.store, index)
            if not isinstance(function, Func):
                raise IncompatibleComponent(f"{name} is no function")
            self.functions[name] = (marshal.Export(self._context, function, params, result), long)

    def _arm(self, times: int) -> None:
        self._deadline(self._context, self.ticks * times)
        if self.limits.fuel is not None:
            self.store.set_fuel(self.limits.fuel * times)

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """Raises `EngineError`, or `marshal.Trap`, after which this instance is of no use."""
        function, long = self.functions[name]
        self.compiled.ticker.note()
        times = 10 * self.patience if long else self.patience
        if times > 1 or self._fuel:
            self._arm(times)
        else:
            self._deadline(self._context, self.ticks)
        return function(*args)

    def close(self) -> None:
        """Give the memory back."""
        self.functions.clear()
        self.store.close()


_COMPILED: dict[tuple[Any, ...], Compiled] = {}
_LOCK = threading.Lock()


def compiled(path: Path, *, fuel: bool, debug: bool, store: cache.Cache | None) -> Compiled:
    """The compiled component at `path`, shared by all engines of this process."""
    try:
        info = path.stat()
    except OSError as error:
        raise IncompatibleComponent(f"{path} cannot be read: {error}") from None
    where = (str(path.resolve()), info.st_mtime_ns, info.st_size, fuel, debug)
    with _LOCK:
        found = _COMPILED.get(where)
        if found is None:
            found = _COMPILED[where] = Compiled(path, fuel=fuel, debug=debug, store=store)
        return found


def _line(error: WasmtimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:1] + lines[-1:]) if len(lines) > 1 else "".join(lines)
