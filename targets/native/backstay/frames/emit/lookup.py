"""A Cache and an Idempotency in a frame: one look finds a fresh value (`frames.hits`), all else is `backstay.keeping`.

``_bs_K`` is the call's part in that, begun when a look finds nothing fresh; ``_bs_m`` says whether ``_bs_r`` is what an
attempt has returned.
"""

from __future__ import annotations

from backstay.frames.emit.timeout import expire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def begin(c: Composer) -> None:
    if c.looks:
        if c.asynchronous:
            c.writer.line("_bs_check_loop()")
        c.writer.line("_bs_K = None")


def found(c: Composer, x: int) -> None:
    """A lookup around layers `x` + 1 …"""
    w = c.writer
    c.made_up()
    w.line(f"_bs_r = _bs_find{x}(_bs_L{x}, _bs_f, _bs_args, _bs_kwargs) if _bs_K is None else _bs_nothing")
    with w.block("if _bs_r is _bs_nothing:"):
        with w.block("if _bs_K is None:"):
            w.line("_bs_K = _bs_Keeping(_bs_P, _bs_f, _bs_args, _bs_kwargs)")
        with w.block("try:"):
            w.line(f"_bs_r = {_look(c)}(_bs_L{x})")
        with w.block("except _bs_Exception as _bs_e:"), w.block(f"if not _bs_L{x}.goes_on(_bs_classify(_bs_e)):"):
            w.line("raise")
        with w.block("if _bs_r is _bs_nothing:"):
            expire(c, x)
            if getattr(c.layers[x].options, "stale_for_ns", 0):
                _or_stale(c, x)
            else:
                c.inside(x + 1)


def _look(c: Composer) -> str:
    return "await _bs_K.alook" if c.asynchronous else "_bs_K.look"


def _or_stale(c: Composer, x: int) -> None:
    """What is stale stands in for a failure (CA3)."""
    w = c.writer
    with w.block("try:"):
        c.inside(x + 1)
    with w.block("except _bs_Exception as _bs_e:"):
        with w.block(f"if not _bs_looks_again(_bs_L{x}, {c.failure()}):"):
            w.line("raise")
        c.made_up()
        w.line("_bs_r = _bs_nothing")
        with w.block("try:"):
            w.line(f"_bs_r = {_look(c)}(_bs_L{x}, {c.failure()})")
        with w.block("except _bs_Exception:"):
            w.line("_bs_r = _bs_nothing")
        with w.block("if _bs_r is _bs_nothing:"):
            w.line("raise")


def completed(c: Composer) -> None:
    """The call completes with ``_bs_r``."""
    if c.looks:
        with c.writer.block("if _bs_K is not None:"):
            c.writer.line("_bs_K.ended(_bs_r, attempted=_bs_m)")


def leave(c: Composer) -> None:
    """Twice: an interrupt in the first time must not leave others waiting for this call."""
    w = c.writer
    if not c.looks:
        return
    with w.block("if _bs_K is not None:"):
        with w.block("try:"):
            w.line("_bs_K.leave()")
        with w.block("finally:"):
            w.line("_bs_K.leave()")
