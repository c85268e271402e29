"""An engine: policies and calls behind whole numbers, plain values in and out.

This is what a component exports, as Python. A host that cannot hold objects of the core (another language, another
process) holds *handles*: a policy's, a call's. An engine performs nothing and reads no clock, exactly as `Execution`.

Rules:

EN1   A handle is never given twice.
EN2   A call ends with the answer that says *complete* or *fail*, or with `close`; from then on its handle is closed.
      Closing a call that is over is allowed and does nothing.
EN3   Calls that a gate lets in while another call is stepped are named in the answer to that step, once.
EN4   An error leaves everything as it was. Only an error of kind "internal" or "out-of-memory" ends the call that was
      stepped, as if its caller had gone.
EN5   A snapshot of the engine (`backstay_core.engine_state`) holds its policies, their configuration and its calls in
      flight; an engine that is restored from it takes the same decisions from there on.
"""

from backstay_core.canonical import dumps
from backstay_core.documents import (
    LONGEST_DETAIL,
    LONGEST_SNAPSHOT,
    MOST_POLICIES,
    EngineError,
    caller_of,
    failure_of,
    parse,
    policies_of,
)
from backstay_core.execution import (
    ABORT,
    ATTEMPT,
    CANCEL,
    COMPLETE,
    ERROR,
    FAIL,
    OK,
    START,
    SUBSTITUTE,
    WAIT,
    WAKE,
    Execution,
)
from backstay_core.failure import NEVER, Failure, SnapshotError
from backstay_core.policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    #  handle of the call, action, token, time, everything else as canonical JSON
    Decision = tuple[int, str, int, int, str | None]

NONE = "none"
MOST_CALLS = 10_000  # open at once
MOST = (1 << 64) - 1
COMMANDS = {
    "circuit_breaker": ("force-open", "force-closed", "disable", "metrics-only", "auto"),
    "inject": ("enable", "disable"),
}


class Call:
    """A call in flight."""

    __slots__ = ("execution", "failures", "handle", "policy", "woken")

    def __init__(self, handle: int, policy: int, woken: "list[int]") -> None:
        self.handle = handle
        self.policy = policy
        self.woken = woken
        self.failures: "dict[int, Failure]" = {}  # that the host has reported, by token
        self.execution: "Execution" = None  # type: ignore[assignment]

    def wake(self) -> None:
        self.woken.append(self.handle)


class Document:
    """A configuration that was loaded: `first` is the handle of its first policy."""

    __slots__ = ("first", "policies", "seed", "text")

    def __init__(self, text: str, seed: int, first: int, policies: "list[Policy]") -> None:
        self.text = text
        self.seed = seed
        self.first = first
        self.policies = policies


class Engine:
    """See the module. Every method raises `EngineError`, and nothing else that a caller could have caused."""

    def __init__(self) -> None:
        self.documents: "list[Document]" = []
        self.policies: "dict[int, Policy]" = {}
        self.calls: "dict[int, Call]" = {}
        self.woken: "list[int]" = []
        self.given = 0  # handles of policies
        self.begun = 0  # handles of calls

    # -- configuration

    def load(self, configuration: str, seed: int) -> int:
        """Add the policies of a document; the handle of the first one. The others follow it."""
        check(seed)
        policies = policies_of(configuration, seed)
        if len(self.policies) + len(policies) > MOST_POLICIES:
            raise EngineError("too-many", f"an engine holds at most {MOST_POLICIES} policies")
        first = self.given + 1
        self.given += len(policies)
        self.enter(Document(configuration, seed, first, policies))
        return first

    def enter(self, document: Document) -> None:
        self.documents.append(document)
        for i in range(len(document.policies)):
            self.policies[document.first + i] = document.policies[i]

    def unload(self, policy: int) -> None:
        """Forget a policy that has no calls in flight."""
        self._policy(policy)
        for handle in self.calls:
            if self.calls[handle].policy == policy:
                raise EngineError("busy", f"call {handle} of policy {policy} is in flight")
        del self.policies[policy]
        self.documents = [
            document
            for document in self.documents
            if any(document.first + i in self.policies for i in range(len(document.policies)))
        ]

    # -- calls

    def begin(
        self, policy: int, now: int, deadline: "int | None", queue: bool, caller: "str | None" = None
    ) -> "Decision":
        """Begin a call and ask for its first action. `queue`: it may wait at a gate; `caller`: whose it is, as JSON."""
        found = self._policy(policy)
        if now >= NEVER:
            raise EngineError("out-of-range", "a time must be less than 2**62 ns")
        if len(self.calls) >= MOST_CALLS:
            raise EngineError("too-many", f"{MOST_CALLS} calls are open")
        who = None if caller is None else caller_of(caller)
        handle = self.begun + 1
        self.begun = handle
        call = Call(handle, policy, self.woken)
        call.execution = Execution(found, call.wake if queue else None, NEVER if deadline is None else deadline, who)
        self.calls[handle] = call
        return self._step(call, (START,), now)

    def step(self, call: int, event: str, token: int, now: int, detail: "str | None") -> "Decision":
        """Tell a call what has happened."""
        found = self.calls.get(call)
        if found is None:
            raise self._no_call(call)
        if now >= NEVER:
            raise EngineError("out-of-range", "a time must be less than 2**62 ns")
        if detail is not None and len(detail) > LONGEST_DETAIL:
            raise EngineError("too-large", f"a detail has at most {LONGEST_DETAIL} characters; got {len(detail)}")
        if event == OK:
            return self._step(found, (OK, token, detail), now)
        if event == ERROR:
            return self._step(found, (ERROR, token, failure_of(detail)), now)
        if event == WAKE:
            return self._step(found, (WAKE,), now)
        if event == ABORT:
            return self._step(found, (ABORT,), now)
        raise EngineError("invalid-event", f"there is no event {event[:40]!r}")

    def close(self, call: int, now: int) -> "Decision":
        """The caller has gone, or the call is over: give back what it holds, forget it."""
        found = self.calls.get(call)
        if found is None:
            if 0 < call <= self.begun:
                return (call, NONE, 0, 0, None)
            raise self._no_call(call)
        if now >= NEVER:
            raise EngineError("out-of-range", "a time must be less than 2**62 ns")
        return self._step(found, (ABORT,), now)

    def _step(self, call: Call, event: "tuple[Any, ...]", now: int) -> "Decision":
        execution = call.execution
        if event[0] == ERROR:
            call.failures[event[1]] = event[2]
        try:
            actions = execution.step(event, now)
            if event[0] == ABORT:
                del self.calls[call.handle]
            if len(actions) == 1 and not self.woken:
                action = actions[0]
                what = action[0]
                if what == ATTEMPT:
                    return (call.handle, ATTEMPT, action[1], action[2], None)
                if what == COMPLETE:
                    del self.calls[call.handle]
                    return (call.handle, COMPLETE, action[1], 0, None)
            return self._answer(call, actions, event)
        except BaseException:
            self._drop(call, now)
            raise

    def _answer(self, call: Call, actions: "list[Any]", event: "tuple[Any, ...]") -> "Decision":
        """Any actions at all: the last one in scalars, what comes before it and what is open in JSON."""
        more: "dict[str, Any]" = {}
        decision: "Any" = (NONE, 0, 0)
        if len(actions) > 1:
            more["before"] = [_plain(call, action) for action in actions[:-1]]
        if actions:
            action = actions[-1]
            what = action[0]
            if what == WAIT:
                decision = (WAIT, 0, action[1])
            elif what == FAIL:
                decision = (FAIL, action[1], 0)
                if not action[1]:
                    more["failure"] = action[2].to_data()
            elif what == SUBSTITUTE:
                decision = (SUBSTITUTE, action[1], action[2])
                more["position"] = action[3]
                more.update(_said(call, action[4]))
            else:
                decision = (what, action[1], action[2] if what == ATTEMPT else 0)
            if what == COMPLETE or what == FAIL:
                del self.calls[call.handle]
        if self.woken:
            more["woken"] = self.woken[:]
        text = dumps(more) if more else None
        self.woken.clear()
        return (call.handle, decision[0], decision[1], decision[2], text)

    def _drop(self, call: Call, now: int) -> None:
        self.calls.pop(call.handle, None)
        try:
            call.execution.step((ABORT,), now)
        except BaseException:
            pass

    def _policy(self, policy: int) -> Policy:
        found = self.policies.get(policy)
        if found is None:
            raise EngineError("unknown-policy", f"there is no policy {policy}")
        return found

    def _no_call(self, call: int) -> EngineError:
        if 0 < call <= self.begun:
            return EngineError("closed", f"call {call} is over")
        return EngineError("unknown-call", f"there has been no call {call}")

    # -- state

    def control(self, policy: int, position: int, command: str, now: int) -> None:
        """An operator's hand on one strategy."""
        found = self._policy(policy)
        check(now, NEVER - 1)
        if not 0 <= position < len(found.layers):
            raise EngineError("out-of-range", f"policy {policy} has {len(found.layers)} strategies; got {position}")
        layer = found.layers[position]
        commands = COMMANDS.get(layer.options.KIND, ())
        if command not in commands:
            known = ", ".join(commands) or "nothing"
            raise EngineError("invalid-command", f"{layer.options.KIND} takes {known}; got {command[:40]!r}")
        getattr(layer, command.replace("-", "_"))(now)
        self.refresh()

    def snapshot_policy(self, policy: int, now: int, wall: "int | None") -> str:
        """The policy's own snapshot, as `Policy.snapshot` of the native target makes it."""
        found = self._policy(policy)
        check(now, NEVER - 1)
        return dumps(found.snapshot(now, wall))

    def restore_policy(self, policy: int, snapshot: str, mode: str, now: int, wall: "int | None") -> None:
        """Take over a policy's snapshot, wherever it was taken."""
        found = self._policy(policy)
        check(now, NEVER - 1)
        data = parse(snapshot, LONGEST_SNAPSHOT, "invalid-snapshot")
        try:
            found.restore(data, now, mode, wall)
        except SnapshotError as error:
            raise EngineError("invalid-snapshot", str(error)) from None
        self.refresh()

    def refresh(self) -> None:
        """A strategy may have been switched on or off, for every policy that shares it."""
        for each in self.policies:
            self.policies[each].refresh()


def check(value: int, most: int = MOST) -> None:
    if not 0 <= value <= most:
        raise EngineError("out-of-range", f"a number between 0 and {most} is needed; got {value}")


def _said(call: Call, failure: "Failure | None") -> "dict[str, Any]":
    """A failure as the host is told of it: the operation that it has reported it of, or the failure itself."""
    if failure is None:
        return {}
    for token in call.failures:
        if call.failures[token] is failure:
            return {"operation": token}
    return {"failure": failure.to_data()}


def _plain(call: Call, action: "Any") -> "list[Any]":
    """An action as JSON, with null for a time that does not come."""
    what = action[0]
    if what == CANCEL:
        return [CANCEL, action[1]]
    time = action[1] if what == WAIT else action[2]
    time = None if time >= NEVER else time
    if what == SUBSTITUTE:
        return [what, action[1], time, action[3], _said(call, action[4])]
    return [what, time] if what == WAIT else [what, action[1], time]
