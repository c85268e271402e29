"""Calls that have several operations outstanding at once: those of a policy with a Hedge.

No frame is compiled for them: an attempt is a task, or a job of another thread, which costs several times what the
steps of the machine cost, and a frame that awaited several at once would have to hold permits by attempt, as the
machine does.

`Race` is what the drivers for tasks (`racing_tasks`) and threads (`racing_threads`) have in common: events in, actions
carried out, outcomes by token.
"""

from __future__ import annotations

from collections import deque

from backstay.ambient import current_deadline
from backstay.classification import classify
from backstay.errors import error_of
from backstay.frames.judging import PolicyBug
from backstay.notes import annotate
from backstay_core.execution import ABORT, ATTEMPT, CANCEL, COMPLETE, ERROR, FAIL, OK, START, WAIT, WAKE
from backstay_core.failure import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.policy import Policy

    Action = tuple[Any, ...]


class Race:
    """One call. The owner gives a `bell` to ring and ways to `start` and `stop` an operation."""

    __slots__ = (
        "_bell", "clock", "deadlines", "events", "execution", "made", "outcomes", "over", "policy", "start", "stop",
        "until", "woken",
    )  # fmt: skip

    def __init__(self, policy: Policy, bell: Callable[[], None], *, queues: bool = True) -> None:
        self.policy = policy
        self.clock = policy.ports.clock
        self.execution = policy.EXECUTION(policy, self.wake if queues else None, current_deadline())
        self.events: deque[Action] = deque(((START,),))
        self.outcomes: dict[int, Any] = {}  # by token: a value or an exception
        self.deadlines: dict[int, int] = {}  # of the operations that are outstanding
        self.until = NEVER
        self.woken = False
        self.over: Action | None = None
        self.made = 0
        self._bell = bell
        self.start: Callable[[Action], None]
        self.stop: Callable[[int], None]

    def wake(self) -> None:
        """A gate lets an attempt in."""
        self.woken = True
        self._bell()

    def ended(self, token: int, outcome: Any, *, failed: bool) -> None:
        """An operation is over; may be called from any thread."""
        self.outcomes[token] = outcome
        self.events.append((ERROR if failed else OK, token))
        self._bell()

    def go_on(self) -> int:
        """Take what has happened, carry out what follows. Returns the ns until the host must look again; the call is
        over when `over` is set. Raises what no strategy is asked about."""
        while self.over is None:
            now = self.clock()
            if self.events:
                kind, *about = self.events.popleft()
                if about and about[0] not in self.deadlines:  # it was cancelled meanwhile
                    self.outcomes.pop(about[0], None)
                    continue
                event = self._event(kind, *about)
            elif self.woken or now >= self._next():
                self.woken = False
                event = (WAKE,)
                self.until = NEVER if self.until <= now else self.until
                self.deadlines.update((token, NEVER) for token, at in self.deadlines.items() if at <= now)
            else:
                return self._next() - now
            for action in self.execution.step(event, now):
                self._carry_out(action)
        return 0

    def _event(self, kind: str, token: int = 0) -> Action:
        if kind == START:
            return (START,)
        self.deadlines.pop(token, None)
        outcome = self.outcomes[token]
        if kind == OK:
            return (OK, token, outcome)
        if isinstance(outcome, PolicyBug):
            raise outcome.error
        if not isinstance(outcome, Exception):
            raise outcome
        return (ERROR, token, classify(outcome))

    def _next(self) -> int:
        return min(self.until, *self.deadlines.values()) if self.deadlines else self.until

    def _carry_out(self, action: Action) -> None:
        what = action[0]
        if what == WAIT:
            self.until = action[1]
        elif what == CANCEL:
            self.deadlines.pop(action[1], None)
            self.outcomes.pop(action[1], None)
            self.stop(action[1])
        elif what in (COMPLETE, FAIL):
            self.over = action
        else:
            self.made = self.made + 1 if what == ATTEMPT else 0
            deadline = action[2]
            self.deadlines[action[1]] = deadline if deadline < self.execution.deadlines[0] else NEVER
            self.start(action)

    def result(self) -> Any:
        """What the call returns, or raises."""
        over: Any = self.over
        if over[0] == COMPLETE:
            return self.outcomes[over[1]]
        if not over[1]:
            raise error_of(over[2])
        error: BaseException = self.outcomes[over[1]]
        if self.made > 1:
            annotate(error, self.policy.name, self.made)
        raise error

    def leave(self) -> None:
        """The caller goes, or the call is over: stop what still runs. Safe to repeat."""
        for action in self.execution.step((ABORT,), self.clock()):
            self.stop(action[1])
