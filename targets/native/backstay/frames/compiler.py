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
from _thread import RLock
from _weakref import ref

from backstay.drivers import interpreted
from backstay.drivers.libraries import in_trio
from backstay.drivers.operation import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy

FunctionType: Any = type(lambda: None)

#  held while a policy changes, and while a frame is compiled from one: neither sees the other half done
LOCK = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOCK._at_fork_reinit)  # type: ignore[attr-defined]


def compile_into(
    frame: Any, policy: Policy, function: Any, asynchronous: bool, as_argument: bool, keyed: Any, generation: int
) -> Any:
    """Put the code of a frame in the place of `frame`'s own. `as_argument`: the function is the first argument;
    `keyed`: it is the second one, after the `KeyPolicy`."""
    from backstay.frames.names import ALWAYS, ANYTHING, Composer, FrameLoader, code_of, names_of, signature_of

    names = frame.__globals__
    with LOCK:
        if names["_bs_generation"] != generation:
            return frame  # the policy has changed since: whoever calls the frame compiles the next generation
        signature = None if as_argument else signature_of(function)
        exact = signature if signature is not None and not policy.looks else None  # (7)
        parameters, arguments = exact or ANYTHING
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
        own = names_of(policy, composer, function)
        if keyed is not None:
            own.update(_bs_class=keyed.key_class, _bs_frame=frame)
        if generation:
            spelt = {word: f"{word}'{generation}" for word in own}
            own = {spelt[word]: value for word, value in own.items()}
            code = code.replace(co_names=tuple(spelt.get(word, word) for word in code.co_names))
        names.update(ALWAYS, __loader__=FrameLoader(source), __name__=f"backstay.frames.{name}")
        names.update(own, _bs_own=tuple(own))
        if exact is not None:
            frame.__defaults__ = function.__defaults__
            frame.__kwdefaults__ = function.__kwdefaults__
        frame.__source__ = source
        frame.__code__ = code.replace(co_name=name, co_qualname=frame.__qualname__)
    return frame


def _stand_in(*_bs_args: Any, **_bs_kwargs: Any) -> Any:
    return _bs_compile()(*_bs_args, **_bs_kwargs)  # type: ignore[name-defined]  # noqa: F821


async def _stand_in_async(*_bs_args: Any, **_bs_kwargs: Any) -> Any:
    return await _bs_compile()(*_bs_args, **_bs_kwargs)  # type: ignore[name-defined]  # noqa: F821


def _stepwise(*_bs_args: Any, **_bs_kwargs: Any) -> Any:
    return _bs_steps(*_bs_args, **_bs_kwargs)  # type: ignore[name-defined]  # noqa: F821


async def _stepwise_async(*_bs_args: Any, **_bs_kwargs: Any) -> Any:
    return await _bs_steps(*_bs_args, **_bs_kwargs)  # type: ignore[name-defined]  # noqa: F821


def step_into(
    frame: Any, policy: Policy, steps: Any, function: Any, asynchronous: bool, as_argument: bool, keyed: Any
) -> Any:
    """Put what carries out calls step by step in the place of `frame`'s code; gives it back for this call."""
    if policy.looks and keyed is None:
        from backstay.frames.hits import before

        steps = before(steps, policy, function, asynchronous=asynchronous, as_argument=as_argument)
    frame.__globals__["_bs_steps"] = steps
    frame.__code__ = (_stepwise_async if asynchronous else _stepwise).__code__
    return steps


def can_compose(layers: tuple[Any, ...]) -> bool | None:
    """Load what composes frames, a sixth of what `import backstay` would load otherwise; can these be composed?

    None, not known, in a signal handler or finalizer that calls while this very thread is loading it, and when the
    interpreter has taken its modules apart: such a call is carried out step by step.
    """
    try:
        from backstay.frames.names import composable, names_of  # the last thing that is defined there
    except ImportError:
        return None
    return bool(composable(layers)) if bool(names_of) else None


def frame_for(
    policy: Policy, function: Any, *, asynchronous: bool, as_argument: bool = False, keyed: Any = None
) -> Any:
    """A function that guards `function`, or, with `as_argument`, whatever function it gets as its first argument.
    `keyed` (a `Keyed`): under the `KeyPolicy` that it gets before that."""
    code = (_stand_in_async if asynchronous else _stand_in).__code__
    frame = FunctionType(code, {"__builtins__": __builtins__}, name_of(function))
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
            composes = None if policy.ports.stepwise else can_compose(policy.layers)
            if not composes:
                steps = interpreted.frame_for(
                    policy, function, asynchronous=asynchronous, as_argument=as_argument, keyed=keyed
                )
                if composes is not None:
                    with LOCK:
                        if names["_bs_generation"] == generation:
                            return step_into(frame, policy, steps, function, asynchronous, as_argument, keyed)
                return steps  # nothing takes the stand-in's place
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
