"""The circuit breaker in a frame."""

from __future__ import annotations

from backstay.frames.emit import retry
from backstay.frames.predicates import is_plain
from backstay_core.failure import FAILED, OK, SLOW
from backstay_core.options import PPM
from backstay_core.strategies.breaker import AUTO
from backstay_core.strategies.bulkhead import Places
from backstay_core.strategies.retry import Retrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from backstay.frames.composer import Composer


def enter(c: Composer, x: int, first: int) -> None:
    w = c.writer
    w.line(f"_bs_p{x} = _bs_L{x}.closed")
    with w.block(f"if _bs_p{x} is None:"), c.giving_back(first, x):
        w.line("_bs_b = _bs_clock()")
        with w.block(f"if _bs_L{x}.until > _bs_b and _bs_L{x}.mode == {AUTO!r}:"):
            _refuse(c, x)
        w.line(f"_bs_p{x} = _bs_L{x}.admit(_bs_b)")
        with w.block(f"if _bs_p{x}.decision < 0:"):
            w.line(f"raise _bs_refusal(_bs_p{x}, _bs_at{x})")
    if not is_plain(c.layers[x]):
        with c.giving_back(first, x + 1):
            w.line(f"_bs_b{x} = _bs_clock()")


def settle(c: Composer, x: int) -> None:
    """After a result."""
    w = c.writer
    breaker = c.layers[x]
    late = c.lateness(x)
    if not is_plain(breaker):
        w.line(f"_bs_e = _bs_settle_value(_bs_L{x}, _bs_p{x}, _bs_clock(), _bs_b{x}, _bs_r, {late or False})")
        with w.block("if _bs_e is not None:"):
            w.line("raise _bs_e")
        return
    if late:
        with w.block(f"if {late}:"):
            w.line(f"_bs_L{x}.settle(_bs_p{x}, _bs_clock(), {SLOW})")
        w.line("else:")
        w.enter()
    if breaker.options.window_seconds_ns is not None:
        w.line(f"_bs_L{x}.settle(_bs_p{x}, _bs_clock(), {OK})")
    else:
        w.line(f"_bs_x = _bs_p{x}.run")
        with w.block(f"if _bs_x < {breaker.options.window_calls}:"):
            with w.block("if _bs_x >= 0:"):
                size = breaker.options.window_calls
                w.line(f"_bs_p{x}.run = _bs_x + 1 if (_bs_x := _bs_p{x}.run) < {size} else {size}")
            with w.block("else:"):
                w.line(f"_bs_L{x}.settle(_bs_p{x}, _bs_clock(), {OK})")
    if late:
        w.leave()


def fail(c: Composer, x: int) -> None:
    """After an error."""
    w = c.writer
    if not is_plain(c.layers[x]):
        w.line(
            f"_bs_e = _bs_settle_error(_bs_L{x}, _bs_p{x}, _bs_clock(), _bs_b{x}, _bs_e, "
            f"None if not _bs_isinstance(_bs_e, _bs_Exception) else {c.failure()})"
        )
        return
    c.answer("_bs_v", f"V{x}")
    if c.layers[x].options.window_seconds_ns is None:
        with w.block(f"if _bs_v == {FAILED} and _bs_p{x} is _bs_L{x}.closed:"):
            _count_failure(c, x)
        w.line(f"elif _bs_v or _bs_p{x}.run < 0:")
    else:
        w.line(f"if _bs_v or _bs_p{x} is not _bs_L{x}.closed:")
    w.line(f"    _bs_L{x}.settle(_bs_p{x}, _bs_clock(), _bs_v)")


def _count_failure(c: Composer, x: int) -> None:
    """What `CallWindow.add` and `Breaker.settle` do with a failure, written out: 0.3 µs less, and no clock is read."""
    w = c.writer
    options = c.layers[x].options
    size, window = options.window_calls, f"_bs_p{x}"
    w.line(f"_bs_x = {window}.run + 1; _bs_s = {window}.seen + _bs_x; {window}.run = 0")
    w.line(f"{window}.failed = ({window}.failed << _bs_x | 1) & _bs_m{x}")
    with w.block(f"if {window}.slow:"):
        w.line(f"{window}.slow = ({window}.slow << _bs_x) & _bs_m{x}")
    w.line(f"{window}.seen = _bs_s = _bs_s if _bs_s < {size} else {size}", f"{window}.bad = {window}.bad + 1")
    w.line(f"_bs_x = {window}.bad - {window}.gone")
    with w.block(f"if _bs_x >= {options.least_bad} and _bs_x * {PPM} >= {options.least_ppm} * _bs_s:"):
        w.line(f"_bs_L{x}.evaluate({window}, _bs_clock())")


def leave(c: Composer, x: int) -> None:
    with c.writer.block(f"if _bs_p{x}.run < 0:"):
        c.writer.line(f"_bs_L{x}.settle(_bs_p{x}, _bs_clock(), 0)")


def hoisted_refusal(c: Composer, x: int, i: int, answered: bool) -> None:
    """What becomes of a call while the breaker at `x` is open, at the head of the layers `i` … `x` − 1.

    Gates among them are passed as if they had been entered and left, which they let see only if they are not free to
    enter. `answered`: by the Fallback at `i`, without an exception, once it is known to answer this one.
    """
    w = c.writer
    around = list(enumerate(c.layers[i:x], i))
    free = "".join(f" and _bs_L{y}.epoch.free > 0" for y, layer in around if isinstance(layer, Places))
    known = f" and _bs_A{i}(_bs_CircuitOpen)" if answered else ""
    unheard = f" and _bs_P.emit is None and _bs_L{x}.emit is None" if answered else ""
    opened = f"_bs_L{x}.closed is None{free}{known} and _bs_L{x}.until > (_bs_b := _bs_clock())"
    with w.block(f"if {opened} and _bs_L{x}.mode == {AUTO!r}{unheard}:"):
        for y, layer in around:
            if isinstance(layer, Retrier):
                retry.deposit(c, y)
        if answered:
            w.line(f"return _bs_L{i}.options.value")
        else:
            _refuse(c, x)


def _refuse(c: Composer, x: int) -> None:
    """What `Breaker.admit` does while it is open, written out."""
    w = c.writer
    with w.block(f"if _bs_L{x}.emit is not None:"):
        w.line(f"_bs_L{x}.tell(_bs_b, 'refused')")
    w.line(f"raise _bs_CircuitOpen(_bs_at{x}, 'CIRCUIT_OPEN', _bs_L{x}.until - _bs_b)")
