"""The naive oracle's concurrency limit and throttle: lists of outcomes, counted again for each question."""

from math import isqrt

from backstay_core.rng import stream
from tests.conformance.oracle_strategies import MILLION, Bulkhead, Refusal, Strategy, millionths, named, ns

NEVER_JUDGED = ("cancelled", "rejected")


class ConcurrencyLimit(Bulkhead):
    full, over = "CONCURRENCY_FULL", "CONCURRENCY_WAIT"

    def __init__(self, options, seed):
        super().__init__(dict(options, limit=options.get("initial", 20)), seed)
        self.algorithm = options.get("algorithm", "gradient2")
        self.least, self.most = options.get("least", 1), options.get("most", 1000)
        self.window = ns(options.get("window", 1.0))
        self.window_calls = options.get("window_calls", 20)
        self.tolerance = millionths(options.get("tolerance", 1.5))
        self.backoff = millionths(options.get("backoff", 0.9))
        self.overload_rate = millionths(options.get("overload_rate", 0.1))
        self.slow = ns(options["slow_call"]) if "slow_call" in options else None
        self.probe_every = ns(options.get("probe_every", 30.0))
        self.on = options.get("on", ["timeout", "throttle", "capacity"])
        self.usual_limit = self.limit * MILLION  # in millionths, whatever a probe leaves open
        self.baseline = None
        self.last_probe = (0, self.limit, 0)  # when, the limit then, and how long it took
        self.probing = False
        self.began = None  # the window
        self.outcomes = []  # of this window: (is a sign of overload, time, calls inside)

    def has_room(self, caller):
        return len(self.inside) + 1 <= self.limit - self.kept_from(caller, self.limit)  # CL1

    def judge(self, result, took):
        if result.failed:
            if result.kind in NEVER_JUDGED or not named(result.kind, self.on):
                return None
            return (True, 0)
        return (self.slow is not None and took >= self.slow, took)  # CL4

    def settle(self, permit, now, verdict):
        inside = len(self.inside)
        known = permit in self.inside
        super().settle(permit, now, verdict)
        if verdict is None or not known:
            return  # CL3
        sign, took = verdict
        took = 0 if sign else took
        if self.probing and now - took < self.began:
            return  # CL11
        if self.began is None:
            self.began = now
        self.outcomes.append((sign, took, inside))
        if len(self.outcomes) >= self.window_calls and now - self.began >= self.window:
            self.set_anew(now)
            self.hand_over()

    def set_anew(self, now):
        times = [took for sign, took, _ in self.outcomes if not sign]
        mean = max(1, sum(times) // len(times)) if times else 0
        signs = len(self.outcomes) - len(times)
        first = self.baseline is None
        before, after = self.usual_limit, self.usual_limit
        if signs * MILLION >= self.overload_rate * len(self.outcomes):
            half = MILLION - signs * MILLION // (2 * len(self.outcomes))
            after = before * min(self.backoff, half) // MILLION  # CL5
        elif self.probing or first:
            self.baseline = mean  # CL10
        else:
            after = self.wanted(before, mean)
            if after > before and max(inside for _, _, inside in self.outcomes) < self.limit:
                after = before  # CL6
        self.usual_limit = max(self.least * MILLION, min(self.most * MILLION, after))
        self.limit = self.usual_limit // MILLION
        since, then, length = self.last_probe
        if self.probing or first:
            self.last_probe = (now, self.limit, now - self.began if self.probing else 0)
            self.probing = False
        elif self.algorithm != "aimd" and (now - since >= max(self.probe_every, 20 * length) or self.limit >= 2 * then):
            self.probing = True
            self.limit = max(self.least, (self.limit + 3) // 4)
        self.began, self.outcomes = now, []

    def wanted(self, before, mean):
        limit = before // MILLION
        if self.algorithm == "aimd":
            return before + MILLION  # CL7
        if self.algorithm == "vegas":
            step = max(1, len(f"{limit}") - 1)
            queue = max(0, limit - limit * self.baseline // mean)
            change = 6 * step if queue <= step else step if queue < 3 * step else -step if queue > 6 * step else 0
            return before + change * MILLION  # CL8
        gradient = min(MILLION, max(MILLION // 2, self.tolerance * self.baseline // mean))
        return (before + before * gradient // MILLION + isqrt(limit) * MILLION) // 2  # CL9


class Throttle(Strategy):
    role = "gate"

    def __init__(self, options, seed):
        self.seed = seed
        self.ratio = millionths(options.get("ratio", 2.0))
        self.tenth = -(-ns(options.get("window", 120.0)) // 10)
        self.minimum = options.get("minimum_calls", 10)
        self.on = options.get("on", ["throttle", "capacity", "unavailable"])
        self.requests = []  # [tenth in which it began, what has become of it]
        self.asked = 0

    def admit(self, now, may_wait, caller):
        newest = max([now // self.tenth, *(began for began, _ in self.requests)])
        recent = [request for request in self.requests if request[0] > newest - 10]  # TH1
        counted = [fate for began, fate in recent if fate != "runs" or began < newest - 1]  # TH5
        r, a = len(counted), counted.count("accepted")
        excess = r * MILLION - self.ratio * a
        number = self.asked
        self.asked += 1
        request = [newest, "refused"]
        self.requests.append(request)
        drawn = stream(self.seed, number).below((r + 1) * MILLION)  # TH7
        if r >= self.minimum and drawn < excess:  # TH3, TH4
            return Refusal("THROTTLED")
        request[1] = "runs"
        return request

    def judge(self, result, took):
        if not result.failed:
            return "accepted"
        if result.kind in NEVER_JUDGED:
            return None
        return "rejected" if named(result.kind, self.on) else "accepted"  # TH2

    def settle(self, permit, now, verdict):
        if any(permit is request for request in self.requests):
            if verdict is None:
                self.requests = [request for request in self.requests if request is not permit]
            else:
                permit[1] = verdict

    def restored(self, now):
        self.requests = [request for request in self.requests if request[1] != "runs"]  # TH6
