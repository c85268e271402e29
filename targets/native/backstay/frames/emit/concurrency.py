"""The concurrency limit in a frame: a bulkhead that is told what came of each call."""

from __future__ import annotations

from backstay.frames.emit import bulkhead

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def enter(c: Composer, x: int, first: int) -> None:
    began = f"_bs_b{x} = _bs_clock()"
    with c.giving_back(first, x):
        c.writer.line(began)
    bulkhead.enter(c, x, first, began if c.layers[x].options.queue else "")  # who waits is not inside yet


def release(c: Composer, x: int) -> None:
    c.writer.line(f"_bs_x{x} = _bs_L{x}.limit - _bs_L{x}.epoch.free - _bs_L{x}.waiting")
    bulkhead.release(c, x)


def settle(c: Composer, x: int) -> None:
    """After a result. The place is given back before anything is called, so that no interrupt can keep it."""
    w = c.writer
    release(c, x)
    w.line("_bs_b = _bs_clock()")
    w.line(f"_bs_L{x}.measure(_bs_p{x}, _bs_b, _bs_L{x}.judge_value(_bs_r, _bs_b - _bs_b{x}, False), _bs_x{x})")


def fail(c: Composer, x: int) -> None:
    release(c, x)
    c.writer.line(
        f"_bs_e = _bs_measure_error(_bs_L{x}, _bs_p{x}, _bs_clock(), _bs_e, _bs_x{x}) "
        "if _bs_isinstance(_bs_e, _bs_Exception) else _bs_e"
    )


leave = bulkhead.release
