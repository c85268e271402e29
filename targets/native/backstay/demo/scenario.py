"""What happens in the demo, as data: phases, rates, and the fate of every request, drawn from the seed.

Times are ns. The fate of a request is decided by the seed, its number, how often it was tried before, and the phase in
which it reaches the upstream: so the unprotected client and the policy meet the same upstream, request by request.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from backstay_core.clock import MILLISECOND, SECOND
from backstay_core.rng import stream

ARRIVALS, FATES = 1_000, 2_000  # salts: these streams are not those of the policy's own pauses


@dataclass(frozen=True)
class Phase:
    """A stretch of time in which the upstream behaves in one way. Times in ms, shares in percent."""

    name: str
    lasts: int
    latency: tuple[int, int] = (5, 40)  # of an ordinary answer
    stalls: int = 0  # share of requests that stall instead, for …
    stall: tuple[int, int] = (0, 0)
    errors: int = 0  # share of answers that are HTTP 503
    listens: bool = True  # else connections are refused
    answers: bool = True  # else requests are taken in and wait for the end of the phase


PHASES = (
    Phase("healthy", 3_000),
    Phase("slow", 4_000, latency=(150, 450), stalls=20, stall=(1_800, 6_000)),
    Phase("errors", 5_000, errors=60),
    Phase("down", 4_000, listens=False),
    Phase("hanging", 4_000, answers=False),
    Phase("recovery", 6_000),
)
AFTER_OUTAGE = "recovery"  # the phase that begins when the upstream is healthy again


@dataclass(frozen=True)
class Fate:
    """How the upstream treats one request once its turn has come."""

    latency: int
    ok: bool


@dataclass(frozen=True)
class Scenario:
    """The phases, the load and the caller's patience. With `speed` 6 every time is a sixth of what the phases say."""

    rate: int = 40  # requests a second
    speed: int = 1
    headroom: float = 1.4  # what the upstream can do, as a multiple of the rate
    phases: tuple[Phase, ...] = PHASES

    def ns(self, ms: float) -> int:
        """Milliseconds of the scenario in ns of this run."""
        return int(ms * MILLISECOND) // self.speed

    def seconds(self, ms: float) -> float:
        return self.ns(ms) / SECOND

    @property
    def patience(self) -> int:
        """How long a caller waits before an answer is of no use any more."""
        return self.ns(2_000)

    @property
    def work(self) -> int:
        """What one request costs the upstream, which works on one at a time."""
        return int(SECOND / (self.rate * self.headroom))

    @property
    def starts(self) -> list[int]:
        """When each phase begins, and when the last one ends."""
        starts = [0]
        for phase in self.phases:
            starts.append(starts[-1] + self.ns(phase.lasts))
        return starts

    def phase_at(self, now: int) -> int:
        """The index of the phase at `now`. The last one goes on."""
        return min(max(bisect_right(self.starts, now) - 1, 0), len(self.phases) - 1)

    def index(self, name: str) -> int:
        return [phase.name for phase in self.phases].index(name)

    @property
    def healthy_again(self) -> int:
        """When the outage is over."""
        return self.starts[self.index(AFTER_OUTAGE)]

    def arrivals(self, seed: int) -> list[int]:
        """When each request begins: gaps between 0 and twice the mean, whether or not earlier requests are over."""
        rng = stream(seed, 0, ARRIVALS)
        end = self.starts[-1]
        widest = 2 * SECOND // self.rate
        found = []
        now = rng.below(widest + 1)
        while now < end:
            found.append(now)
            now += rng.below(widest + 1)
        return found

    def fate(self, seed: int, number: int, attempt: int, phase: Phase) -> Fate:
        """What becomes of request `number` the (`attempt` + 1)-th time it reaches the upstream."""
        rng = stream(seed, number, FATES + attempt)
        stalled = rng.below(100) < phase.stalls
        failed = rng.below(100) < phase.errors
        shortest, longest = phase.stall if stalled else phase.latency
        return Fate(self.ns(shortest) + rng.below(self.ns(longest - shortest) + 1), not failed)


FULL = Scenario()
QUICK = Scenario(rate=120, speed=6)
