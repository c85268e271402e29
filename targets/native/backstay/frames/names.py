"""The global names of a frame: what all frames use, and what is its own policy's."""

from __future__ import annotations

from _thread import get_ident

from backstay.ambient import AMBIENT, current_deadline, new_cell, unpublish
from backstay.classifier import classify
from backstay.drivers.operation import COROUTINE
from backstay.errors import CircuitOpen, TimedOut, error_of
from backstay.frames import judging, runtime
from backstay.frames.composer import Composer
from backstay.frames.hits import finder
from backstay.frames.predicates import composable
from backstay.frames.signature import ANYTHING, signature_of
from backstay.frames.source import FrameLoader, code_of
from backstay.kept import NOTHING
from backstay.notes import text_of
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.contract import LOOKUP
from backstay_core.strategies.fallback import Substitute
from backstay_core.strategies.retry import Attempts, Retrier
from backstay_core.strategies.timeout import Deadline

#  all that compiles a frame comes from here, so that one look says whether all of it is loaded (`can_compose`)
__all__ = ["ALWAYS", "ANYTHING", "Composer", "FrameLoader", "code_of", "composable", "names_of", "signature_of"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy

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
    "measure_error": runtime.measure_error, "count_error": runtime.count_error,
    "settle_value": runtime.settle_value, "settle_error": runtime.settle_error, "asks": runtime.asks,
    "pause_after": runtime.pause_after, "why_not": runtime.why_not,
    "result_failure": runtime.result_failure, "note": runtime.note, "notable": runtime.NOTABLE,
    "mistake": runtime.mistake, "expire": runtime.expire, "hold_up": runtime.hold_up, "known": runtime.known,
    "error_of": error_of, "looks_again": runtime.looks_again, "nothing": NOTHING,
}  # fmt: skip


ALWAYS = {"_bs_" + name: value for name, value in COMMON.items()}


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


def _lookup_names(policy: Policy, layers: tuple[Any, ...]) -> dict[str, Any]:
    """What lookups need besides."""
    from backstay import keeping

    ports = policy.ports
    names = {f"find{x}": finder(layer, ports.clock) for x, layer in enumerate(layers) if layer.ROLE == LOOKUP}
    return {**names, "Keeping": keeping.Keeping, "check_loop": ports.check_loop}


def _answers(names: dict[str, Any], letter: str, x: int, answers: judging.Answers) -> None:
    names[f"{letter}{x}"] = answers.known.get
    names[f"ask_{letter}{x}"] = answers.ask


def names_of(policy: Policy, composer: Composer, function: Any) -> dict[str, Any]:
    """The global names of a frame that are its own."""
    names: dict[str, Any] = {"P": policy, "f": function, "clock": policy.ports.clock}
    if composer.asynchronous:
        names.update(_loop_names(policy, composer.layers))
    if composer.looks:
        names.update(_lookup_names(policy, composer.layers))
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
