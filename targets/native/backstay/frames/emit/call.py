"""The beginning of a frame, and the attempt itself."""

from __future__ import annotations

from backstay_core.failure import NEVER
from backstay_core.strategies.retry import Retrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def begin(c: Composer) -> None:
    """The number of the call (PO3), and for a policy with a Timeout the caller's deadline (TO6).

    A sync frame finds its thread's cell once, in ``_bs_a``; an async one keeps the caller's deadline in ``_bs_o``.
    """
    w = c.writer
    if c.policy.draws:
        w.line("_bs_P.calls = (_bs_i := _bs_P.calls) + 1")
    if not c.bounded:
        return
    w.line("_bs_a = _bs_ambient()")
    if c.asynchronous:
        w.line(f"_bs_o = {NEVER}")
        with w.block("if _bs_a is not None:"):
            w.line("_bs_o = _bs_a if _bs_type(_bs_a) is _bs_int else _bs_current_deadline()")
            with w.block(f"if _bs_o != {NEVER} and _bs_o <= _bs_clock():"):
                w.line("raise _bs_no_time(_bs_P)")
        return
    with w.block("try:"), w.block("if _bs_a[1] != _bs_ident():"):
        w.line("_bs_a = _bs_new_cell()")
    with w.block("except _bs_TypeError:"):  # no cell: nothing, or the number of an async frame
        w.line("_bs_a = _bs_new_cell()")
    with w.block(f"if _bs_a[0] != {NEVER} and _bs_a[0] <= _bs_clock():"):
        w.line("raise _bs_no_time(_bs_P)")


def unpack(c: Composer) -> None:
    """The states of one key under the names that elsewhere are global. If the policy has got other strategies since
    the frame was compiled, or since the key was used, the call begins again under the new ones."""
    w = c.writer
    with w.block("if _bs_P.__class__ is not _bs_class:"):
        w.line(f"return {'await ' if c.asynchronous else ''}_bs_frame(_bs_P.current(), _bs_f, {c.arguments})")
    for x, place in enumerate(c.places):
        if place in c.keyed.key_class.OWN:
            w.line(f"_bs_L{x} = _bs_P.s{place}")
            if isinstance(c.layers[x], Retrier):
                w.line(f"_bs_B{x} = _bs_L{x}.budget")


def attempt(c: Composer) -> None:
    w = c.writer
    if c.hears_late:
        w.line("_bs_late = False")
    if c.looks:
        w.line("_bs_m = True")
    w.line(f"_bs_r = {c.call}")
    if not c.asynchronous:
        if c.checked:
            w.line("_bs_mistake(_bs_r, _bs_P.name)")
        else:
            with w.block("if _bs_type(_bs_r) is _bs_Coroutine:"):
                w.line("_bs_mistake(_bs_r, _bs_P.name)")
