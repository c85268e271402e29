"""The circuit breaker of the naive oracle: one list of what was seen, one of probes, both counted anew each time."""

import math
from fractions import Fraction

from backstay_core.failure import KINDS
from backstay_core.rng import stream
from tests.conformance.oracle_strategies import MILLION, Refusal, Strategy, labelled, millionths, named, ns

NEUTRAL, PASSED, FAILED = "neutral", "passed", "failed"
BY_CLASSIFICATION = {0: NEUTRAL, 1: PASSED, -1: FAILED}


class Verdict:
    def __init__(self, what, slow):
        self.what, self.slow = what, slow


class CircuitBreaker(Strategy):
    role = "gate"

    def __init__(self, options, seed):
        self.seed = seed
        window = options.get("window_calls", 100)
        self.window_calls = None if options.get("window_seconds") else window
        self.tenth = math.ceil(Fraction(ns(options.get("window_seconds", 0))) / 10)
        tenth_of_window = 10 if self.tenth else min(max(window // 10, 5), window)
        self.minimum = options.get("minimum_calls", tenth_of_window)
        self.failure_rate = millionths(options.get("failure_rate", 0.5))
        self.slow_rate = millionths(options.get("slow_rate", 1.0))
        self.open_for = ns(options.get("open_for", 30.0))
        self.growth = millionths(options.get("open_growth", 2.0))
        self.cap = ns(options["open_cap"]) if "open_cap" in options else 10 * self.open_for
        self.jitter = millionths(options.get("open_jitter", 0.1))
        self.probes_at_once = options.get("probes", 1)
        self.close_after = options.get("close_after", 1)
        self.half_open_for = ns(options["half_open_for"]) if "half_open_for" in options else max(1, self.open_for)
        self.slow_call = ns(options["slow_call"]) if "slow_call" in options else math.inf
        self.on = options.get("on")
        self.results = options.get("results", [])
        self.openings = 0  # in all
        self.auto(0)

    # -- its states: each one begins a new epoch ---------------------------------------------------------------------

    def close(self):
        self.state, self.epoch = "closed", object()
        self.reopened = 0
        self.seen = []  # (time, Verdict) of this epoch
        self.probes = []

    def open(self, now):
        self.state, self.epoch = "open", object()
        period = self.open_for
        for _ in range(self.reopened):
            period = period * self.growth // MILLION  # CB9
        period = min(period, self.cap)
        share = period * self.jitter // MILLION
        self.until = now + period + stream(self.seed, self.openings).below(share + 1)  # CB10
        self.openings += 1

    def half_open(self, now):
        self.state, self.epoch = "half_open", object()
        self.probes = []  # [time of admission, "in flight" | "passed" | "gone"]

    # -- asking --------------------------------------------------------------------------------------------------------

    def admit(self, now, may_wait, caller):
        if self.mode == "forced_open":
            return Refusal("FORCED_OPEN")  # CB17
        permit = self.ask(now)
        if permit is None and self.mode != "metrics_only":
            return Refusal("CIRCUIT_OPEN", self.until - now if self.state == "open" else None)  # CB4, CB6
        return permit  # CB20

    def ask(self, now):
        if self.state == "closed":
            return (self.epoch, None)  # CB1
        if self.state == "open":
            if now < self.until:
                return None  # CB4
            self.half_open(now)  # CB5
        if not self.room() and now >= max(admitted for admitted, _ in self.probes) + self.half_open_for:
            self.half_open(now)  # CB12
        if not self.room():
            return None  # CB6
        probe = [now, "in flight"]
        self.probes.append(probe)
        return (self.epoch, probe)

    def room(self):
        in_flight = len([probe for probe in self.probes if probe[1] == "in flight"])
        passed = len([probe for probe in self.probes if probe[1] == "passed"])
        return in_flight < self.probes_at_once and in_flight + passed < self.close_after

    # -- judging -------------------------------------------------------------------------------------------------------

    def judge(self, result, took):
        slow = took >= self.slow_call
        if not result.failed:
            if labelled(result.value, self.results):
                return Verdict(FAILED, slow)  # CB16
            return Verdict(PASSED, slow or result.late)  # CB15
        if result.kind in ("cancelled", "rejected"):
            return Verdict(NEUTRAL, slow)
        if self.on is None:
            return Verdict(BY_CLASSIFICATION[KINDS[result.kind][1]], slow)
        return Verdict(FAILED if named(result.kind, self.on) else PASSED, slow)  # CB14

    def settle(self, permit, now, verdict):
        if permit is None or permit[0] is not self.epoch or self.mode == "disabled":
            return  # CB13, CB19
        probe = permit[1]
        if verdict is None or verdict.what == NEUTRAL:
            if probe:
                probe[1] = "gone"  # CB11
            return
        bad = verdict.what == FAILED or verdict.slow
        if self.state == "closed":
            self.seen.append((now, verdict))
            if bad and self.mode != "forced_closed" and self.over_a_rate(now):
                self.open(now)  # CB3
        elif bad:
            self.reopened += 1
            self.open(now)  # CB8
        else:
            probe[1] = "passed"
            if len([probe for probe in self.probes if probe[1] == "passed"]) >= self.close_after:
                self.close()  # CB7

    def window(self, now):
        if self.window_calls:
            return [verdict for _, verdict in self.seen[-self.window_calls :]]
        return [verdict for at, verdict in self.seen if at // self.tenth > now // self.tenth - 10]  # CB2

    def over_a_rate(self, now):
        window = self.window(now)
        failed = len([verdict for verdict in window if verdict.what == FAILED])
        slow = len([verdict for verdict in window if verdict.slow])
        if len(window) < self.minimum:
            return False
        return failed * MILLION >= self.failure_rate * len(window) or slow * MILLION >= self.slow_rate * len(window)

    # -- by hand -------------------------------------------------------------------------------------------------------

    def auto(self, now, mode="auto"):
        self.mode = mode
        self.close()  # CB21

    def force_open(self, now):
        self.auto(now, "forced_open")

    def force_closed(self, now):
        self.auto(now, "forced_closed")

    def disable(self, now):
        self.auto(now, "disabled")

    def metrics_only(self, now):
        self.auto(now, "metrics_only")

    def revive(self):
        self.epoch = object()
        for probe in self.probes:
            if probe[1] == "in flight":
                probe[1] = "gone"
