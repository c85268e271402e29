"""The throttle in a frame: asked like any gate, and left without a call, so that no interrupt can keep what runs."""

from __future__ import annotations

from backstay.frames.emit import gate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer

enter = gate.enter


def settle(c: Composer, x: int) -> None:
    """After a result, which is always an acceptance (TH2)."""
    c.writer.line(f"_bs_p{x}.running -= 1; _bs_p{x}.accepted += 1")


def leave(c: Composer, x: int) -> None:
    """As a call that told nothing."""
    c.writer.line(f"_bs_p{x}.running -= 1; _bs_p{x}.requests -= 1")


def fail(c: Composer, x: int) -> None:
    """After an error: it has told nothing until it is judged."""
    leave(c, x)
    c.writer.line(
        f"_bs_e = _bs_count_error(_bs_L{x}, _bs_p{x}, _bs_e) if _bs_isinstance(_bs_e, _bs_Exception) else _bs_e"
    )
