"""Writes a frame: the parts of `emitters` in the order that the rules of composition ask for (see the package)."""

from __future__ import annotations

from backstay.frames.blocks import After, GivingBack
from backstay.frames.deadlines import Deadlines
from backstay.frames.emit import (
    breaker,
    bulkhead,
    call,
    concurrency,
    fallback,
    gate,
    inject,
    lookup,
    retry,
    throttle,
    timeout,
)
from backstay.frames.predicates import has_predicate, lets_refusals_pass, runs_code
from backstay.frames.source import Writer
from backstay_core.strategies.breaker import Breaker
from backstay_core.strategies.bulkhead import Places
from backstay_core.strategies.concurrency_limit import Slots
from backstay_core.strategies.contract import GATE, LOOKUP
from backstay_core.strategies.fallback import Substitute
from backstay_core.strategies.inject import Faults
from backstay_core.strategies.retry import Retrier
from backstay_core.strategies.throttle import Tally
from backstay_core.strategies.timeout import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy

#  who writes a gate; any other is written by `gate`
WRITERS: dict[type, Any] = {Breaker: breaker, Places: bulkhead, Slots: concurrency, Tally: throttle}


def writer_of(layer: Any) -> Any:
    return WRITERS.get(type(layer), gate)


#  does the error carry anything but notes? Only asked of classes with an ordinary ``__dict__`` (`judging.is_ordinary`)
CARRIES = '(_bs_x := _bs_e.__dict__) and (_bs_len(_bs_x) > 1 or "__notes__" not in _bs_x)'


class Composer(Deadlines):
    """One frame in the making. `names` are the global names that its code will find."""

    def __init__(
        self, policy: Policy, asynchronous: bool, call: str, arguments: str, *, checked: bool, keyed: Any = None
    ) -> None:
        self.policy = policy
        #  an Inject that is off is left out; the others draw by their place in the policy
        self.places = tuple(
            x for x, layer in enumerate(policy.layers) if not isinstance(layer, Faults) or layer.enabled
        )
        super().__init__(tuple(policy.layers[x] for x in self.places), asynchronous=asynchronous)
        self.call = call
        self.arguments = arguments
        self.keyed = keyed  # the policy is the first argument, and states of its own are local names
        self.checked = checked  # refuse a coroutine where a result belongs
        self.writer = Writer()
        self.looks = any(layer.ROLE == LOOKUP for layer in self.layers)
        self.hears_late = self.tells_late(len(self.layers))
        #  (6); without any, there is nothing to merge with
        self.merges = bool(self.layers) and self.may_be_mistaken() and not any(map(runs_code, self.layers))
        self.looked = False  # has the class of the error been looked at already, where the code is written now?
        #  how errors name the strategies
        self.own = tuple(f"{policy.name}: {layer.options.KIND}" for layer in self.layers)

    def write(self) -> str:
        """The body of the frame, ending in ``return``."""
        w = self.writer
        w.enter()
        if self.keyed is not None:
            call.unpack(self)
        call.begin(self)
        inject.begin(self)
        lookup.begin(self)
        self.hoist(0)
        if self.asynchronous and self.bounded:
            timeout.find_home(self)
        self.whole()
        w.leave()
        return w.text()

    def whole(self) -> None:
        """All layers, and what is to be done however they end; ends the frame."""
        if not (self.looks or inject.remembers(self)):
            self.judged()
            return
        with self.writer.block("try:"):
            self.judged()
        with self.writer.block("finally:"):
            lookup.leave(self)
            inject.forget(self)

    def judged(self) -> None:
        """All layers, and errors of the user's own rules past all that judges exceptions."""
        w = self.writer
        if self.merges:
            self.inside(0)
            w.line("raise _bs_z")
            return
        if not self.may_be_mistaken():
            self.inside(0)
            w.line("return _bs_r")
            return
        with w.block("try:"):
            self.inside(0)
        with w.block("except _bs_PolicyBug as _bs_e:"):
            w.line("_bs_z = _bs_e.error")
        with w.block("else:"):
            lookup.completed(self)
            w.line("return _bs_r")
        w.line("raise _bs_z")

    def may_be_mistaken(self) -> bool:
        """Can the user's own code break the policy's rules, so that no strategy may be asked about it (EX5)?"""
        return self.checked or not self.asynchronous or any(map(runs_code, self.layers))

    def ends(self, i: int) -> bool:
        """Is the layer at `i` where a mistake of the user's turns into its error (6)? It then returns the result
        itself, or leaves the error in ``_bs_z``."""
        return i == 0 and self.merges

    def reraise(self, i: int) -> None:
        """The end of a handler of the layer at `i`, for the error in ``_bs_e``."""
        w = self.writer
        if not self.ends(i):
            w.line("raise")
            return
        with w.block("if _bs_type(_bs_e) is not _bs_PolicyBug:"):
            w.line("raise")
        w.line("_bs_z = _bs_e.error")

    def after(self, i: int) -> After:
        """``with c.after(i): …``: what the layer at `i` does after a result."""
        return After(self.writer, ends=self.ends(i))

    def inside(self, i: int) -> None:
        """Layers `i` and further in; the result is in ``_bs_r``."""
        w = self.writer
        if i == len(self.layers):
            call.attempt(self)
            return
        layer = self.layers[i]
        if i and not self.passes(i - 1):
            self.hoist(i)
        if layer.ROLE == GATE:
            self.segment(i, self.end_of_gates(i))
        elif isinstance(layer, Substitute):
            with w.block("try:"):
                self.inside(i + 1)
            fallback.substitute(self, i)
        elif isinstance(layer, Deadline):
            timeout.bounded(self, i)
        elif isinstance(layer, Faults):
            inject.faulty(self, i)
        elif layer.ROLE == LOOKUP:
            lookup.found(self, i)
        else:
            retry.retried(self, i, self.end_of_gates(i + 1))

    def end_of_gates(self, i: int) -> int:
        while i < len(self.layers) and self.layers[i].ROLE == GATE:
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
            self.reraise(i)
        with self.after(i):
            self.leave(i, end)

    def enter(self, i: int, end: int) -> None:
        for x in range(i, end):
            writer_of(self.layers[x]).enter(self, x, i)

    def leave(self, i: int, end: int) -> None:
        """After a result, innermost first."""
        for x in reversed(self.heard(i, end, "hears_values")):
            with self.giving_back(i, x):
                writer_of(self.layers[x]).settle(self, x)

    def heard(self, i: int, end: int, what: str) -> list[int]:
        """Those of the gates `i` … `end` − 1 at which something happens when a call has returned, or failed."""
        return [x for x in range(i, end) if getattr(self.layers[x], what)]

    def leave_failed(self, i: int, end: int) -> None:
        """After an error (in ``_bs_e``), innermost first; each in the ``try`` of a ``finally`` with the next (4)."""
        w = self.writer
        self.looked = False
        if any(isinstance(self.layers[x], Breaker) for x in range(i, end)):
            w.line("_bs_cls = None")
        heard = self.heard(i, end, "hears_failures")
        nested = heard[:0:-1]
        for x in nested:
            with w.block("try:"):
                writer_of(self.layers[x]).fail(self, x)
            w.line("finally:")
            w.enter()
        if heard:
            writer_of(self.layers[heard[0]]).fail(self, heard[0])
        for _ in nested:
            w.leave()
        if any(has_predicate(self.layers[x]) for x in range(i, end)):
            with w.block("if _bs_type(_bs_e) is _bs_PolicyBug:"):
                w.line("raise _bs_e")

    def answer(self, name: str, answers: str) -> None:
        """Into `name`, what a strategy makes of the error: remembered by its class, or asked.

        The first strategy to be asked looks at the error; the class is then in ``_bs_cls``, or None if the error
        carries something and must be looked at each time. This calls, so it stands only where an interrupt in it leaves
        no place taken. Reading ``__dict__`` costs half of calling `held`; a class that is known has an ordinary one.
        """
        w = self.writer
        if self.looked:
            w.line(f"{name} = _bs_{answers}(_bs_cls)")
            with w.block(f"if {name} is None:"):
                w.line(f"{name} = _bs_ask_{answers}(_bs_e)")
            return
        self.looked = True
        w.line("_bs_cls = _bs_type(_bs_e)", f"{name} = _bs_{answers}(_bs_cls)")
        with w.block(f"if {name} is None:"):
            w.line("_bs_cls = None if _bs_held(_bs_e) else _bs_cls", f"{name} = _bs_ask_{answers}(_bs_e)")
        with w.block(f"elif {CARRIES}:"):
            w.line("_bs_cls = None", f"{name} = _bs_ask_{answers}(_bs_e)")

    def failure(self) -> str:
        """Source of the failure that the error in ``_bs_e`` is."""
        return "_bs_known(_bs_j, _bs_e)" if inject.remembers(self) else "_bs_classify(_bs_e)"

    def made_up(self) -> None:
        """What follows is a result that no attempt has returned."""
        if self.hears_late:
            self.writer.line("_bs_late = False")
        if self.looks:
            self.writer.line("_bs_m = False")

    def abandon(self, i: int, end: int) -> None:
        """Leave gates without a verdict."""
        for x in reversed(self.heard(i, end, "hears_values")):
            writer_of(self.layers[x]).leave(self, x)

    def giving_back(self, i: int, x: int) -> GivingBack:
        """``with c.giving_back(i, x): …``: an error in what is written inside leaves the gates `i` … `x` − 1."""
        return GivingBack(self, i, x)

    def passes(self, i: int) -> bool:
        """Does a breaker's refusal further in come out of the layer at `i` as it is, and leave no trace there?"""
        layer = self.layers[i]
        gate = isinstance(layer, Breaker) or (isinstance(layer, Places) and not layer.withheld)
        return gate or lets_refusals_pass(layer)

    def hoist(self, i: int) -> None:
        """The check of the first open breaker over all that is around it and leaves a refusal alone (5)."""
        layers = self.layers
        answering = i == 0 and bool(layers) and fallback.is_value(layers[0]) and not self.passes(0)
        end = i + answering
        while end < len(layers) and self.passes(end) and not isinstance(layers[end], Breaker):
            end += 1
        around = layers[i:end]
        gains = any(not isinstance(layer, Retrier) for layer in around)  # a Retry alone is fused with the breaker
        if gains and end < len(layers) and isinstance(layers[end], Breaker):
            breaker.hoisted_refusal(self, end, i, answering)
