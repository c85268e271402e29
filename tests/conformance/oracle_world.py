"""What the naive oracle's calls live in: virtual time, the state of a policy, and what came of an operation."""

import copy

from backstay_core.failure import KINDS
from backstay_core.rng import stream
from tests.conformance.oracle_breaker import CircuitBreaker
from tests.conformance.oracle_gates import ConcurrencyLimit, Throttle
from tests.conformance.oracle_rate_limit import RateLimit
from tests.conformance.oracle_strategies import Bulkhead, Cache, Fallback, Hedge, Idempotency, Inject, Retry, Timeout

BY_KIND = {
    "timeout": Timeout,
    "fallback": Fallback,
    "circuit_breaker": CircuitBreaker,
    "bulkhead": Bulkhead,
    "retry": Retry,
    "inject": Inject,
    "rate_limit": RateLimit,
    "hedge": Hedge,
    "concurrency_limit": ConcurrencyLimit,
    "throttle": Throttle,
    "cache": Cache,
    "idempotency": Idempotency,
}


def ns(ms):
    return round(ms * 1_000_000)


class Outcome:
    """What came of something: a failure or a value. `own`: Backstay's own failure. `late`: a success after its time."""

    def __init__(self, value=None, kind=None, reason="", retry_after=None, own=False, **more):
        self.value, self.kind, self.reason, self.retry_after, self.own = value, kind, reason, retry_after, own
        self.late = False
        if kind is not None:
            row = KINDS[kind]
            self.retry, self.executed = more.get("retry", row[2]), more.get("executed", row[3])

    @property
    def failed(self):
        return self.kind is not None


def read_outcome(written):
    if isinstance(written, str):
        return Outcome(kind=written) if written in KINDS else Outcome(written)
    if "value" in written:
        return Outcome(written["value"])
    written = dict(written)
    if written.get("retry_after") is not None:
        written["retry_after"] = ns(written["retry_after"])
    return Outcome(**written)


class World:
    """Virtual time: what is to happen, by time and then in the order in which it was entered."""

    def __init__(self):
        self.now = 0
        self.entered = 0
        self.agenda = []

    def at(self, when, do, *args):
        self.entered += 1
        self.agenda.append((when, self.entered, do, args))

    def run(self):
        while self.agenda:
            first = min(self.agenda, key=lambda item: item[:2])
            self.agenda.remove(first)
            self.now = max(self.now, first[0])
            first[2](*first[3])


class Policy:
    """The state of the strategies, outermost first (PO1), and the number of calls that have begun (PO3)."""

    def __init__(self, written, shared):
        self.seed = written.get("seed", 0)
        self.begun = 0
        self.parts = []
        declared = False
        for position, row in enumerate(written["strategies"]):
            if declared and row.get("kind") in ("retry", "hedge"):
                row = {**row, "idempotent": True}  # ID4
            declared = declared or row.get("kind") == "idempotency"
            if "shared" in row:
                self.parts.append(shared[row["shared"]])  # PO2
            else:
                self.parts.append(make(row, stream(self.seed, 0, position + 1).next()))
        self.kept = None
        self.refused = []

    def manual(self, what, now):
        if what["do"] == "keep":
            self.kept = (self.begun, [copy.deepcopy(vars(part)) for part in self.parts])
        elif what["do"] in ("resume", "revive"):
            self.restore(what, now)
        else:
            getattr(self.parts[what["strategy"]], what["do"])(now)

    def restore(self, what, now):
        if "damage" in what or any(part.somebody_waits() for part in self.parts):
            self.refused.append(now)  # PO4
            return
        if self.kept:
            self.begun, states = self.kept
            for part, state in zip(self.parts, states, strict=True):
                vars(part).update(copy.deepcopy(state))
        for part in self.parts:
            if what["do"] == "revive":
                part.revive()
            part.restored(now)


def make(row, seed):
    options = {key: value for key, value in row.items() if key != "kind"}
    return BY_KIND[row["kind"]](options, seed)
