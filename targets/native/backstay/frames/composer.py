"""Writes a frame: the parts of `emitters` in the order that the rules of composition ask for (see the package)."""

from __future__ import annotations

from backstay.classification import ClassMatcher
from backstay.errors import CircuitOpen
from backstay.frames.emit import breaker, bulkhead, call, fallback, retry, timeout
from backstay.frames.predicates import has_predicate
from backstay.frames.source import Writer
from backstay_core.options import KindMatcher
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.bulkhead import Places
from backstay_core.strategies.fallback import Substitute
from backstay_core.strategies.retry import Retrier
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy

GATES = (Breaker, Places)


class Composer:
    """One frame in the making. `names` are the global names that its code will find."""

    def __init__(self, policy: Policy, asynchronous: bool, call: str, arguments: str, *, checked: bool) -> None:
        self.policy = policy
        self.layers: tuple[Any, ...] = policy.layers
        self.asynchronous = asynchronous
        self.call = call
        self.arguments = arguments
        self.checked = checked  # refuse a coroutine where a result belongs
        self.writer = Writer()
        self.bounded = any(isinstance(layer, Deadline) for layer in self.layers)
        self.hears_late = self.tells_late(len(self.layers))
        #  how errors name the strategies
        self.own = tuple(f"{policy.name}: {layer.options.KIND}" for layer in self.layers)

    def write(self) -> str:
        """The body of the frame, ending in ``return``."""
        w = self.writer
        w.enter()
        call.begin(self)
        if self.asynchronous and self.bounded:
            with w.block("try:"):
                timeout.find_home_early(self)
                self.whole()
            with w.block("except _bs_Elsewhere:"):
                w.line("pass")
            w.line(f"return await _bs_elsewhere(_bs_P, _bs_f, _bs_pack({self.arguments}))")
        else:
            self.whole()
        w.leave()
        return w.text()

    def whole(self) -> None:
        """All layers, and errors of the user's own rules past all that judges exceptions; ends the frame."""
        w = self.writer
        if not self.may_be_mistaken():
            self.inside(0)
            w.line("return _bs_r")
            return
        with w.block("try:"):
            self.inside(0)
        with w.block("except _bs_PolicyBug as _bs_e:"):
            w.line("_bs_z = _bs_e.error")
        with w.block("else:"):
            w.line("return _bs_r")
        w.line("raise _bs_z")

    def may_be_mistaken(self) -> bool:
        """Can the user's own code break the policy's rules, so that no strategy may be asked about it (EX5)?"""
        return (
            self.checked
            or not self.asynchronous
            or any(
                has_predicate(layer) or (isinstance(layer, Substitute) and callable(layer.options.value))
                for layer in self.layers
            )
        )

    def inside(self, i: int) -> None:
        """Layers `i` and further in; the result is in ``_bs_r``."""
        w = self.writer
        if i == len(self.layers):
            call.attempt(self)
            return
        layer = self.layers[i]
        if isinstance(layer, GATES):
            end = self.end_of_gates(i)
            self.segment(i, end)
        elif isinstance(layer, Substitute):
            self.hoist(i)
            with w.block("try:"):
                self.inside(i + 1)
            fallback.substitute(self, i)
        elif isinstance(layer, Deadline):
            self.hoist(i)
            timeout.bounded(self, i)
        else:
            self.hoist(i)
            retry.retried(self, i, self.end_of_gates(i + 1))

    def end_of_gates(self, i: int) -> int:
        while i < len(self.layers) and isinstance(self.layers[i], GATES):
            i += 1
        return i

    def segment(self, i: int, end: int) -> None:
        """Gates `i` … `end` − 1, and what is inside them."""
        w = self.writer
        self.enter(i, end)
        with w.block("try:"):
            self.inside(end)
        with w.block("except _bs_BaseException as _bs_e:"):
            self.leave_failed(i, end)
            w.line("raise")
        self.leave(i, end)

    def enter(self, i: int, end: int) -> None:
        for x in range(i, end):
            layer = self.layers[x]
            if isinstance(layer, Breaker):
                breaker.enter(self, x, i)
            else:
                bulkhead.enter(self, x, i)

    def leave(self, i: int, end: int) -> None:
        """After a result, innermost first."""
        for x in range(end - 1, i - 1, -1):
            with self.giving_back(i, x):
                if isinstance(self.layers[x], Breaker):
                    breaker.settle(self, x)
                else:
                    bulkhead.release(self, x)

    def leave_failed(self, i: int, end: int) -> None:
        """After an error (in ``_bs_e``), innermost first; each in the ``try`` of a ``finally`` with the next (4)."""
        w = self.writer
        w.line("_bs_cls = None")
        nested = range(end - 1, i, -1)
        looks = max((x for x in range(i, end) if isinstance(self.layers[x], Breaker)), default=None)
        for x in nested:
            with w.block("try:"):
                if x == looks:
                    self.look()
                self.fail_one(x)
            w.line("finally:")
            w.enter()
        if end > i:
            if i == looks:
                self.look()
            self.fail_one(i)
        for _ in nested:
            w.leave()
        if looks is None:
            self.look()
        if any(has_predicate(self.layers[x]) for x in range(i, end)):
            with w.block("if _bs_type(_bs_e) is _bs_PolicyBug:"):
                w.line("raise _bs_e")

    def look(self) -> None:
        """Find the class by which answers are remembered: only where an interrupt in it leaves no place taken.

        What carries something is looked at each time."""
        self.writer.line("_bs_cls = None if _bs_held(_bs_e) else _bs_type(_bs_e)")

    def fail_one(self, x: int) -> None:
        layer = self.layers[x]
        if isinstance(layer, Breaker):
            breaker.fail(self, x)
        else:
            bulkhead.release(self, x)

    def abandon(self, i: int, end: int) -> None:
        """Leave gates without a verdict."""
        for x in range(end - 1, i - 1, -1):
            layer = self.layers[x]
            if isinstance(layer, Breaker):
                breaker.leave(self, x)
            else:
                bulkhead.release(self, x)

    def giving_back(self, i: int, x: int) -> GivingBack:
        """``with c.giving_back(i, x): …``: an error in what is written inside leaves the gates `i` … `x` − 1."""
        return GivingBack(self, i, x)

    def hoist(self, i: int) -> None:
        """The check of an open breaker over what is around it and leaves a refusal alone (5), once, at the
        outermost."""
        layers = self.layers
        if not _lets_refusals_pass(layers[i]) or (i and _lets_refusals_pass(layers[i - 1])):
            return
        end = i
        while end < len(layers) and _lets_refusals_pass(layers[end]):
            end += 1
        around = range(i, end)
        if end < len(layers) and isinstance(layers[end], Breaker):
            retries = [x for x in around if isinstance(layers[x], Retrier)]
            if len(retries) < len(around):  # a Retry alone is fused with the breaker: no gain
                breaker.hoisted_refusal(self, end, retries)

    def bounds(self, x: int) -> str:
        """Source of the Timeouts around layer `x` with their deadlines, outermost first."""
        found = [f"(_bs_L{y}, _bs_d{y}, _bs_o{y})" for y in range(x) if isinstance(self.layers[y], Deadline)]
        return "(" + "".join(item + ", " for item in found) + ")"

    def lateness(self, x: int) -> str | None:
        """Source of "a Timeout inside the breaker at `x` had run out", None if there is none inside.

        One Timeout in a thread, with nothing between that could make a new result, is asked by the clock right there;
        otherwise Timeouts leave word in ``_bs_late``.
        """
        inner = self.layers[x + 1 :]
        timeouts = [y for y, layer in enumerate(inner, x + 1) if isinstance(layer, Deadline)]
        if not timeouts:
            return None
        if self.asynchronous or len(timeouts) > 1 or any(isinstance(layer, Substitute) for layer in inner):
            return "_bs_late"
        return f"_bs_clock() >= _bs_d{timeouts[0]}"

    def tells_late(self, x: int) -> bool:
        """Must the Timeout at `x` leave word?"""
        return any(
            isinstance(layer, Breaker) and self.lateness(y) == "_bs_late" for y, layer in enumerate(self.layers[:x])
        )

    def is_first_timeout(self, x: int) -> bool:
        return not any(isinstance(layer, Deadline) for layer in self.layers[:x])

    def deadline_at(self, x: int) -> str:
        """Source of the deadline that applies outside layer `x`."""
        if not self.asynchronous:
            return "_bs_a[0]" if self.bounded else "_bs_current_deadline()"
        for y in range(x - 1, -1, -1):
            if isinstance(self.layers[y], Deadline):
                return f"_bs_d{y}"
        return "_bs_o" if self.bounded else "_bs_current_deadline()"

    def publishes_for_another(self, x: int) -> bool:
        """Does the Timeout around that at `x` leave it to publish the deadline, whichever of the two is tighter?"""
        around = [y for y in range(x) if isinstance(self.layers[y], Deadline)]
        return bool(around) and not self.publishes(around[-1])

    def publishes(self, x: int) -> bool:
        """Can the user's code run inside the Timeout at `x` and outside the next one in? Else that one publishes for
        both (a set and reset of the context variable cost 165 ns)."""
        for layer in self.layers[x + 1 :]:
            if isinstance(layer, Deadline):
                return False
            if isinstance(layer, Substitute) and callable(layer.options.value):
                return True
        return True


class GivingBack:
    """A ``try`` around what may fail, or be interrupted, while permits are held that no other ``try`` gives back."""

    __slots__ = ("_block", "_composer", "_gates")

    def __init__(self, composer: Composer, i: int, x: int) -> None:
        self._composer = composer
        self._gates = i, x
        self._block = composer.writer.block("try:") if x > i else None

    def __enter__(self) -> None:
        if self._block is not None:
            self._block.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._block is not None:
            self._block.__exit__()
            with self._composer.writer.block("except _bs_BaseException:"):
                self._composer.abandon(*self._gates)
                self._composer.writer.line("raise")


def _lets_refusals_pass(layer: Any) -> bool:
    """Is a breaker's refusal the same outside `layer` as inside?"""
    if isinstance(layer, Substitute):
        matcher = layer.options.on_matches
        if isinstance(matcher, KindMatcher):
            return "rejected" not in matcher.kinds
        return isinstance(matcher, ClassMatcher) and not issubclass(CircuitOpen, matcher.classes)
    return isinstance(layer, (Deadline, Retrier))
