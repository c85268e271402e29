"""A gate in a frame that is asked through its methods: a rate limit, and a throttle on entry.

A rate limit hears of nothing but failures, if at all: it costs nothing after a result.
"""

from __future__ import annotations

from backstay_core.strategies.queue import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def caller_of(c: Composer, x: int) -> str:
    """Source of the further argument that says whose call it is, for a gate that asks."""
    return ", _bs_P.caller()" if c.layers[x].asks else ""


def waiting(c: Composer, x: int) -> str:
    """Source of waiting in the queue of the gate at `x`; it ends with a permit or an exception."""
    waits = "await _bs_wait_in_loop" if c.asynchronous else "_bs_wait_in_thread"
    caller = "_bs_o" if c.bounded else "_bs_current_deadline()"
    bounds = caller if c.asynchronous else c.bounds(x)
    return f"{waits}(_bs_L{x}, _bs_at{x}, _bs_P.ports, {bounds}{caller_of(c, x)})"


def enter(c: Composer, x: int, first: int) -> None:
    w = c.writer
    gate = c.layers[x]
    if isinstance(gate, Queue) and gate.options.queue:
        with c.giving_back(first, x):
            w.line(f"_bs_p{x} = _bs_L{x}.let_in(_bs_clock(){caller_of(c, x)})")
            with w.block(f"if _bs_p{x} is None:"):
                w.line(f"_bs_p{x} = {waiting(c, x)}")
        return
    ask = f", None{caller_of(c, x)}" if gate.asks else ""
    with c.giving_back(first, x):
        w.line(f"_bs_p{x} = _bs_L{x}.admit(_bs_clock(){ask})")
        with w.block(f"if _bs_p{x}.decision < 0:"):
            w.line(f"raise _bs_refusal(_bs_p{x}, _bs_at{x})")


def fail(c: Composer, x: int) -> None:
    """After an error."""
    c.writer.line(
        f"_bs_e = _bs_settle_error(_bs_L{x}, _bs_p{x}, _bs_clock(), 0, _bs_e, "
        f"None if not _bs_isinstance(_bs_e, _bs_Exception) else {c.failure()})"
    )
