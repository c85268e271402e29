"""The roles of a strategy, and what a gate answers.

=========== =========================================================================================
role        contract
=========== =========================================================================================
gate        ``admit(now, wake, caller)`` → a permit, a `Ticket` (wait) or a `Refusal`; ``poll(ticket, now)`` looks
            again; ``settle(permit, now, verdict)``; ``abandon(ticket, now)``; ``judge(failure, took)`` and
            ``judge_value(value, took, late)`` → verdict, which is read by nobody but `settle`; ``age(permit, now)``,
            ``issued(age, now)``, ``regain(permit)`` and ``rejoin(ticket, now)``: how a call that moves holds on to it
driver      ``again(call, failure, now, deadline)`` → the pause before the next attempt, or None to give up
bound       ``delay_ns`` for what is inside it
substitute  ``applies(failure)``, ``applies_to_value(value)``: a value in place of a call
race        ``race(call, at)``: what is inside, several times beside each other (`backstay_core.racing`)
lookup      ``goes_on(failure)``, ``looks_again(failure)``: a value that is known already
fault       ``strikes(now, rng)``, ``failure(where)``: what goes wrong on purpose
=========== =========================================================================================

Whatever a gate answers says what it is by its ``decision``: the answer *is* the permit, the ticket or the refusal.

Every method that changes state allocates first and then runs straight on: between its check and its last write there
is no call, loop or allocation. On a GIL build nothing can come in between (no thread switch, no signal handler, no
finalizer), so no lock is needed and none is held while a user's code runs. Such regions stand between ``# -- straight
line`` and ``# -- end`` and a test reads their bytecode. What every call changes is changed within one line, because a
tracer written in Python runs between lines.
"""

from backstay_core.state import Reader, seal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.options import Options

GATE = "gate"
DRIVER = "driver"
BOUND = "bound"
SUBSTITUTE = "substitute"
FAULT = "fault"
LOOKUP = "lookup"
RACE = "race"

GRANTED = 1
WAITING = 0
REFUSED = -1
GONE = -2  # a ticket nobody holds any more


class Permit:
    """Leave to go on. It *is* the epoch in which it was issued: an outcome that comes back after the epoch has ended
    finds an object that nobody reads any more."""

    __slots__ = ()
    decision = GRANTED


class Refusal:
    """No. `reason` is an UPPER_SNAKE word; `retry_after` says in how many ns it is worth asking again, if known."""

    __slots__ = ("reason", "retry_after")
    decision = REFUSED

    def __init__(self, reason: str, retry_after: "int | None" = None) -> None:
        self.reason = reason
        self.retry_after = retry_after


class Ticket:
    """A place in a gate's queue.

    `wake` is called from whichever thread lets it in, or finds that its time has changed; it must not block or run user
    code. Waiting ends by itself at `end`; `until` is when to poll next, at the latest. `status` says what has become of
    it, which any thread may change at any time: WAITING, GRANTED (there is a `permit`) or GONE. Its rank in the queue
    is its `priority`, then its `round` (see `priority`), then its `place` among those, from 1 (0: it has none yet).
    """

    __slots__ = ("end", "next", "permit", "place", "prev", "priority", "round", "status", "tenant", "until", "wake")
    decision = WAITING

    def __init__(self, wake: "Callable[[], object]", end: int) -> None:
        self.status = WAITING
        self.prev: "Ticket | None" = None
        self.next: "Ticket | None" = None
        self.permit: "Permit | None" = None
        self.priority = 0
        self.round = 0
        self.place = 0
        self.tenant = ""
        self.until = end
        self.end = end
        self.wake = wake

    def within(self, deadline: int) -> None:
        """Wait no longer than that."""
        if deadline < self.end:
            self.end = deadline
        if deadline < self.until:
            self.until = deadline


def inform(emit: "Callable[[int, str, Any], object]", now: int, event: str, detail: "Any") -> None:
    """Tell a listener. Who watches is not part of the call: an error of his changes nothing in it."""
    try:
        emit(now, event, detail)
    except Exception:
        pass


class State:
    """What a strategy remembers. `emit`, if set, is told of events by ``emit(now, event, detail)`` after the change."""

    __slots__ = ("emit", "options")
    ROLE = ""
    draws = False  # at random, for a call
    asks = False  # whose call it is
    hears_values = True  # of a gate: does anything happen there when a call has returned,
    hears_failures = True  # … or failed?
    options: "Options"

    def __init__(self, options: "Options") -> None:
        self.options = options
        self.emit: "Callable[[int, str, Any], object] | None" = None

    def tell(self, now: int, event: str, detail: "Any" = None) -> None:
        if self.emit is not None:
            inform(self.emit, now, event, detail)

    def snapshot(self, now: int, wall: "int | None" = None) -> "dict[str, Any]":
        """The state as plain data, with times relative to `now` (ns). `wall` is a stamp in ns since the Unix epoch."""
        return seal(self.options.KIND, self.options.fingerprint(), self.body(now), wall)

    def restore(self, data: "Any", now: int, mode: str, wall: "int | None" = None) -> None:
        """Take over a snapshot: *resume* (calls in flight live on) or *revive* (they are gone).

        The time between the snapshot's wall-clock stamp and `wall`, if both are known, counts as passed. Raises
        `SnapshotError` and changes nothing if the snapshot does not fit.
        """
        self.adopt(self.parse(self.reader(data, mode, wall), now))

    def reader(self, data: "Any", mode: str, wall: "int | None") -> Reader:
        return Reader(data, self.options.KIND, self.options.fingerprint(), mode, wall)

    def body(self, now: int) -> "dict[str, Any]":
        """What there is to save."""
        return {}

    def parse(self, read: Reader, now: int) -> "Any":
        """What there is to take over, checked. Changes nothing."""
        return None

    def adopt(self, parsed: "Any") -> None:
        """Take over what `parse` returned."""


class Gate(State):
    """What lets calls in. Its `epoch` is the permit that it gives."""

    __slots__ = ()
    ROLE = GATE
    EPOCHS = 1  # that an outcome may still count in
    epoch: "Any"

    def orphan(self) -> Permit:
        """A permit of an epoch that is over: nobody looks at it any more."""
        raise NotImplementedError

    def age(self, permit: "Any", now: int) -> "int | None":
        """In which epoch a permit was issued: 0 for the present one; None if its outcome counts nowhere any more."""
        return 0 if permit is self.epoch else None

    def issued(self, age: "int | None", now: int) -> Permit:
        """The permit of that `age`, for a call that holds one in a snapshot of this state."""
        permit: Permit = self.orphan() if age is None else self.epoch
        return permit

    def regain(self, permit: "Any") -> None:
        """Such a call goes on with its permit. The snapshot of the state has counted it already, if at all."""
