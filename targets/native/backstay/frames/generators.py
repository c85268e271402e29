"""Frames of generators: the smallest generator function of the guarded one's own signature that reads a stream.

The decisions are those of `backstay.streams`. A frame is a real generator function, so whoever asks `inspect` is told
the truth, and resuming, closing and collecting it mean what they mean for any generator.
"""

from __future__ import annotations

from backstay import streams
from backstay.drivers.items import check
from backstay.drivers.operation import name_of
from backstay.frames.elsewhere import pack
from backstay.frames.signature import ANYTHING, signature_of
from backstay.frames.source import FrameLoader, code_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy

FunctionType: Any = type(code_of)

SOURCE = """{make} frame({parameters}):
    _bs_a = _bs_pack({arguments})
    _bs_s = _bs_Stream({policy}, _bs_f, _bs_a)
    try:
        _bs_r = {wait}_bs_s.begin()
        while _bs_s.open:
            try:
                _bs_s.sent = yield _bs_r
            except _bs_GeneratorExit:
                raise
            except _bs_BaseException as _bs_e:
                _bs_s.thrown = _bs_e
            _bs_r = None
            _bs_r = {wait}_bs_s.resume()
    finally:
        {wait}_bs_s.leave()
"""


def nothing() -> None:
    """What is to be done when a policy gets other strategies: each call asks for them anew."""


def frame_for(policy: Policy, function: Any, *, asynchronous: bool, keyed: Any = None) -> Any:
    """A generator function that guards the generator function `function`. `keyed` finds the policy of a call by its
    arguments. Raises `ConfigurationError`."""
    check(policy, policy.layers, asynchronous=asynchronous)
    signature = signature_of(function)
    parameters, arguments = signature or ANYTHING
    source = SOURCE.format(
        make="async def" if asynchronous else "def",
        wait="await " if asynchronous else "",
        parameters=parameters,
        arguments=arguments,
        policy="_bs_frame.policy" if keyed is None else "_bs_of(*_bs_a)",
    )
    if not asynchronous:
        source += "    return _bs_s.value\n"
    name = name_of(function)
    code = code_of(source)
    names: dict[str, Any] = {
        "__builtins__": __builtins__,
        "__loader__": FrameLoader(source),
        "__name__": f"backstay.frames.{name}",
        "_bs_Stream": streams.TaskStream if asynchronous else streams.ThreadStream,
        "_bs_f": function,
        "_bs_again": nothing,
        "_bs_pack": pack,
        "_bs_of": keyed,
        "_bs_GeneratorExit": GeneratorExit,
        "_bs_BaseException": BaseException,
    }
    code = code.replace(co_name=name, co_qualname=getattr(function, "__qualname__", name))
    frame = FunctionType(code, names, name)
    names["_bs_frame"] = frame
    if signature is not None:
        frame.__defaults__ = function.__defaults__
        frame.__kwdefaults__ = function.__kwdefaults__
    frame.policy = policy
    return frame


def restart(frame: Any, policy: Policy, function: Any, *, asynchronous: bool) -> None:
    """Let calls of `frame` go by `policy` from now on. Raises `ConfigurationError`."""
    check(policy, policy.layers, asynchronous=asynchronous)
    frame.policy = policy
