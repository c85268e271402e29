"""A bulkhead beside two lists: who is inside, and who waits."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.contract import GRANTED, REFUSED, WAITING
from tests.property.cases import cases

MS = 10**6
PICK = st.integers(0, 10**6)


class BesideLists(RuleBasedStateMachine):
    """`granted`: tickets that have a place, whose callers have not yet looked."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.inside: list[Any] = []
        self.line: list[Any] = []
        self.granted: list[Any] = []
        self.woken: list[Any] = []

    @initialize(limit=st.integers(1, 4), queue=st.integers(0, 4), wait=st.sampled_from((None, 0, 0.002)))
    def begin(self, limit: int, queue: int, wait: "float | None") -> None:
        self.options = Bulkhead(limit, queue=queue, wait=wait)
        self.wait = wait
        self.places: Any = self.options.state()

    def free(self) -> int:
        return self.options.limit - len(self.inside) - len(self.granted)

    @rule(ms=st.integers(0, 3))
    def time_passes(self, ms: int) -> None:
        self.now += ms * MS

    @rule(may_wait=st.booleans())
    def a_call_comes(self, may_wait: bool) -> None:
        mine: list[Any] = []
        free, room = self.free(), len(self.line) < self.options.queue
        answer = self.places.admit(self.now, (lambda: self.woken.append(mine[0])) if may_wait else None)
        mine.append(answer)
        if free > 0:
            assert answer.decision == GRANTED
            assert not self.line
            self.inside.append(answer)
        elif may_wait and room:
            assert answer.decision == WAITING
            assert self.wait is None or answer.until == self.now + round(self.wait * 1e9)
            self.line.append(answer)
        else:
            assert (answer.decision, answer.reason) == (REFUSED, "BULKHEAD_FULL")

    def expect_hand_over(self, places: int = 1) -> None:
        """The first in the line, and nobody else, is called for each place that came free."""
        expected = self.line[:places]
        assert self.woken == expected
        del self.line[:places]
        self.granted += expected
        self.woken.clear()

    @rule(pick=PICK)
    def a_call_ends(self, pick: int) -> None:
        if self.inside:
            self.places.settle(self.inside.pop(pick % len(self.inside)), self.now, 0)
            self.expect_hand_over()

    @rule(pick=PICK)
    def one_who_waits_looks(self, pick: int) -> None:
        asked = self.line + self.granted
        if not asked:
            return
        ticket = asked[pick % len(asked)]
        answer = self.places.poll(ticket, self.now)
        if ticket in self.granted:
            assert answer.decision == GRANTED
            self.granted.remove(ticket)
            self.inside.append(answer)
        elif self.now < ticket.until:
            assert answer is ticket
        else:
            assert (answer.decision, answer.reason) == (REFUSED, "BULKHEAD_WAIT")
            self.line.remove(ticket)

    @rule(pick=PICK, twice=st.booleans())
    def one_who_waits_goes(self, pick: int, twice: bool) -> None:
        asked = self.line + self.granted
        if not asked:
            return
        ticket = asked[pick % len(asked)]
        for _ in range(1 + twice):
            self.places.abandon(ticket, self.now)
        if ticket in self.granted:
            self.granted.remove(ticket)
            self.expect_hand_over()
        else:
            self.line.remove(ticket)

    @rule()
    def revived(self) -> None:
        if self.line or self.granted:
            return
        gone = self.inside[:]
        self.places.restore(self.places.snapshot(self.now), self.now, "revive")
        for permit in gone:
            self.places.settle(permit, self.now, 0)
        self.inside.clear()

    @invariant()
    def as_the_lists_say(self) -> None:
        if hasattr(self, "places"):
            state = self.places.snapshot(self.now)["state"]
            assert state == {"inside": len(self.inside) + len(self.granted), "waiting": len(self.line)}
            assert state["inside"] <= self.options.limit
            assert not (self.line and self.free() > 0), "somebody waits before a free place"

    def teardown(self) -> None:
        if not hasattr(self, "places"):
            return
        while self.inside or self.granted or self.line:
            self.a_call_ends(0)
            while self.granted:
                self.one_who_waits_looks(len(self.line))
        assert self.places.snapshot(self.now)["state"] == {"inside": 0, "waiting": 0}


def test_a_bulkhead_is_what_its_lists_say() -> None:
    run_state_machine_as_test(BesideLists, settings=cases(0.3, stateful_step_count=40))
