"""A function's own signature, as text, from its code object: no `inspect`, no defaults written out."""

from __future__ import annotations

from keyword import iskeyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PREFIX = "_bs_"  # every name that a frame uses begins with it, so none can be one of the function's
ANYTHING = ("*_bs_args, **_bs_kwargs", "*_bs_args, **_bs_kwargs")
CO_VARARGS, CO_VARKEYWORDS = 0x04, 0x08


def signature_of(function: Any) -> tuple[str, str] | None:
    """(parameters, arguments) such that ``def frame(parameters): function(arguments)`` hands everything on.

    None for callables without a code object of their own, and for parameters that use our prefix: take `ANYTHING`.
    """
    code = getattr(function, "__code__", None) if type(function).__name__ == "function" else None
    if code is None:
        return None
    names: tuple[str, ...] = code.co_varnames
    positional, keyword_only, flags = code.co_argcount, code.co_kwonlyargcount, code.co_flags
    used = positional + keyword_only + bool(flags & CO_VARARGS) + bool(flags & CO_VARKEYWORDS)
    if any(
        name.startswith((PREFIX, "_" + PREFIX)) or not name.isidentifier() or iskeyword(name) for name in names[:used]
    ):
        return None
    parameters = list(names[:positional])
    arguments = list(names[:positional])
    if code.co_posonlyargcount:
        parameters.insert(code.co_posonlyargcount, "/")
    following = positional + keyword_only
    if flags & CO_VARARGS:
        parameters.append("*" + names[following])
        arguments.append("*" + names[following])
        following += 1
    elif keyword_only:
        parameters.append("*")
    for name in names[positional : positional + keyword_only]:
        parameters.append(name)
        arguments.append(f"{name}={name}")
    if flags & CO_VARKEYWORDS:
        parameters.append("**" + names[following])
        arguments.append("**" + names[following])
    return ", ".join(parameters), ", ".join(arguments)
