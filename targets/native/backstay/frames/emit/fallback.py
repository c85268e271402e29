"""Fallback in a frame."""

from __future__ import annotations

from backstay.frames.emit.timeout import has_run_out
from backstay.frames.predicates import has_predicate
from backstay_core.strategies.fallback import Substitute
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.frames.composer import Composer


def is_value(layer: Any) -> bool:
    """Is it a Fallback to a value, for which nothing is called?"""
    return isinstance(layer, Substitute) and not callable(layer.options.value) and not has_predicate(layer)


def awaiting(c: Composer, x: int) -> None:
    """After what a function of the strategy at `x` has returned, into ``_bs_r`` (FB5)."""
    w = c.writer
    if not c.asynchronous:
        w.line(f"_bs_mistake(_bs_r, _bs_at{x})")
        return
    timeouts = [y for y in range(x) if isinstance(c.layers[y], Deadline)]
    with w.block("if _bs_hasattr(_bs_r, '__await__'):"):
        if timeouts:
            with w.block(f"if {' or '.join(map(has_run_out, timeouts))}:"):
                w.line("_bs_r = _bs_overdue(_bs_r, _bs_t)")
        w.line("_bs_r = await _bs_r")


def substitute(c: Composer, x: int) -> None:
    """A Fallback's handler, after the ``try`` that holds what it answers for."""
    w = c.writer
    options = c.layers[x].options
    code = callable(options.value)
    arguments = f", {c.arguments}" if getattr(options, "TAKES_ARGUMENTS", False) else ""
    made = f"_bs_L{x}.options.value({{}}{arguments})" if code else f"_bs_L{x}.options.value"

    def make(failure: str, told: str) -> None:
        with w.block("if _bs_P.emit is not None:"):
            w.line(f"_bs_P.tell(_bs_clock(), 'fallback', {told})")
        c.made_up()
        w.line(f"_bs_r = {made.format(failure)}")
        if code:
            awaiting(c, x)

    with w.block("except _bs_Exception as _bs_e:"):
        c.looked = False
        c.answer("_bs_v", f"A{x}")
        with w.block("if not _bs_v:"):
            w.line("raise")
        make(c.failure(), told=c.failure())
        if c.ends(x):
            w.line("return _bs_r")
    if c.ends(x):
        with w.block("except _bs_PolicyBug as _bs_e:"):
            w.line("_bs_z = _bs_e.error")
        with w.block("else:"):
            w.line("return _bs_r")
    if options.results_match is not None:
        with w.block("else:"), w.block(f"if _bs_asks(_bs_L{x}.options.results_match, _bs_r):"):
            make("_bs_result_failure(_bs_P)", told="None")
