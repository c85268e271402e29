"""Values into a component and back, without wasmtime-py's own converters.

Those look up every type again at every call (50 µs), drop the tags of results, and wrap numbers that are too large.
Here the shapes of `wit/` are laid over the memory of the C API once: 8–12 µs a call. Numbers are checked before they
enter.

What a shape is written as: ``U`` u64, ``u`` u32, ``b`` bool, ``s`` string, ``e`` an event, ``O`` option<u64>, ``S``
option<string>; results: ``D`` a decision, ``U``, ``s``, or nothing (``-``).
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from ctypes import Structure, addressof, byref, c_bool, c_char, c_char_p, c_size_t, c_uint8, c_uint64, c_void_p
from typing import Any

from wasmtime import WasmtimeError
from wasmtime import _ffi as ffi
from wasmtime.component import Func

from backstay_core.documents import EngineError
from backstay_wasm.values import Decision

Value = ffi.wasmtime_component_val_t
SIZE = ctypes.sizeof(Value)
UNION: int = Value.of.offset
ENTRY = ctypes.sizeof(ffi.wasmtime_component_valrecord_entry)
FIELD: int = ffi.wasmtime_component_valrecord_entry.val.offset + UNION

TAGS = {
    "U": ffi.WASMTIME_COMPONENT_U64.value,
    "u": ffi.WASMTIME_COMPONENT_U32.value,
    "b": ffi.WASMTIME_COMPONENT_BOOL.value,
    "s": ffi.WASMTIME_COMPONENT_STRING.value,
    "e": ffi.WASMTIME_COMPONENT_ENUM.value,
    "O": ffi.WASMTIME_COMPONENT_OPTION.value,
    "S": ffi.WASMTIME_COMPONENT_OPTION.value,
    "D": ffi.WASMTIME_COMPONENT_RECORD.value,
}
RESULT = ffi.WASMTIME_COMPONENT_RESULT.value
MOST = {"U": 1 << 64, "u": 1 << 32, "O": 1 << 64}
ACTIONS = {name.encode(): name for name in ("none", "attempt", "substitute", "wait", "cancel", "complete", "fail")}
EVENTS = ("ok", "error", "wake", "abort")


class Text(Structure):
    _fields_ = (("size", c_size_t), ("data", c_char_p))


class View(Structure):
    """A text that the component made."""

    _fields_ = (("size", c_size_t), ("data", c_void_p))


class Answer(Structure):
    """A ``result``."""

    _fields_ = (("kind", c_uint8), ("_", c_char * (UNION - 1)), ("ok", c_bool), ("_2", c_char * 7), ("value", c_void_p))


class Payload(Structure):
    """What is in a result: a number, a text (`size`, `data`), or a record (`size`, and its entries at `data`)."""

    _fields_ = (("kind", c_uint8), ("_", c_char * (UNION - 1)), ("size", c_size_t), ("data", c_void_p))


_GAP = c_char * (ENTRY - 16)


class DecisionRecord(Structure):
    """The five fields of ``types.decision``, from the content of the first one on."""

    _fields_ = (
        *(("call", c_uint64), ("_", c_char * (ENTRY - 8))),
        *(("action", View), ("_2", _GAP)),
        *(("token", c_uint64), ("_3", c_char * (ENTRY - 8))),
        *(("time", c_uint64), ("_4", c_char * (ENTRY - 8))),
        ("more", c_void_p),
    )


class ErrorRecord(Structure):
    _fields_ = (("kind", View), ("_", _GAP), ("message", View))


class Trap(Exception):
    """The component did not return: this instance is unusable from now on."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def text_at(view: Any) -> str:
    return ctypes.string_at(view.data, view.size).decode()


def _number(name: str, most: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise EngineError("out-of-range", f"{name} must be a whole number; got {type(value).__name__}")
        if not 0 <= value < most:
            raise EngineError("out-of-range", f"{name} must be at least 0 and less than {most}; got {value}")
        return value

    return check


def encoded(name: str, value: Any, longest: int) -> bytes:
    """UTF-8 of a text that is not too long. Raises `EngineError`."""
    if not isinstance(value, str):
        raise EngineError("invalid-text", f"{name} must be text; got {type(value).__name__}")
    if len(value) > longest:
        raise EngineError("too-large", f"{name} has at most {longest} characters; got {len(value)}")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise EngineError("invalid-text", f"{name} is no text: {error}") from None


class Slot:
    """One argument: checks a value and writes it where the C API reads it."""

    __slots__ = ("check", "inner", "longest", "name", "of", "shape", "text")

    def __init__(self, shape: str, name: str, value: Any, longest: int) -> None:
        self.shape = shape
        self.name = name
        self.longest = longest
        self.check = _number(name, MOST.get(shape, 0))
        value.kind = TAGS[shape]
        self.of = value.of
        self.inner = Value()
        self.text: Any = None
        if shape in "se":
            self.text = Text.from_address(addressof(self.of))
        elif shape == "S":
            self.inner.kind = TAGS["s"]
            self.text = Text.from_address(addressof(self.inner) + UNION)
        elif shape == "O":
            self.inner.kind = TAGS["U"]

    def put(self, value: Any) -> None:
        shape = self.shape
        if shape == "U":
            self.of.u64 = self.check(value)
        elif shape == "u":
            self.of.u32 = self.check(value)
        elif shape == "b":
            self.of.boolean = bool(value)
        elif shape == "O":
            if value is None:
                self.of.option = None
            else:
                self.inner.of.u64 = self.check(value)
                self.of.option = ctypes.pointer(self.inner)
        elif value is None and shape == "S":
            self.of.option = None
        else:
            if shape == "e" and value not in EVENTS:
                raise EngineError("invalid-event", f"there is no event {value!r}; there are {', '.join(EVENTS)}")
            data = encoded(self.name, value, self.longest)
            self.text.data = data
            self.text.size = len(data)
            if shape == "S":
                self.of.option = ctypes.pointer(self.inner)


class Export:
    """One exported function of one instance. Not safe from several threads at once."""

    def __init__(self, context: Any, function: Func, params: tuple[tuple[str, str, int], ...], result: str) -> None:
        self._function = function  # keeps what `byref` refers to
        self._raw = byref(function._func)
        self._context = context
        self._count = len(params)
        self._args = (Value * len(params))()
        self._puts = [Slot(shape, name, self._args[i], longest).put for i, (shape, name, longest) in enumerate(params)]
        self._space = Value()
        self._space_ref = byref(self._space)
        self._answer = Answer.from_address(addressof(self._space))
        self._tag = TAGS.get(result)
        self._read = READERS[result]

    def __call__(self, *args: Any) -> Any:
        """Raises `EngineError` if the component says so or an argument cannot enter, `Trap` if it does not return."""
        for put, value in zip(self._puts, args, strict=True):
            put(value)
        error = CALL(self._raw, self._context, self._args, self._count, self._space_ref, 1)
        if error:
            raise trap_of(WasmtimeError._from_ptr(error))
        answer = self._answer
        try:
            if answer.kind != RESULT:
                raise Trap("trap", f"the component answered with a value of kind {answer.kind}")
            if not answer.value:
                if self._tag is not None or not answer.ok:
                    raise Trap("trap", "the component answered with nothing")
                return None
            payload = Payload.from_address(answer.value)
            if answer.ok:
                if payload.kind != self._tag:
                    raise Trap("trap", f"the component answered with a value of kind {payload.kind}")
                return self._read(payload)
            record = ErrorRecord.from_address(payload.data + FIELD)
            raise EngineError(text_at(record.kind), text_at(record.message))
        finally:
            DELETE(self._space_ref)
            answer.kind = 0  # the next call would free it a second time


def _decision(payload: Any) -> Decision:
    record = DecisionRecord.from_address(payload.data + FIELD)
    action = record.action
    more = record.more
    return Decision(
        record.call,
        ACTIONS[ctypes.string_at(action.data, action.size)],
        record.token,
        record.time,
        json.loads(text_at(Payload.from_address(more))) if more else None,
    )


def _size(payload: Any) -> int:
    size: int = payload.size
    return size


READERS: dict[str, Callable[[Any], Any]] = {"D": _decision, "U": _size, "s": text_at, "-": _size}
CALL: Any = ffi.dll.wasmtime_component_func_call
DELETE: Any = ffi.dll.wasmtime_component_val_delete


def trap_of(error: WasmtimeError) -> Trap:
    """Why the component did not return. wasmtime-py gives text only."""
    text = str(error)
    last = text.strip().splitlines()[-1].strip() if text.strip() else "no message"
    if "all fuel consumed" in text:
        return Trap("fuel", last)
    return Trap("deadline" if "wasm trap: interrupt" in text else "trap", last)
