"""Inject in a frame. One that is off has no line there."""

from __future__ import annotations

from backstay.frames.emit.fallback import awaiting
from backstay_core.strategies.inject import HANG, LATENCY, OUTCOME, Faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def remembers(c: Composer) -> bool:
    """Can an exception of the user's be injected? The failure that it is stands in ``_bs_j``, for the exception does
    not say that it is injected (IN8)."""
    return any(isinstance(layer, Faults) and layer.options.failure_make is not None for layer in c.layers)


def begin(c: Composer) -> None:
    """The random streams, which are begun when they are needed (IN9)."""
    for x, layer in enumerate(c.layers):
        if isinstance(layer, Faults) and layer.draws:
            c.writer.line(f"_bs_g{x} = None")
    if remembers(c):
        c.writer.line("_bs_j = None")


def forget(c: Composer) -> None:
    """The error's traceback holds this frame: no cycle."""
    if remembers(c):
        c.writer.line("_bs_j = None")


def faulty(c: Composer, x: int) -> None:
    """An Inject around layers `x` + 1 …"""
    w = c.writer
    layer = c.layers[x]
    stream = "None"
    if layer.draws:
        stream = f"_bs_g{x}"
        with w.block(f"if {stream} is None:"):
            w.line(f"{stream} = _bs_P.stream(_bs_i, {c.places[x]})")
    fault = layer.options.fault
    with w.block(f"if _bs_L{x}.strikes(_bs_clock(), {stream}):"):
        if fault in (LATENCY, HANG):
            _hold_up(c, x)
        if fault == OUTCOME:
            _make(c, x)
        elif fault != LATENCY:
            _fail(c, x)
    if fault == OUTCOME:
        with w.block("else:"):
            c.inside(x + 1)
    else:
        c.inside(x + 1)


def _hold_up(c: Composer, x: int) -> None:
    """IN7."""
    ns = c.layers[x].options.seconds_ns
    if c.asynchronous:
        c.writer.line(f"await _bs_sleep_in_loop(_bs_P.ports, {ns})")
    else:
        c.writer.line(f"_bs_hold_up(_bs_P.ports, {ns}, {c.bounds(x)})")


def _make(c: Composer, x: int) -> None:
    w = c.writer
    code = callable(c.layers[x].options.value)
    c.made_up()
    w.line(f"_bs_r = _bs_L{x}.options.value{'()' if code else ''}")
    if code:
        awaiting(c, x)


def _fail(c: Composer, x: int) -> None:
    failure = f"_bs_L{x}.failure(_bs_at{x})"
    if remembers(c):
        c.writer.line(f"_bs_j = {failure}")
        failure = "_bs_j"
    c.writer.line(f"raise _bs_error_of({failure})")


def refused(c: Composer, x: int) -> None:
    """To the Retry at `x`, whose wish is in ``_bs_w``, an injected refusal is a refusal of this policy (RT4)."""
    inner = c.layers[x + 1 :]
    if any(isinstance(layer, Faults) and layer.options.failure_make is not None for layer in inner):
        with c.writer.block("if _bs_j is not None and _bs_j.cause is _bs_e and _bs_j.kind == 'rejected':"):
            c.writer.line("_bs_w = -1")
