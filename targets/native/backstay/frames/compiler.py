"""From a policy and a function to a frame: compiled on the first call, and then the function itself.

Decorating makes a small function that compiles when it is first called and puts the frame's code in its own place
(``__code__``), so that afterwards nothing stands between the caller and the frame.

A policy that changes has its frames compiled anew. Calls that have begun keep the code that they run, and must keep the
strategies too, for they hold permits of them; but a function has only one table of global names. So the names of each
generation of code are spelt differently, and are taken out of the table when the last call that runs that code is over:
it is what keeps the code object alive.
"""

from __future__ import annotations

import os
from _thread import RLock, get_ident
from _weakref import ref

from backstay.ambient import AMBIENT, current_deadline, new_cell, unpublish
from backstay.classifier import classify
from backstay.drivers import interpreted
from backstay.drivers.libraries import in_trio
from backstay.drivers.operation import COROUTINE
from backstay.errors import CircuitOpen, TimedOut
from backstay.frames import judging, runtime
from backstay.frames.composer import Composer, composable
from backstay.frames.signature import ANYTHING, signature_of
from backstay.frames.source import FrameLoader, code_of
from backstay.notes import text_of
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.fallback import Substitute
from backstay_core.strategies.retry import Attempts, Retrier
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy

FunctionType: Any = type(code_of)

COMMON: dict[str, Any] = {
    "type": type, "len": len, "TypeError": TypeError, "list": list, "int": int, "hasattr": hasattr,
    "isinstance": isinstance,
    "Exception": Exception, "BaseException": BaseException, "RuntimeError": RuntimeError,
    "ambient": AMBIENT.get, "set": AMBIENT.set, "reset": AMBIENT.reset, "unpublish": unpublish,
    "current_deadline": current_deadline,
    "new_cell": new_cell, "ident": get_ident, "classify": classify, "held": judging.held, "Attempts": Attempts,
    "Coroutine": COROUTINE,
    "CircuitOpen": CircuitOpen, "TimedOut": TimedOut, "Expired": runtime.Expired, "PolicyBug": judging.PolicyBug,
    "refusal": runtime.refusal, "no_time": runtime.no_time, "wait_in_thread": runtime.wait_in_thread,
    "settle_value": runtime.settle_value, "settle_error": runtime.settle_error, "asks": runtime.asks,
    "pause_after": runtime.pause_after, "why_not": runtime.why_not,
    "result_failure": runtime.result_failure, "note": runtime.note, "notable": runtime.NOTABLE,
    "mistake": runtime.mistake,
}  # fmt: skip


ALWAYS = {"_bs_" + name: value for name, value in COMMON.items()}

#  held while a policy changes, and while a frame is compiled from one: neither sees the other half done
LOCK = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOCK._at_fork_reinit)  # type: ignore[attr-defined]


def _loop_names(policy: Policy, layers: tuple[Any, ...]) -> dict[str, Any]:
    """What async frames need besides; asyncio is imported when the first of them is compiled."""
    from asyncio import CancelledError, current_task

    from backstay.frames import elsewhere, loops
    from backstay.frames.timers import Homes

    homes = Homes(policy.ports, tuple(x for x, layer in enumerate(layers) if isinstance(layer, Deadline)))
    return {
        "CancelledError": CancelledError,
        "current_task": current_task,
        "homes": homes.by_thread.get,
        "find_home": homes.find,
        "wait_in_loop": loops.wait_in_loop,
        "sleep_in_loop": loops.sleep_in_loop,
        "awaited": loops.awaited,
        "overdue": loops.overdue,
        "Elsewhere": elsewhere.Elsewhere,
        "elsewhere": elsewhere.run,
        "pack": elsewhere.pack,
    }


def _names(policy: Policy, composer: Composer, function: Any) -> dict[str, Any]:
    """The global names of a frame that are its own."""
    names: dict[str, Any] = {"P": policy, "f": function, "clock": policy.ports.clock}
    if composer.asynchronous:
        names.update(_loop_names(policy, composer.layers))
    for x, layer in enumerate(composer.layers):
        names[f"L{x}"] = layer
        names[f"at{x}"] = composer.own[x]
        if isinstance(layer, Breaker):
            _answers(names, "V", x, judging.verdicts(layer))
            names[f"m{x}"] = (1 << layer.options.window_calls) - 1
        elif isinstance(layer, Retrier):
            _answers(names, "W", x, judging.wishes(layer, composer.own))
            names[f"B{x}"] = layer.budget
            names[f"T{x}"] = text_of(policy.name, (layer.options.attempts, None, "attempts"))
        elif isinstance(layer, Deadline):
            names[f"D{x}"] = layer.delay_ns
        elif isinstance(layer, Substitute):
            _answers(names, "A", x, judging.replaceable(layer))
    return {"_bs_" + name: value for name, value in names.items()}


def _answers(names: dict[str, Any], letter: str, x: int, answers: judging.Answers) -> None:
    names[f"{letter}{x}"] = answers.known.get
    names[f"ask_{letter}{x}"] = answers.ask


def compile_into(
    frame: Any, policy: Policy, function: Any, asynchronous: bool, as_argument: bool, keyed: Any, generation: int
) -> Any:
    """Put the code of a frame in the place of `frame`'s own. `as_argument`: the function is the first argument;
    `keyed`: it is the second one, after the `KeyPolicy`."""
    names = frame.__globals__
    with LOCK:
        if names["_bs_generation"] != generation:
            return frame  # the policy has changed since: whoever calls the frame compiles the next generation
        signature = None if as_argument else signature_of(function)
        parameters, arguments = signature or ANYTHING
        call = f"_bs_f({arguments})"
        if as_argument:
            parameters = f"{'_bs_P, ' if keyed is not None else ''}_bs_f, /, " + parameters
            call = f"_bs_awaited({call}, _bs_P.name)" if asynchronous else call
        call = "await " + call if asynchronous else call
        composer = Composer(
            policy, asynchronous, call, arguments, checked=signature is None or as_argument, keyed=keyed
        )
        source = f"{'async ' if asynchronous else ''}def frame({parameters}):\n" + composer.write()
        code = code_of(source)
        name = frame.__name__
        own = _names(policy, composer, function)
        if keyed is not None:
            own.update(_bs_class=keyed.key_class, _bs_frame=frame)
        if generation:
            spelt = {word: f"{word}'{generation}" for word in own}
            own = {spelt[word]: value for word, value in own.items()}
            code = code.replace(co_names=tuple(spelt.get(word, word) for word in code.co_names))
        names.update(ALWAYS, __loader__=FrameLoader(source), __name__=f"backstay.frames.{name}")
        names.update(own, _bs_own=tuple(own))
        if signature is not None:
            frame.__defaults__ = function.__defaults__
            frame.__kwdefaults__ = function.__kwdefaults__
        frame.__source__ = source
        frame.__code__ = code.replace(co_name=name, co_qualname=frame.__qualname__)
    return frame


def _stand_in(*_bs_args: Any, **_bs_kwargs: Any) -> Any:
    return _bs_compile()(*_bs_args, **_bs_kwargs)  # type: ignore[name-defined]  # noqa: F821


async def _stand_in_async(*_bs_args: Any, **_bs_kwargs: Any) -> Any:
    return await _bs_compile()(*_bs_args, **_bs_kwargs)  # type: ignore[name-defined]  # noqa: F821


def frame_for(
    policy: Policy, function: Any, *, asynchronous: bool, as_argument: bool = False, keyed: Any = None
) -> Any:
    """A function that guards `function`, or, with `as_argument`, whatever function it gets as its first argument.
    `keyed` (a `Keyed`): under the `KeyPolicy` that it gets before that."""
    code = (_stand_in_async if asynchronous else _stand_in).__code__
    frame = FunctionType(code, {"__builtins__": __builtins__}, getattr(function, "__name__", "call"))
    restart(frame, policy, function, asynchronous=asynchronous, as_argument=as_argument, keyed=keyed)
    return frame


def restart(
    frame: Any, policy: Policy, function: Any, *, asynchronous: bool, as_argument: bool = False, keyed: Any = None
) -> None:
    """Let `frame` be compiled anew on its next call."""
    names = frame.__globals__
    with LOCK:
        generation = names.get("_bs_generation", -1) + 1

        def compiling() -> Any:
            if policy.ports.stepwise or not composable(policy.layers):  # nothing takes the stand-in's place
                return interpreted.frame_for(
                    policy, function, asynchronous=asynchronous, as_argument=as_argument, keyed=keyed
                )
            if asynchronous and in_trio():  # this call only: the next one may come from asyncio
                from backstay.frames.elsewhere import runner_of

                return runner_of(policy, function, as_argument=as_argument, keyed=keyed)
            return compile_into(frame, policy, function, asynchronous, as_argument, keyed, generation)

        def again() -> None:
            restart(frame, policy, function, asynchronous=asynchronous, as_argument=as_argument, keyed=keyed)

        own = names.pop("_bs_own", None)
        if own:
            _forget(names, own, frame.__code__, f"_bs_code'{generation}")
        names.update(_bs_generation=generation, _bs_compile=compiling, _bs_again=again)
        frame.__code__ = (_stand_in_async if asynchronous else _stand_in).__code__


def renew(frame: Any) -> None:
    """Let `frame` be compiled anew on its next call: its policy has other strategies now. Frames that are not compiled
    remember nothing."""
    again = frame.__globals__.get("_bs_again")
    if again is not None:
        again()


def _forget(names: dict[str, Any], own: tuple[str, ...], code: Any, key: str) -> None:
    """Take `own` out of `names` when no call runs `code` any more."""

    def over(_: object) -> None:
        for word in (*own, key):
            names.pop(word, None)

    names[key] = ref(code, over)
