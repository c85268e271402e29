"""A call that is carried out in pieces: what attempt blocks, generators and the trio driver have in common.

`ThreadSteps` waits in its thread, `TaskSteps` in a task of whichever library runs it. Both leave to their owner what an
operation is.
"""

from __future__ import annotations

from backstay.ambient import AMBIENT, current_deadline, unpublish
from backstay.classification import classify
from backstay.drivers.libraries import backend
from backstay.drivers.sync import in_event_loop
from backstay.errors import Missing, error_of
from backstay.frames.judging import PolicyBug
from backstay.notes import annotate
from backstay_core.execution import ABORT, ATTEMPT, ERROR, OK, QUEUED, START, SUBSTITUTE, WAIT, WAKE
from backstay_core.failure import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from backstay.policy import Policy

    Action = tuple[Any, ...]


class Steps:
    """One call under way.

    `outcome` is that of the latest operation, its value or its exception; `made` counts the attempts.
    """

    __slots__ = ("bell", "clock", "execution", "made", "outcome", "policy", "until")

    def __init__(self, policy: Policy, bell: Any) -> None:
        self.policy = policy
        self.clock = policy.ports.clock
        self.bell = bell
        self.execution = policy.EXECUTION(policy, None if bell is None else bell.ring, current_deadline())
        self.made = 0
        self.outcome: Any = None
        self.until = NEVER

    def begin(self) -> Action:
        return self.step((START,), self.clock())

    def step(self, event: Action, now: int) -> Action:
        """Take an event; return the action that it leads to (what a CANCEL names is over already)."""
        actions = self.execution.step(event, now)
        action = actions[-1] if actions else (WAIT, self.until)
        if action[0] == WAIT:
            self.until = action[1]
        elif action[0] == ATTEMPT:
            self.made += 1
        elif action[0] == SUBSTITUTE:
            self.made = 0
        return action

    def after(self, action: Action, alarm: Any, error: BaseException | None) -> tuple[Action | None, int]:
        """The event that the end of an operation is, and when; None if no strategy is asked about it: the call is over
        and `outcome` is to be raised."""
        if error is None:
            return (OK, action[1], self.outcome), self.clock()
        if not isinstance(error, Missing):  # a lookup: what came before it counts
            self.outcome = error
        if isinstance(error, Exception):
            return (ERROR, action[1], classify(error)), self.clock()
        if isinstance(error, PolicyBug):
            self.outcome = error.error
        return None, self.clock()

    def error(self, action: Action) -> BaseException:
        """What a FAIL action raises."""
        if not action[1]:
            return error_of(action[2])
        error: BaseException = self.outcome
        if self.made > 1:
            annotate(error, self.policy.name, self.made)
        return error

    def leave(self) -> None:
        """The caller goes, or the call is over: what is still held is given back without a verdict. Safe to repeat."""
        self.outcome = None
        self.execution.step((ABORT,), self.clock())


class ThreadSteps(Steps):
    """A call in a thread. On a running event loop it never waits at a gate."""

    __slots__ = ()

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy, None if in_event_loop() else policy.ports.doorbell())

    def onwards(self, action: Action) -> Action:
        """From an action to the next one that is no wait."""
        while action[0] == WAIT:
            if self.execution.mode == QUEUED and self.bell is not None:
                self.bell.wait(self.until - self.clock())
            else:
                self.policy.ports.pause(self.until - self.clock())
            action = self.step((WAKE,), self.clock())
        return action

    def operate(self, action: Action, operation: Callable[[Action], Any]) -> tuple[Action | None, int]:
        """Carry out an operation; see `after`."""
        published = AMBIENT.set(action[2])
        error: BaseException | None = None
        try:
            self.outcome = operation(action)
        except BaseException as caught:
            error = caught
        finally:
            unpublish(published)
        try:
            return self.after(action, None, error)
        finally:
            error = None  # its traceback holds this frame: no cycle

    def arm(self, deadline: int) -> None:
        """Nothing can be interrupted in a thread."""


class TaskSteps(Steps):
    """A call in a task."""

    __slots__ = ("backend",)

    def __init__(self, policy: Policy) -> None:
        policy.ports.check_loop()
        self.backend = backend()
        super().__init__(policy, self.backend.bell())

    async def onwards(self, action: Action) -> Action:
        """From an action to the next one that is no wait."""
        ports = self.policy.ports
        while action[0] == WAIT:
            if self.execution.mode == QUEUED:
                await self.bell.wait(ports.in_loop(NEVER if self.until >= NEVER else self.until - self.clock()))
            else:
                await self.backend.sleep(ports.in_loop(max(0, self.until - self.clock())))
            action = self.step((WAKE,), self.clock())
        return action

    async def operate(self, action: Action, operation: Callable[[Action], Awaitable[Any]]) -> tuple[Action | None, int]:
        """Carry out an operation; see `after`."""
        alarm = self.arm(action[2])
        published = AMBIENT.set(action[2])
        error: BaseException | None = None
        try:
            self.outcome = await operation(action)
        except BaseException as caught:
            error = caught
        finally:
            unpublish(published)
        try:
            return self.after(action, alarm, error)
        finally:
            error = None  # its traceback holds this frame: no cycle

    def arm(self, deadline: int) -> Any:
        """Let what follows in this task be cancelled at `deadline`, if that is one of the policy's own."""
        if deadline >= self.execution.deadlines[0]:
            return None
        return self.backend.alarm(deadline - self.clock())

    def after(self, action: Action, alarm: Any, error: BaseException | None) -> tuple[Action | None, int]:
        if alarm is not None:
            rang, error = self.backend.stop(alarm, error)
            if rang:
                return (WAKE,), max(self.clock(), action[2])
        return super().after(action, alarm, error)
