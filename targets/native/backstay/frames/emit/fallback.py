"""Fallback in a frame."""

from __future__ import annotations

from backstay.frames.emit.timeout import has_run_out
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def substitute(c: Composer, x: int) -> None:
    """A Fallback's handler, after the ``try`` that holds what it answers for."""
    w = c.writer
    options = c.layers[x].options
    code = callable(options.value)
    arguments = f", {c.arguments}" if getattr(options, "TAKES_ARGUMENTS", False) else ""
    timeouts = [y for y in range(x) if isinstance(c.layers[y], Deadline)]
    made = f"_bs_L{x}.options.value({{}}{arguments})" if code else f"_bs_L{x}.options.value"

    def make(failure: str, told: str) -> None:
        with w.block("if _bs_P.emit is not None:"):
            w.line(f"_bs_P.tell(_bs_clock(), 'fallback', {told})")
        if c.hears_late:
            w.line("_bs_late = False")
        w.line(f"_bs_r = {made.format(failure)}")
        if code and c.asynchronous:
            with w.block("if _bs_hasattr(_bs_r, '__await__'):"):
                if timeouts:
                    with w.block(f"if {' or '.join(map(has_run_out, timeouts))}:"):
                        w.line("_bs_r = _bs_overdue(_bs_r, _bs_t)")
                w.line("_bs_r = await _bs_r")
        elif code:
            w.line(f"_bs_mistake(_bs_r, _bs_at{x})")

    with w.block("except _bs_Exception as _bs_e:"):
        w.line(f"_bs_v = _bs_A{x}(None if _bs_held(_bs_e) else _bs_type(_bs_e))")
        with w.block("if _bs_v is None:"):
            w.line(f"_bs_v = _bs_ask_A{x}(_bs_e)")
        with w.block("if not _bs_v:"):
            w.line("raise")
        make("_bs_classify(_bs_e)", told="_bs_classify(_bs_e)")
    if options.results_match is not None:
        with w.block("else:"), w.block(f"if _bs_asks(_bs_L{x}.options.results_match, _bs_r):"):
            make("_bs_result_failure(_bs_P)", told="None")
