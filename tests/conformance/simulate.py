"""Runs a conformance vector on the step machine, in virtual time.

Written in the kernel's dialect, so that the same file runs on CPython, in the WASM component and on MicroPython. The
format of vectors and traces is described in README.md beside it.
"""

from backstay_core.execution import (
    ABORT, ATTEMPT, CANCEL, COMPLETE, ERROR, FAIL, OK, START, SUBSTITUTE, WAIT, WAKE, Execution,
)  # fmt: skip
from backstay_core.failure import KINDS, NEVER, Failure
from backstay_core.policy import Policy

MS = 1_000_000
DEFAULT = [0, "ok"]


def ns(ms):
    """Milliseconds, as vectors write them, to whole nanoseconds."""
    return ms * MS if isinstance(ms, int) else round(ms * MS)


def outcome(written):
    """The event of a written outcome: ("ok", value) or ("error", failure)."""
    if isinstance(written, str):
        return (ERROR, Failure(written)) if written in KINDS else (OK, written)
    if "value" in written:
        return (OK, written["value"])
    fields = dict(written)
    pause = fields.pop("retry_after", None)
    return (ERROR, Failure(fields.pop("kind"), retry_after=None if pause is None else ns(pause), **fields))


class Agenda:
    """What is to happen, in order of time and then of entry."""

    def __init__(self):
        self.now = 0
        self.items = []

    def add(self, at, call, event):
        i = len(self.items)
        while i and self.items[i - 1][0] > at:
            i -= 1
        self.items.insert(i, (at, call, event))

    def next(self):
        item = self.items.pop(0)
        self.now = max(self.now, item[0])
        return item


class Call:
    """One call of the vector: its script, its execution, and the trace of what was decided."""

    def __init__(self, written, policy, agenda, interruptible):
        self.agenda = agenda
        self.interruptible = interruptible
        self.attempts = written.get("attempts", [DEFAULT])
        self.substitutes = written.get("substitutes", [[0, "substitute"]])
        self.begun = {ATTEMPT: 0, SUBSTITUTE: 0}
        self.values = {}
        self.trace = []
        deadline = written.get("deadline")
        wake = self.woken if written.get("queue", True) else None
        self.execution = Execution(policy, wake, NEVER if deadline is None else ns(deadline))

    def woken(self):
        self.agenda.add(self.agenda.now, self, (WAKE,))

    def step(self, event):
        now = self.agenda.now
        if event[0] == OK:
            self.values[event[1]] = event[2]
        if event[0] == ABORT and self.execution.mode not in ("new", "over"):
            self.trace.append([now, "aborted"])
        ended = []
        for action in self.execution.step(event, now):
            ended.extend(self.carry_out(action, now))
        for following in ended:
            self.step(following)

    def carry_out(self, action, now):
        """Do what an action asks; returns the outcome of an operation that takes no time."""
        what = action[0]
        if what == ATTEMPT or what == SUBSTITUTE:
            self.trace.append([now, what] + ([action[3]] if what == SUBSTITUTE else []))
            script = self.attempts if what == ATTEMPT else self.substitutes
            took, written = script[min(self.begun[what], len(script) - 1)]
            self.begun[what] += 1
            kind, payload = outcome(written)
            event = (kind, action[1], payload)
            if not took:
                return [event]
            self.agenda.add(now + ns(took), self, event)
            if action[2] < NEVER and self.interruptible:
                self.agenda.add(action[2], self, (WAKE,))
        elif what == WAIT:
            self.trace.append([now, "wait", None if action[1] >= NEVER else action[1]])
            if action[1] < NEVER:
                self.agenda.add(action[1], self, (WAKE,))
        elif what == CANCEL:
            self.trace.append([now, "cancel"])
        elif what == COMPLETE:
            self.trace.append([now, "complete", self.values[action[1]]])
        elif what == FAIL:
            self.trace.append([now, "fail", action[2].kind, action[2].reason])
        return []


def manual(policy, what, now):
    """An operator's hand: a breaker's method, or a snapshot that is restored at once."""
    if what["do"] in ("resume", "revive"):
        policy.restore(policy.snapshot(now), now, what["do"])
        return
    getattr(policy.layers[what["strategy"]], what["do"])(now)


def run(vector):
    """{"calls": [trace, …], "final": [state, …]} with times in ns."""
    policy = Policy.from_data(vector["policy"])
    agenda = Agenda()
    calls = []
    for written in vector["calls"]:
        call = Call(written, policy, agenda, vector.get("interruptible", True))
        calls.append(call)
        agenda.add(ns(written["at"]), call, (START,))
        if "abort" in written:
            agenda.add(ns(written["abort"]), call, (ABORT,))
    for what in vector.get("manual", []):
        agenda.add(ns(what["at"]), None, what)
    while agenda.items:
        at, call, event = agenda.next()
        if call is None:
            manual(policy, event, at)
        else:
            call.step(event)
    end = ns(vector["end"]) if "end" in vector else agenda.now
    return {
        "calls": [call.trace for call in calls],
        "final": [part["state"] for part in policy.snapshot(end)["state"]["strategies"]],
    }
