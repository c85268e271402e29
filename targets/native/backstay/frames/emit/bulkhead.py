"""The bulkhead in a frame."""

from __future__ import annotations

from backstay.frames.emit.gate import waiting
from backstay_core.strategies.bulkhead import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def kept(c: Composer, x: int) -> str:
    """Source of how many places are withheld; a bulkhead's number never changes."""
    layer = c.layers[x]
    if type(layer) is Places or not layer.options.shed_ppm:
        return str(layer.withheld)
    return f"_bs_L{x}.withheld"


def enter(c: Composer, x: int, first: int, waited: str = "") -> None:
    """`waited` is a statement for after a wait."""
    w = c.writer
    if kept(c, x) != "0":
        with c.giving_back(first, x):
            w.line(f"_bs_p{x} = _bs_L{x}.enter(_bs_P.caller().priority)")
        no_place = f"if _bs_p{x} is None:"
    else:
        w.line(f"_bs_p{x} = _bs_L{x}.epoch")
        w.line(f"_bs_x = _bs_p{x}.free; _bs_p{x}.free = _bs_x - (_bs_x > 0)")  # one line, no branch: see `tracing`
        no_place = "if _bs_x <= 0:"
    with w.block(no_place):
        with c.giving_back(first, x):
            w.line(f"_bs_p{x} = {waiting(c, x)}")
        if waited:
            with c.giving_back(first, x + 1):
                w.line(waited)


def release(c: Composer, x: int) -> None:
    w = c.writer
    w.line(f"_bs_x = _bs_p{x}.free + 1; _bs_p{x}.free = _bs_x")
    with w.block(f"if _bs_x <= {kept(c, x)}:"):
        w.line(f"_bs_L{x}.hand_over()")


settle = fail = leave = release
