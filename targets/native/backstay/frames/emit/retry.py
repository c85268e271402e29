"""Retry in a frame: one loop, fused with the gates right inside it."""

from __future__ import annotations

from backstay.frames.emit import inject
from backstay_core.clock import SECOND
from backstay_core.failure import NEVER
from backstay_core.options import PPM
from backstay_core.strategies.budget import Tokens
from backstay_core.strategies.retry import Retrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def deposit(c: Composer, x: int) -> None:
    """Into the budget of the Retry at `x` (RT9); written out, because every call pays it."""
    tokens: Tokens | None = c.layers[x].budget
    if tokens is None:
        return
    full, more = tokens.options.burst_ppm, tokens.options.ratio_ppm
    w = c.writer
    if not more:
        return
    with w.block(f"if _bs_B{x}.tokens < {full}:"):
        w.line(f"_bs_B{x}.tokens = _bs_x + {more} if (_bs_x := _bs_B{x}.tokens) < {full - more} else {full}")


def retried(c: Composer, x: int, end: int) -> None:
    """A Retry, fused with the gates `x` + 1 … `end` − 1."""
    w = c.writer
    options = c.layers[x].options
    timed = options.total_ns is not None
    deposit(c, x)
    w.line(f"_bs_n{x} = 1")
    if not _at_once(c.layers[x]):
        w.line(f"_bs_c{x} = None")
    if timed:
        w.line(f"_bs_b{x} = _bs_clock()")
    with w.block("while True:"):
        c.enter(x + 1, end)
        with w.block("try:"):
            c.inside(end)
        with w.block("except _bs_BaseException as _bs_e:"):
            c.leave_failed(x + 1, end)
            c.answer("_bs_w", f"W{x}")
            inject.refused(c, x)
            with w.block(f"if _bs_w < 0 or _bs_n{x} >= {options.attempts}:"):
                if c.ends(x):
                    with w.block("if _bs_w < 0 and _bs_type(_bs_e) is _bs_PolicyBug:"):
                        w.line("_bs_z = _bs_e.error", "break")
                with w.block(f"if _bs_n{x} > 1:"):
                    _note_the_last(c, x)
                w.line("raise")
            _pause(c, x, "_bs_w", error=True)
        with w.block("else:"):
            c.leave(x + 1, end)
            if c.ends(x):
                w.line("return _bs_r")
            elif options.results_match is None:
                w.line("break")
            else:
                with w.block(
                    f"if not _bs_asks(_bs_L{x}.options.results_match, _bs_r) or _bs_n{x} >= {options.attempts}:"
                ):
                    w.line("break")
                _pause(c, x, "0", error=False)
        with w.block("if _bs_P.emit is not None:"):
            w.line("_bs_P.tell(_bs_clock(), 'retry', _bs_w)")
        with w.block("if _bs_w:"):
            w.line("await _bs_sleep_in_loop(_bs_P.ports, _bs_w)" if c.asynchronous else "_bs_P.ports.pause(_bs_w)")


def _note_the_last(c: Composer, x: int) -> None:
    """After as many attempts as there may be, on an ordinary exception, the text is always the same: half the price."""
    w = c.writer
    with w.block("if _bs_w >= 0 and _bs_cls in _bs_notable and not _bs_e.__dict__:"):
        w.line(f"_bs_e.add_note(_bs_T{x})")
    with w.block("else:"):
        w.line(f"_bs_note(_bs_e, _bs_P.name, _bs_n{x}, 'attempts' if _bs_w >= 0 else 'never')")


def _take(c: Composer, x: int) -> str:
    """Source of "the budget of the Retry at `x` has a token for this"; what `Tokens.take` does, written out: 0.25 µs
    less."""
    w = c.writer
    budget, options = f"_bs_B{x}", c.layers[x].budget.options
    full, rate = options.burst_ppm, options.per_second_ppm
    w.line("_bs_b = _bs_clock()")
    with w.block(f"if {budget}.filled is None:"):
        w.line(f"{budget}.take(_bs_b, 0)")
    w.line(f"_bs_x = {budget}.tokens")
    if rate:
        with w.block(f"if _bs_b > {budget}.filled:"):
            w.line(f"_bs_s = (_bs_b - {budget}.filled) * {rate} + {budget}.rest", f"_bs_v = _bs_s // {SECOND}")
            with w.block(f"if _bs_v or _bs_x >= {full}:"):
                w.line("_bs_x = _bs_x + _bs_v", f"{budget}.filled = _bs_b")
                with w.block(f"if _bs_x < {full}:"):
                    w.line(f"{budget}.rest = _bs_s - _bs_v * {SECOND}")  # quicker than %
                with w.block("else:"):
                    w.line(f"{budget}.rest = 0", f"_bs_x = {full}")
    w.line(f"_bs_s = _bs_x >= {PPM}", f"{budget}.tokens = _bs_x - {PPM} if _bs_s else _bs_x")
    return "_bs_s"


def _at_once(retrier: Retrier) -> bool:
    """Without pauses of its own and without a total, the decision is short enough to be written out."""
    return not retrier.options.base_ns and retrier.options.total_ns is None


def _pause(c: Composer, x: int, pushback: str, error: bool) -> None:
    """Leaves the pause in ``_bs_w`` and counts the attempt; or gives up (RT6 to RT10)."""
    w = c.writer
    retrier = c.layers[x]
    options = retrier.options

    def give_up(why: str) -> None:
        if error:
            w.line(f"_bs_note(_bs_e, _bs_P.name, _bs_n{x}, {why})", "raise")
        else:
            w.line("break")

    if _at_once(retrier):
        if not error:
            w.line("_bs_w = 0")
        else:
            with w.block(f"if _bs_w and _bs_w > {options.pushback_cap_ns}:"):
                give_up("'pushback'")
        deadline = c.deadline_at(x)
        bounded = f"{deadline} != {NEVER}" if c.bounded else "_bs_ambient() is not None"
        with w.block(f"if {bounded} and _bs_clock() + _bs_w >= {deadline}:"):
            give_up("'time'")
        if retrier.budget is not None:
            with w.block(f"if not {_take(c, x)}:"):
                w.line(f"_bs_L{x}.tell(_bs_clock(), 'budget_exhausted')")
                give_up("'budget'")
        w.line(f"_bs_n{x} += 1")
        return
    with w.block(f"if _bs_c{x} is None:"):
        began = f"_bs_b{x}" if options.total_ns is not None else "0"
        stream = f"_bs_P.stream(_bs_i, {c.places[x]})" if retrier.draws else "None"
        w.line(f"_bs_c{x} = _bs_Attempts({began}, {stream})")
    pushback_asked = "0"
    if error:
        pushback_asked = "_bs_v"
        w.line(f"_bs_v = {pushback}")
    w.line(f"_bs_w = _bs_pause_after(_bs_L{x}, _bs_c{x}, _bs_n{x}, {pushback}, _bs_clock(), {c.deadline_at(x)})")
    with w.block("if _bs_w is None:"):
        give_up(f"_bs_why_not(_bs_L{x}, {pushback_asked})")
    w.line(f"_bs_n{x} = _bs_c{x}.made")
