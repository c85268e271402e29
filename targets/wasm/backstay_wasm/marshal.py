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
EVENTS = {name: name.encode() for name in ("ok", "error", "wake", "abort")}


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


def writer(shape: str, name: str, value: Any, longest: int) -> Callable[[Any], None]:
    """Checks an argument and writes it into `value`, where the C API reads it."""
    value.kind = TAGS[shape]
    inner = Value()
    of = value.of
    most = MOST.get(shape, 0)
    target = c_uint64.from_address(addressof(of))
    if shape == "O":
        inner.kind = TAGS["U"]
        target = c_uint64.from_address(addressof(inner) + UNION)
    elif shape == "S":
        inner.kind = TAGS["s"]
    text = Text.from_address(addressof(inner if shape == "S" else value) + UNION)
    option = c_void_p.from_address(addressof(of))
    present = addressof(inner)

    def number(given: Any) -> None:
        if type(given) is not int or not 0 <= given < most:
            raise out_of_range(name, given, most)
        target.value = given

    def flag(given: Any) -> None:
        of.boolean = bool(given)

    def string(given: Any) -> None:
        data = encoded(name, given, longest)
        text.data = data
        text.size = len(data)

    def event(given: Any) -> None:
        data = EVENTS.get(given) if isinstance(given, str) else None
        if data is None:
            raise EngineError("invalid-event", f"there is no event {given!r}; there are {', '.join(EVENTS)}")
        text.data = data
        text.size = len(data)

    def optional(given: Any) -> None:
        if given is None:
            option.value = None
        else:
            (number if shape == "O" else string)(given)
            option.value = present

    writers: dict[str, Callable[[Any], None]] = {"b": flag, "s": string, "e": event, "O": optional, "S": optional}
    write = writers.get(shape, number)
    write.memory = inner, value  # type: ignore[attr-defined]  # what the addresses point into lives as long
    return write


def out_of_range(name: str, given: Any, most: int) -> EngineError:
    if isinstance(given, bool) or not isinstance(given, int):
        return EngineError("out-of-range", f"{name} must be a whole number; got {type(given).__name__}")
    return EngineError("out-of-range", f"{name} must be at least 0 and less than {most}; got {str(given)[:40]}")


class Export:
    """One exported function of one instance. Not safe from several threads at once."""

    def __init__(self, context: Any, function: Func, params: tuple[tuple[str, str, int], ...], result: str) -> None:
        self._function = function  # keeps what `byref` refers to
        self._raw = byref(function._func)
        self._context = context
        self._count = len(params)
        self._args = (Value * len(params))()
        self._puts = tuple(
            writer(shape, name, self._args[i], longest) for i, (shape, name, longest) in enumerate(params)
        )
        self._space = Value()
        self._space_ref = byref(self._space)
        self._answer = Answer.from_address(addressof(self._space))
        self._tag = TAGS.get(result)
        self._read = READERS[result]

    def __call__(self, *args: Any) -> Any:
        """Raises `EngineError` if the component says so or an argument cannot enter, `Trap` if it does not return."""
        for put, value in zip(self._puts, args):  # noqa: B905 - strict costs a tenth of a microsecond
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
