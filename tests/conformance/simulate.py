"""Runs a conformance vector on the step machine, in virtual time.

Written in the kernel's dialect, so that the same file runs on CPython, in the WASM component and on MicroPython. The
format of vectors and traces is described in README.md beside it.
"""

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
from backstay_core.failure import KINDS, NEVER, Failure, SnapshotError
from backstay_core.policy import Policy, Shared
from backstay_core.strategies.priority import Caller

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

    def add(self, at, do, *args):
        i = len(self.items)
        while i and self.items[i - 1][0] > at:
            i -= 1
        self.items.insert(i, (at, do, args))

    def run(self):
        while self.items:
            at, do, args = self.items.pop(0)
            self.now = max(self.now, at)
            do(*args)


class Call:
    """One call of the vector: its script, its execution, and the trace of what was decided."""

    def __init__(self, written, policy, agenda, interruptible):
        self.agenda = agenda
        self.interruptible = interruptible
        self.attempts = written.get("attempts", [DEFAULT])
        self.substitutes = written.get("substitutes", [[0, "substitute"]])
        self.begun = {ATTEMPT: 0, SUBSTITUTE: 0}
        self.tokens = []
        self.running = []  # tokens of operations that are outstanding
        self.several = False  # have there been two at once?
        self.values = {}
        self.trace = []
        deadline = written.get("deadline")
        wake = self.woken if written.get("queue", True) else None
        caller = Caller(written.get("priority", "normal"), written.get("tenant", ""))
        self.execution = Execution(policy, wake, NEVER if deadline is None else ns(deadline), caller)

    def woken(self):
        self.agenda.add(self.agenda.now, self.step, (WAKE,))

    def note(self, *entry):
        self.trace.append([self.agenda.now] + list(entry))

    def step(self, event, reads=None):
        """Send an event; `reads` is what the host's clock says, if that is not the time it is."""
        mode = self.execution.mode
        if event[0] == WAKE and self.running and not self.interruptible:
            return  # this host is inside the operation
        if event[0] in (OK, ERROR) and event[1] in self.running:
            self.running.remove(event[1])
        if event[0] == OK:
            self.values.setdefault(event[1], event[2])
        if event[0] == ABORT and mode not in ("new", "over"):
            self.note("aborted")
        ended = []
        for action in self.execution.step(event, self.agenda.now if reads is None else reads):
            ended.extend(self.carry_out(action))
        for following in ended:
            self.step(following)

    def carry_out(self, action):
        """Do what an action asks; returns the outcome of an operation that takes no time."""
        what = action[0]
        if what == ATTEMPT:
            self.note(what)
            return self.operate(action, self.attempts)
        if what == SUBSTITUTE:
            self.note(what, action[3])
            return self.operate(action, self.substitutes)
        if what == WAIT:
            until = action[1]
            self.note(what, None if until >= NEVER else until)
            if until < NEVER:
                self.agenda.add(until, self.step, (WAKE,))
        elif what == CANCEL:
            self.running.remove(action[1])
            self.note(what, *([self.tokens.index(action[1]) + 1] if self.several else []))
        elif what == COMPLETE:
            self.note(what, self.values[action[1]])
        elif what == FAIL:
            failure = action[2]
            pause = failure.retry_after
            self.note(what, failure.kind, failure.reason, *([] if pause is None else [pause]))
        return []

    def operate(self, action, script):
        what, token, deadline = action[:3]
        took, written = script[min(self.begun[what], len(script) - 1)]
        self.begun[what] += 1
        self.tokens.append(token)
        self.running.append(token)
        self.several = self.several or len(self.running) > 1
        kind, payload = outcome(written)
        event = (kind, token, payload)
        if not took:
            return [event]
        self.agenda.add(self.agenda.now + ns(took), self.step, event)
        if deadline < NEVER and self.interruptible:
            self.agenda.add(deadline, self.step, (WAKE,))
        return []

    def stray(self, written):
        """Send an event that the script of a well-behaved host does not contain."""
        reads = ns(written["reads"]) if "reads" in written else None
        if written["send"] != "outcome":
            self.step((written["send"],), reads)
            return
        number = written["operation"]
        token = self.tokens[number - 1] if number <= len(self.tokens) else -1
        kind, payload = outcome(written["outcome"])
        self.step((kind, token, payload), reads)


class Raises:
    """A predicate with a mistake in it."""

    def matches(self, failure):
        raise ValueError("a mistake")

    __call__ = matches


class World:
    """The policies of a vector, and an operator's hand on them."""

    def __init__(self, vector):
        self.shared = {}
        for name, row in vector.get("shared", {}).items():
            self.shared[name] = Shared(name, Policy.strategy_from_data(row, name))
        self.policies = [self.policy(data) for data in [vector["policy"]] + vector.get("others", [])]
        for where in vector.get("raising", []):
            self.mistake(where["strategy"], where["option"])
        self.kept = None
        self.refused = []

    def policy(self, data):
        own = Policy.strategy_from_data
        rows = data["strategies"]
        strategies = [self.shared[row["shared"]] if "shared" in row else own(row, data["name"]) for row in rows]
        return Policy(data["name"], *strategies, seed=data.get("seed", 0))

    def mistake(self, position, option):
        first = self.policies[0]
        strategies = list(first.strategies)
        strategies[position] = strategies[position].replace(**{option: Raises()})
        self.policies[0] = Policy(first.name, *strategies, seed=first.seed)

    def manual(self, what, now):
        """A breaker's method; or to keep a snapshot; or to restore the kept one, else one taken now."""
        policy = self.policies[0]
        if what["do"] == "keep":
            self.kept = policy.snapshot(now, now)
        elif what["do"] in ("resume", "revive"):
            snapshot = self.kept or policy.snapshot(now, now)
            if "damage" in what:
                snapshot["state"]["strategies"][what["damage"]]["options"] = "damaged"
            try:
                policy.restore(snapshot, now, what["do"], now)
            except SnapshotError:
                self.refused.append(now)
        else:
            getattr(policy.layers[what["strategy"]], what["do"])(now)
            policy.refresh()


def run(vector, agenda=Agenda, world=World, call=Call):
    """{"calls": [trace, …], "final": [state, …], "refused": [time, …]} with times in ns."""
    world = world(vector)
    agenda = agenda()
    calls = []
    for written in vector["calls"]:
        policy = world.policies[written.get("policy", 0)]
        one = call(written, policy, agenda, vector.get("interruptible", True))
        calls.append(one)
        agenda.add(ns(written["at"]), one.step, (START,))
        if "abort" in written:
            agenda.add(ns(written["abort"]), one.step, (ABORT,))
        for stray in written.get("strays", []):
            agenda.add(ns(stray["at"]), one.stray, stray)
    for what in vector.get("manual", []):
        agenda.add(ns(what["at"]), world.manual, what, ns(what["at"]))
    agenda.run()
    end = ns(vector["end"]) if "end" in vector else agenda.now
    return {
        "calls": [one.trace for one in calls],
        "final": [part["state"] for part in world.policies[0].snapshot(end)["state"]["strategies"]],
        "refused": world.refused,
    }
