"""Calls of a coroutine function that no frame for asyncio can carry out: those in a task of another library.

A frame is compiled for asyncio. Called in a trio task, it gets on without asyncio unless it has a Timeout; then its
first look for the running loop raises `Elsewhere`, and the call is carried out step by step (`backstay.drivers.tasks`)
instead. Under asyncio this costs nothing: it stands where a frame knows no loop yet, and in an ``except``.
"""

from __future__ import annotations

from backstay.drivers import tasks
from backstay.drivers.libraries import in_trio
from backstay.drivers.operation import name_of
from backstay.frames.signature import ANYTHING, signature_of
from backstay.frames.source import code_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from backstay.policy import Policy

FunctionType: Any = type(code_of)


class Elsewhere(BaseException):
    """This is no task of asyncio."""


def check_home() -> None:
    """Raises `Elsewhere` in a task of another library."""
    if in_trio():
        raise Elsewhere


def pack(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def run(policy: Policy, function: Any, arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> Awaitable[Any]:
    return tasks.run(policy, function, *arguments)


def runner_of(policy: Policy, function: Any, *, as_argument: bool, keyed: Any = None) -> Callable[..., Awaitable[Any]]:
    """Called like the guarded function, with its signature; see `backstay.frames.compiler.frame_for`."""

    def given(function: Any, /, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        return tasks.run(policy, function, args, kwargs)

    def given_both(policy: Policy, function: Any, /, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        return tasks.run(policy, function, args, kwargs)

    if keyed is not None:
        return given_both
    if as_argument:
        return given
    signature = signature_of(function)
    parameters, arguments = signature or ANYTHING
    code = code_of(f"def frame({parameters}):\n    return _bs_pack({arguments})\n")
    name = name_of(function)
    code = code.replace(co_name=name, co_qualname=getattr(function, "__qualname__", name))
    packer = FunctionType(code, {"__builtins__": __builtins__, "_bs_pack": pack}, name)
    if signature is not None:
        packer.__defaults__ = function.__defaults__
        packer.__kwdefaults__ = function.__kwdefaults__

    def runner(*args: Any, **kwargs: Any) -> Awaitable[Any]:
        return run(policy, function, packer(*args, **kwargs))

    return runner
