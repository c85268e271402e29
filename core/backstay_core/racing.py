"""A race: several attempts of one call beside each other, inside a Hedge (rules HG1 to HG9 in `strategies.hedge`).

Each attempt is a *lane*, an execution of its own over the strategies inside the Hedge. A lane asks gates for permits of
its own and waits, pauses and times out like any call; only its tokens are those of the whole call, and where an
execution is over and says so to the host, a lane says so to the race. So a call without a Hedge knows nothing of all
this, and a Hedge inside a Hedge needs nothing more.
"""

from backstay_core.execution import OVER, PAUSED, QUEUED, RACING, WAIT, WAKE, Execution
from backstay_core.failure import NEVER, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.execution import Action

SALT = 1 << 16  # between the random streams of two attempts (HG5)


class Lane(Execution):
    """One attempt. `until` is when its wait ends, None while it does not wait; `result` what came of it, once it is
    OVER: (failure, value, token)."""

    __slots__ = ("entered", "owner", "result", "until")

    def __init__(self, owner: "Race", number: int, now: int) -> None:
        call = owner.call
        super().__init__(call.policy, call.wake, call.deadlines[0], call.caller)
        self.owner = owner
        self.base = owner.at + 1
        self.deadlines[self.base] = call.deadlines[owner.at]
        self.number = call.number
        self.salt = call.salt + SALT * number
        self.entered = now
        self.until: "int | None" = None
        self.result: "tuple[Failure | None, Any, int]" = (None, None, 0)

    def _next(self) -> int:
        call = self.owner.call
        call.token = token = call._next()
        return token

    def _done(self, failure: "Failure | None", value: "Any", token: int) -> "list[Action]":
        self.mode = OVER
        self.result = (failure, value, token)
        return []

    def _mistaken(self, failure: Failure, now: int) -> "list[Action]":
        actions = self._leave(self.base, now)
        self.mode = OVER
        self.owner.mistake = failure
        return actions


class Race:
    """The lanes of one call inside the Hedge `at`. It is `over` when `result` is there, or a `mistake` (EX5)."""

    __slots__ = ("at", "call", "kept", "lanes", "layer", "made", "mistake", "next", "over", "result", "until")

    def __init__(self, call: Execution, layer: "Any", at: int) -> None:
        self.call = call
        self.layer = layer
        self.at = at
        self.lanes: "list[Lane]" = []  # those that are outstanding, in the order in which they began
        self.made = 0
        self.next = NEVER  # when a further attempt begins
        self.until: "int | None" = None  # what the host was last asked to wait for
        self.kept: "tuple[Failure | None, Any, int] | None" = None  # what comes out if nobody wins (HG3)
        self.over = False
        self.result: "tuple[Failure | None, Any, int]" = (None, None, 0)
        self.mistake: "Failure | None" = None

    def begin(self, now: int) -> "list[Action]":
        return self._waits(self._start(now), now)

    def event(self, event: "Action", now: int) -> "list[Action]":
        """An event, at a time that has been checked (EX4) and at which no Timeout outside has run out."""
        actions: "list[Action]" = []
        for lane in self.lanes[:]:
            actions += self._after(lane, lane._event(event, now), now)
            if self.over:
                return actions
        if event[0] == WAKE and now >= self.next:
            self.next = NEVER
            self.until = -1  # this WAKE is used up: the time of the next attempt is said even if it is the same
            if self.layer.begins(now):
                self.call.policy.tell(now, "hedge", self.made)
                actions += self._start(now)
        return self._waits(actions, now)

    def leave(self, now: int) -> "list[Action]":
        """Cancel what is outstanding (HG4)."""
        actions: "list[Action]" = []
        while self.lanes:
            lane = self.lanes.pop(0)
            actions += lane._leave(lane.base, now)
            lane.mode = OVER
        return actions

    def _start(self, now: int) -> "list[Action]":
        lane = Lane(self, self.made, now)
        self.lanes.append(lane)
        self.made += 1
        self.next = self.layer.next(self.made, now, self.call.deadlines[self.at])
        return self._after(lane, lane._down(lane.base, now), now)

    def _after(self, lane: Lane, actions: "list[Action]", now: int) -> "list[Action]":
        """What a lane's step means for the race. Its wait is the race's affair."""
        asked = [action for action in actions if action[0] != WAIT]
        if len(asked) < len(actions):
            self.until = -1  # to be said again, even if it is the same time
            lane.until = actions[-1][1]
        elif lane.mode == RACING:
            lane.until = lane.race.until
        elif lane.mode != QUEUED and lane.mode != PAUSED:
            lane.until = None
        if lane.mode != OVER:
            return asked
        self.lanes.remove(lane)
        if self.mistake is None:
            self._judge(lane, now)
        self.over = self.over or self.mistake is not None or not self.lanes
        if self.over:
            asked += self.leave(now)
        return asked

    def _judge(self, lane: Lane, now: int) -> None:
        """HG2, HG3."""
        failure, value, _ = lane.result
        if failure is None:
            try:
                refused = self.layer.refuses(value)
            except Exception as error:  # EX5
                where = self.call._where(self.at)
                self.mistake = Failure("programming", f"{where}: {error!r}", cause=error)
                return
            if not refused:
                self.over = True
                self.result = lane.result
                self.layer.record(now - lane.entered)
                for other in self.lanes:
                    self.layer.record(now - other.entered)
                return
        if self.kept is None or self.kept[0] is not None:
            self.kept = lane.result
        self.result = self.kept

    def _waits(self, actions: "list[Action]", now: int) -> "list[Action]":
        """Ask the host to wait for whatever comes first, unless it does so already."""
        if self.over:
            return actions
        until = self.awaited()
        if until is not None and until != self.until:
            actions.append((WAIT, until))
        self.until = until
        return actions

    def awaited(self) -> "int | None":
        """What comes first, NEVER if only a gate can end the wait; None: nothing is waited for."""
        times = [lane.until for lane in self.lanes if lane.until is not None]
        until = min(times + [self.next])
        return until if times or until < NEVER else None
