"""One call in the component, with the interface of `backstay_core.execution.Execution`: so the drivers of the native
target carry it out as they carry out their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backstay_core.canonical import dumps
from backstay_core.documents import EngineError
from backstay_core.execution import (
    ABORT,
    ATTEMPT,
    CANCEL,
    COMPLETE,
    ERROR,
    FAIL,
    NEW,
    OK,
    OVER,
    QUEUED,
    RUNNING,
    START,
    SUBSTITUTE,
    WAIT,
)
from backstay_core.failure import KINDS, NEVER, Failure
from backstay_wasm.values import CallLost, failure_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay_core.strategies.priority import Caller
    from backstay_wasm.policy import Policy
    from backstay_wasm.values import Decision

    Action = tuple[Any, ...]

GONE = ("closed", "unknown-call")  # what an engine says of a call that it has lost


class RemoteExecution:
    """A call whose steps are taken in the component. Values stay here; labels and kinds of failures go in."""

    __slots__ = ("call", "caller", "deadlines", "failures", "layers", "mode", "policy", "restored", "token", "wake")

    def __init__(
        self,
        policy: Policy,
        wake: Callable[[], object] | None = None,
        deadline: int = NEVER,
        caller: Caller | None = None,
    ) -> None:
        self.policy = policy
        self.caller = (caller or policy.caller()) if policy.asks else None
        self.layers = policy.layers  # of this process: their options say what a substitute is
        self.wake = wake
        self.deadlines = [deadline]
        self.mode = NEW
        self.call = 0
        self.token = 0  # the latest one
        self.restored = policy.engine.restored
        self.failures: dict[int, Failure] = {}  # that were reported, by token

    def step(self, event: Action, now: int) -> list[Action]:
        """As `Execution.step`. Raises `CallLost` when the instance breaks at this event, or has lost the call."""
        kind = event[0]
        mode = self.mode
        if kind == START:
            if mode != NEW:
                return []
            deadline = self.deadlines[0]
            limit = None if deadline >= NEVER else max(0, deadline)
            policy = self.policy
            self.mode = OVER  # should this raise
            decision = policy.engine.begin(policy.handle, now, deadline=limit, wake=self.wake, caller=self.caller)
            self.call = decision.call
            self.mode = RUNNING
            return self._actions(decision)
        if mode in (NEW, OVER):
            return []
        engine = self.policy.engine
        if engine.restored != self.restored:
            self.restored = engine.restored
            if not engine.stands(self.call, self.policy.handle, self.token, mode == QUEUED):
                self.mode = OVER  # whoever has this handle now is somebody else
                if kind == ABORT:
                    return []
                raise CallLost("trap", f"call {self.call}: a snapshot was restored that does not have it", self.call)
        if kind == ABORT:
            self.mode = OVER
            return self._actions(engine.close(self.call, now))
        try:
            if kind == OK:
                decision = engine.step(self.call, OK, event[1], now=now, detail=self.policy.label(event[2]))
            elif kind == ERROR:
                self.failures[event[1]] = event[2]
                decision = engine.step(self.call, ERROR, event[1], now=now, detail=written(event[2]))
            else:
                decision = engine.step(self.call, kind, now=now)
        except CallLost:
            self.mode = OVER
            raise
        except EngineError as error:  # any other one leaves it to be closed
            if error.kind in GONE:
                self.mode = OVER
                raise CallLost("trap", f"call {self.call}: the engine went on without it", self.call) from None
            raise
        return self._actions(decision)

    def _actions(self, decision: Decision) -> list[Action]:
        what = decision.action
        if what == ATTEMPT:
            self.mode = RUNNING
            self.token = decision.token
            return [*self._before(decision), (ATTEMPT, decision.token, decision.time)]
        if what == COMPLETE:
            self.mode = OVER
            return [*self._before(decision), (COMPLETE, decision.token)]
        before = self._before(decision)
        if what == WAIT:
            self.mode = QUEUED
            return [*before, (WAIT, decision.time)]
        if what == SUBSTITUTE:
            self.mode = RUNNING
            self.token = decision.token
            more = decision.more or {}
            return [*before, (SUBSTITUTE, decision.token, decision.time, more["position"], self._failure(more))]
        if what == FAIL:
            self.mode = OVER
            return [*before, (FAIL, decision.token, decision.failure)]
        if what == CANCEL:
            return [*before, (CANCEL, decision.token)]
        return before

    def _before(self, decision: Decision) -> list[Action]:
        if decision.more is None:
            return []
        return [self._action(*action) for action in decision.before]

    def _action(self, what: str, *rest: Any) -> Action:
        if what in (ATTEMPT, SUBSTITUTE):
            self.token = rest[0]
        if what == SUBSTITUTE:
            token, time, position, said = rest
            return (what, token, NEVER if time is None else time, position, self._failure(said))
        return (what, *[NEVER if part is None else part for part in rest])

    def _failure(self, said: dict[str, Any]) -> Failure | None:
        """The failure of a substitute, as the engine says it: one that was reported, one of its own, or none."""
        if "operation" in said:
            return self.failures[said["operation"]]
        return failure_from(said["failure"]) if "failure" in said else None


def written(failure: Failure) -> str:
    """A failure as it goes in: what drives decisions, without its texts."""
    code, _, retry, executed, _ = KINDS[failure.kind]
    fields: dict[str, Any] = {}
    for name, usual in (("code", code), ("retry", retry), ("executed", executed), ("reason", ""), ("domain", "")):
        value = getattr(failure, name)
        if value != usual:
            fields[name] = value
    if failure.retry_after is not None:
        fields["retry_after"] = failure.retry_after
    return dumps({"kind": failure.kind, **fields}) if fields else failure.kind
