"""WASM traps, by the words that Wasmtime and V8 have for them.

A trap leaves the instance in an unknown state: it is never used again, and what may help is a fresh one (retry
*elsewhere*). V8 has one message for a null function and a wrong signature, so both are BAD_SIGNATURE there.
"""

from backstay_core.failure import ConfigurationError, Failure

#  reason (Wasmtime's trap code, where it has one), kind, parts of messages
TRAPS = (
    ("STACK_OVERFLOW", "capacity", ("call stack exhausted", "maximum call stack size exceeded")),
    ("OUT_OF_FUEL", "capacity", ("all fuel consumed",)),
    ("ALLOCATION_TOO_LARGE", "capacity", ("allocation size too large",)),
    ("MEMORY_GROW", "capacity", ("memory.grow", "memory minimum size", "failed to grow memory")),
    ("BACKPRESSURE_OVERFLOW", "throttle", ("backpressure counter overflow",)),
    ("INTERRUPT", "timeout", ("wasm trap: interrupt",)),
    ("CANNOT_ENTER_COMPONENT", "state", ("cannot enter component instance",)),
    ("CANNOT_LEAVE_COMPONENT", "state", ("cannot leave component instance",)),
    ("CANNOT_BLOCK_SYNC_TASK", "state", ("cannot block a synchronous task",)),
    ("DISABLED_OPCODE", "unsupported", ("opcode disabled at compile time",)),
    ("MISSING_CAPABILITY", "permission", ("notcapable", "not-permitted")),
    ("BAD_CONVERSION_TO_INTEGER", "validation", ("invalid conversion to integer", "float unrepresentable in integer")),
    ("INVALID_CHAR", "validation", ("invalid `char` bit pattern",)),
    ("INVALID_DISCRIMINANT", "validation", ("invalid variant discriminant",)),
    ("STRING_OUT_OF_BOUNDS", "validation", ("string content out-of-bounds",)),
    ("LIST_OUT_OF_BOUNDS", "validation", ("list content out-of-bounds",)),
    ("UNALIGNED_POINTER", "validation", ("unaligned pointer",)),
    ("MEMORY_OUT_OF_BOUNDS", "internal", ("out of bounds memory access", "memory access out of bounds")),
    ("TABLE_OUT_OF_BOUNDS", "internal", ("out of bounds table access", "table index is out of bounds")),
    ("ARRAY_OUT_OF_BOUNDS", "internal", ("out of bounds array access", "array element access out of bounds")),
    ("INDIRECT_CALL_TO_NULL", "internal", ("uninitialized element",)),
    ("BAD_SIGNATURE", "internal", ("indirect call type mismatch", "null function or function signature mismatch")),
    ("INTEGER_DIVISION_BY_ZERO", "internal", ("divide by zero", "remainder by zero")),
    ("INTEGER_OVERFLOW", "internal", ("integer overflow", "divide result unrepresentable")),
    ("NULL_REFERENCE", "internal", ("null reference", "dereferencing a null pointer")),
    ("CAST_FAILURE", "internal", ("cast failure", "illegal cast")),
    ("HEAP_MISALIGNED", "internal", ("unaligned atomic", "operation does not support unaligned accesses")),
    ("ASYNC_DEADLOCK", "internal", ("deadlock detected",)),
    ("MISSING_IMPORT", "unsupported", ("unknown import", "imports argument must be", "imports, found 0")),
    (
        "MISSING_EXPORT",
        "missing",
        ("unknown export", "has no export", "no export named", "failed to find function"),
    ),
    ("LINK_ERROR", "validation", ("linkerror", "incompatible import type")),
    (
        "COMPILE_ERROR",
        "validation",
        ("failed to compile", "failed to parse", "compileerror", "invalid input webassembly"),
    ),
    ("UNREACHABLE", "internal", ("unreachable",)),
)

#  reasons whose module was never entered
_NOT_EXECUTED = ("CANNOT_ENTER_COMPONENT", "MISSING_IMPORT", "MISSING_EXPORT", "LINK_ERROR", "COMPILE_ERROR")

_ENDS = 4000  # characters looked at from each end of a long text; the backtrace in between names the guest's functions


def from_wasm_trap(text: str) -> Failure:
    """The failure that a trap is; `text` is its message, or the name of Wasmtime's trap code.

    A trap in other words is *internal* with the reason TRAP. Raises `ConfigurationError` unless `text` is text.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"a trap's message is text; got {type(text).__name__}")
    shown = text if len(text) <= 2 * _ENDS else text[:_ENDS] + "\n" + text[-_ENDS:]
    name, kind = _find(shown)
    executed = "no" if name in _NOT_EXECUTED else "maybe"
    retry = "elsewhere" if kind == "internal" else None
    return Failure(kind, shown[-2000:], retry=retry, executed=executed, reason=name, domain="wasm")


def _find(text: str) -> "tuple[str, str]":
    word = text.strip().rpartition(".")[2].upper()  # "TrapCode.UNREACHABLE" too
    lower = text.lower()
    for mark in ("wasm trap: ", "caused by:", ""):  # the cause says more than the backtrace before it
        _, found, after = lower.rpartition(mark) if mark else ("", "", lower)
        if mark and not found:
            continue
        for name, kind, parts in TRAPS:
            if word == name or any(part in (found + after) for part in parts):
                return name, kind
    if word == "INTERRUPT":
        return "INTERRUPT", "timeout"
    return "TRAP", "internal"
