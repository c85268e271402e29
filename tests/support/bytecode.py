"""Where the interpreter can switch to something else, read from bytecode.

On a build with a GIL another thread, a signal handler or a finalizer runs only where the evaluation loop polls (calls,
backward jumps, resumption) or where an object that the garbage collector tracks is allocated (3.11 collects there) or
destroyed. The instructions in `QUIET` do none of this with the operands that the kernel gives them: slots, integers,
booleans and None. What is not listed counts as a danger, so that an instruction of a later Python is looked at before
it is trusted.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType

BEGIN = "# -- straight line"
END = "# -- end"

QUIET = {
    *("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_LOAD_FAST", "STORE_FAST", "STORE_FAST_LOAD_FAST"),
    *("STORE_FAST_STORE_FAST", "LOAD_CONST", "LOAD_GLOBAL", "LOAD_ATTR", "STORE_ATTR", "LOAD_DEREF", "COPY_FREE_VARS"),
    *("BINARY_OP", "COMPARE_OP", "IS_OP", "UNARY_NOT", "UNARY_NEGATIVE", "UNARY_INVERT", "TO_BOOL"),
    *("POP_TOP", "COPY", "SWAP", "NOP", "CACHE", "EXTENDED_ARG", "PUSH_NULL"),
    *("JUMP_FORWARD", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE", "POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE"),
    *("POP_JUMP_FORWARD_IF_FALSE", "POP_JUMP_FORWARD_IF_TRUE"),
    *("POP_JUMP_FORWARD_IF_NONE", "POP_JUMP_FORWARD_IF_NOT_NONE"),
    *("JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP"),
    *("RETURN_VALUE", "RETURN_CONST"),  # the region ends early
}
CONDITIONAL_JUMPS = {name for name in QUIET if name.startswith(("POP_JUMP_IF", "JUMP_IF"))}


def regions(source: str) -> list[tuple[int, int]]:
    """The marked regions of a module: their first and last lines (from 1), without the marks."""
    found: list[tuple[int, int]] = []
    begin = 0
    for number, line in enumerate(source.splitlines(), 1):
        mark = line.strip()
        if mark.startswith(BEGIN):
            assert not begin, f"line {number}: a region within a region"
            begin = number
        elif mark.startswith(END):
            assert begin, f"line {number}: the end of no region"
            found.append((begin + 1, number - 1))
            begin = 0
    assert not begin, f"line {begin}: a region without an end"
    return found


def functions(code: CodeType) -> Iterator[CodeType]:
    """All functions in a module's code, nested ones too."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from functions(constant)


def is_quiet(instruction: dis.Instruction) -> bool:
    if instruction.opname in CONDITIONAL_JUMPS and instruction.argval < instruction.offset:
        return False  # a jump back polls
    return instruction.opname in QUIET


def dangers(source: str, name: str) -> tuple[int, list[str]]:
    """How many regions `source` has, and every place in them where something else may come in between."""
    marked = regions(source)
    touched = dict.fromkeys(marked, 0)
    found: list[str] = []
    for function in functions(compile(source, name, "exec")):
        for instruction in dis.get_instructions(function):
            position = instruction.positions
            line = position.lineno if position is not None else None
            region = next((r for r in marked if line is not None and r[0] <= line <= r[1]), None)
            if region is None:
                continue
            touched[region] += instruction.opname in ("LOAD_ATTR", "STORE_ATTR")
            if not is_quiet(instruction):
                what = f"{instruction.opname} {instruction.argrepr}".strip()
                found.append(f"{name}:{line}: {function.co_name}: {what}")
    found += [f"{name}:{region[0]}: nothing is read or written" for region, count in touched.items() if not count]
    return len(marked), found


def updates(code: CodeType, attributes: set[str]) -> Iterator[tuple[str, list[dis.Instruction]]]:
    """Each write of an attribute that was read before in the same function: its name, and what lies between."""
    read: dict[str, int] = {}
    instructions = list(dis.get_instructions(code))
    for i, instruction in enumerate(instructions):
        if instruction.argval in attributes and instruction.opname == "LOAD_ATTR":
            read[instruction.argval] = i
        elif instruction.argval in attributes and instruction.opname == "STORE_ATTR" and instruction.argval in read:
            yield instruction.argval, instructions[read[instruction.argval] : i + 1]
