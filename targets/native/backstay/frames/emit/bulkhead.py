"""The bulkhead in a frame."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def enter(c: Composer, x: int, first: int) -> None:
    w = c.writer
    waits = "await _bs_wait_in_loop" if c.asynchronous else "_bs_wait_in_thread"
    caller = "_bs_o" if c.bounded else "_bs_current_deadline()"
    bounds = ", " + (caller if c.asynchronous else c.bounds(x))
    w.line(f"_bs_p{x} = _bs_L{x}.epoch")
    w.line(f"_bs_x = _bs_p{x}.free; _bs_p{x}.free = _bs_x - (_bs_x > 0)")  # one line, no branch: see `tracing`
    with w.block("if _bs_x <= 0:"), c.giving_back(first, x):
        w.line(f"_bs_p{x} = {waits}(_bs_L{x}, _bs_at{x}, _bs_P.ports{bounds})")


def release(c: Composer, x: int) -> None:
    w = c.writer
    w.line(f"_bs_x = _bs_p{x}.free + 1; _bs_p{x}.free = _bs_x")
    with w.block("if _bs_x <= 0:"):
        w.line(f"_bs_L{x}.hand_over()")
