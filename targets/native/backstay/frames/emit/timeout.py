"""A Timeout in a frame: in a thread it publishes a deadline, in a loop it also cancels."""

from __future__ import annotations

import sys

from backstay.frames.predicates import may_wait
from backstay_core.strategies.contract import LOOKUP
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def bounded(c: Composer, x: int) -> None:
    """A Timeout around layers `x` + 1 …"""
    if c.asynchronous:
        _in_loop(c, x)
    else:
        _in_thread(c, x)


def _in_thread(c: Composer, x: int) -> None:
    """Publishes the deadline in the thread's cell (see `backstay.ambient`); nothing can be interrupted."""
    w = c.writer
    w.line(f"_bs_o{x} = _bs_a[0]", f"_bs_d{x} = _bs_clock() + _bs_D{x}")
    with w.block(f"if _bs_d{x} < _bs_o{x}:"):
        w.line(f"_bs_a[0] = _bs_d{x}")
    with w.block("try:"):
        c.inside(x + 1)
    with w.block("except _bs_BaseException as _bs_e:"):
        w.line(f"_bs_a[0] = _bs_o{x}")
        if any(map(may_wait, c.layers[x + 1 :])):
            _expired(c, x)
        c.reraise(x)
    with c.after(x):
        w.line(f"_bs_a[0] = _bs_o{x}")
        if c.tells_late(x):
            w.line(f"_bs_late = _bs_late or _bs_clock() >= _bs_d{x}")


def _expired(c: Composer, x: int) -> None:
    """In the handler of the Timeout at `x`: was it found to have run out by what waited inside it?"""
    w = c.writer
    with w.block(f"if _bs_type(_bs_e) is _bs_Expired and _bs_e.layer is _bs_L{x}:"):
        w.line(f"raise _bs_TimedOut(_bs_at{x}, _bs_L{x}.options.seconds) from None")


def expire(c: Composer, x: int) -> None:
    """Nothing begins inside layer `x` if a Timeout outside has run out by now (TO5)."""
    w = c.writer
    if any(isinstance(layer, Deadline) for layer in c.layers[:x]):
        w.line("_bs_b = _bs_clock()")
        with w.block(f"if _bs_b >= {c.deadline_at(x)}:"):
            w.line(f"_bs_expire(_bs_b, {c.bounds(x)})")


def find_home(c: Composer) -> None:
    """The timer queues of this loop, and the task to cancel: once a frame, before anything that would have to be undone
    elsewhere (`frames.elsewhere`).

    On 3.11 ``current_task()`` costs 247 ns, most of it in ``get_running_loop()``; looking the task up in the table that
    it reads costs 60. From 3.12 it is fast, and from 3.14 the table is gone.
    """
    w = c.writer
    if sys.version_info < (3, 12):
        w.line("_bs_h = _bs_homes(_bs_ident())")
        unknown = "_bs_h is None or (_bs_t := _bs_h.tasks(_bs_h.loop)) is None"
    else:
        with w.block("try:"):
            w.line("_bs_t = _bs_current_task()")
        with w.block("except _bs_RuntimeError:"):  # no loop is running here
            w.line("_bs_t = None")
        w.line("_bs_h = _bs_homes(_bs_ident())")
        unknown = "_bs_h is None or _bs_t is None or _bs_t.get_loop() is not _bs_h.loop"
    with w.block(f"if {unknown}:"):
        with w.block("try:"):
            w.line("_bs_h, _bs_t = _bs_find_home()")
        with w.block("except _bs_Elsewhere:"):
            w.line("_bs_h = None")
        with w.block("if _bs_h is None:"):
            w.line(f"return await _bs_elsewhere(_bs_P, _bs_f, _bs_pack({c.arguments}))")


def has_run_out(x: int) -> str:
    """Source of "the Timeout at `x` has cancelled what is inside it"."""
    return f"_bs_k{x} and _bs_k{x} not in _bs_q{x}.entries"


def _in_loop(c: Composer, x: int) -> None:
    """Enters the loop's queue for this delay, publishes the deadline, tells its cancellation from others."""
    w = c.writer
    publishes = c.publishes(x)
    always = publishes and c.publishes_for_another(x)
    tighter = publishes and not always
    w.line(f"_bs_u{x} = _bs_t.cancelling()", f"_bs_d{x} = _bs_clock() + _bs_D{x}")
    if c.tells_late(x):
        w.line(f"_bs_e{x} = _bs_d{x}")
    with w.block(f"if _bs_d{x} < {c.deadline_at(x)}:"):
        w.line(f"_bs_q{x} = _bs_h.queues[{x}]")
        with w.block(f"if not _bs_q{x}.armed:"):
            w.line(f"_bs_q{x}.arm(_bs_D{x})")
        w.line(f"_bs_q{x}.sequence = _bs_k{x} = _bs_q{x}.sequence + 1")
        if publishes:
            w.line(f"_bs_s{x} = _bs_set(_bs_d{x})")
        w.line(f"_bs_q{x}.entries[_bs_k{x}] = (_bs_d{x}, _bs_t)")
    with w.block("else:"):
        w.line(f"_bs_k{x} = 0", f"_bs_d{x} = {c.deadline_at(x)}")
        if always:
            w.line(f"_bs_s{x} = _bs_set(_bs_d{x})")
    with w.block("try:"):
        c.inside(x + 1)
    with w.block("except _bs_BaseException as _bs_e:"):
        with w.block(f"if _bs_k{x}:"):
            #  first: an interrupt in what follows must not leave a timer that cancels this task later
            w.line(f"_bs_x = _bs_q{x}.entries.pop(_bs_k{x}, None)")
            if tighter:
                w.line(f"_bs_unpublish(_bs_s{x})")
        if always:
            w.line(f"_bs_unpublish(_bs_s{x})")
        with w.block(
            f"if _bs_k{x} and _bs_x is None and _bs_t.uncancel() <= _bs_u{x}"
            " and _bs_isinstance(_bs_e, _bs_CancelledError):"
        ):
            w.line(f"raise _bs_TimedOut(_bs_at{x}, _bs_L{x}.options.seconds) from _bs_e")
        if any(layer.ROLE == LOOKUP for layer in c.layers[x + 1 :]):
            _expired(c, x)
        c.reraise(x)
    with c.after(x):
        with w.block(f"if _bs_k{x}:"):
            with w.block(f"if _bs_q{x}.entries.pop(_bs_k{x}, None) is None:"):
                w.line("_bs_t.uncancel()")
            if tighter:
                w.line(f"_bs_reset(_bs_s{x})")
        if always:
            w.line(f"_bs_reset(_bs_s{x})")
        if c.tells_late(x):
            w.line(f"_bs_late = _bs_late or _bs_clock() >= _bs_e{x}")
