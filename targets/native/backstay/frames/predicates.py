"""What has to be known of a strategy before it is written into a frame."""

from __future__ import annotations

from backstay.classification import ClassMatcher, PredicateMatcher
from backstay.errors import CircuitOpen
from backstay_core.options import KindMatcher
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.contract import LOOKUP, RACE
from backstay_core.strategies.fallback import Substitute
from backstay_core.strategies.inject import HANG, LATENCY, OUTCOME, Faults
from backstay_core.strategies.queue import Queue
from backstay_core.strategies.retry import Retrier
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#  blocks in blocks: CPython refuses 20, and takes twice as long for each further one, because it writes the end of a
#  ``finally`` down for every way out of it
DEEPEST = 12


def composable(layers: tuple[Any, ...]) -> bool:
    """Can these strategies be written as one frame? What is not is carried out step by step: attempts beside each other
    are tasks or threads (`backstay.drivers.racing`), and very many strategies are no frame that Python would take."""
    if sum(2 if isinstance(layer, Retrier) else 1 for layer in layers) > DEEPEST:
        return False
    return not any(layer.ROLE == RACE for layer in layers)


def has_predicate(layer: Any) -> bool:
    """Does this strategy ask a function of the user's about failures or results?"""
    options = layer.options
    return isinstance(getattr(options, "on_matches", None), PredicateMatcher) or (
        getattr(options, "results_match", None) is not None
    )


def is_plain(breaker: Breaker) -> bool:
    """Can its verdicts be found without durations, results and predicates?"""
    return breaker.options.slow_call_ns is None and not has_predicate(breaker)


def runs_code(layer: Any) -> bool:
    """Can a strategy end in an error of the user's own code, or of the interpreter while it judges? (An Inject, which
    is there for trials, counts as one that can.)"""
    if isinstance(layer, Breaker):
        return not is_plain(layer)
    return has_predicate(layer) or isinstance(layer, Faults) or makes_by_code(layer)


def makes(layer: Any) -> bool:
    """Can a result come from this strategy, instead of an attempt?"""
    if isinstance(layer, Faults):
        return layer.options.fault == OUTCOME
    return isinstance(layer, Substitute) or layer.ROLE == LOOKUP


def makes_by_code(layer: Any) -> bool:
    """… by a function of the user's, or keys of his?"""
    return makes(layer) and (layer.ROLE == LOOKUP or callable(layer.options.value))


def may_wait(layer: Any) -> bool:
    """Can a call wait in this strategy until a Timeout outside has run out?"""
    if isinstance(layer, Faults):
        return layer.options.fault in (LATENCY, HANG)
    return layer.ROLE == LOOKUP or (isinstance(layer, Queue) and bool(layer.options.queue))


def lets_refusals_pass(layer: Any) -> bool:
    """Is a breaker's refusal the same outside `layer` as inside?"""
    if isinstance(layer, Substitute):
        matcher = layer.options.on_matches
        if isinstance(matcher, KindMatcher):
            return "rejected" not in matcher.kinds
        return isinstance(matcher, ClassMatcher) and not issubclass(CircuitOpen, matcher.classes)
    return isinstance(layer, (Deadline, Retrier))
