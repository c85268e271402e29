"""Blocks of a frame that are there only if there is something for them to do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer
    from backstay.frames.source import Writer


class After:
    """Goes on after a ``try``, or in its ``else`` if the frame ends there."""

    __slots__ = ("_block", "_writer")

    def __init__(self, writer: Writer, *, ends: bool) -> None:
        self._writer = writer
        self._block = writer.block("else:") if ends else None

    def __enter__(self) -> None:
        if self._block is not None:
            self._block.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._block is not None:
            self._writer.line("return _bs_r")
            self._block.__exit__()


class GivingBack:
    """A ``try`` around what may fail, or be interrupted, while permits are held that no other ``try`` gives back."""

    __slots__ = ("_block", "_composer", "_gates")

    def __init__(self, composer: Composer, i: int, x: int) -> None:
        self._composer = composer
        self._gates = i, x
        self._block = composer.writer.block("try:") if composer.heard(i, x, "hears_values") else None

    def __enter__(self) -> None:
        if self._block is not None:
            self._block.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._block is not None:
            self._block.__exit__()
            with self._composer.writer.block("except _bs_BaseException:"):
                self._composer.abandon(*self._gates)
                self._composer.writer.line("raise")
