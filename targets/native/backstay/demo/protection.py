"""The policy that the demo puts between the load and the upstream, and why its numbers are what they are."""

from __future__ import annotations

from backstay import Budget, Bulkhead, CircuitBreaker, Fallback, Policy, Retry, Timeout
from backstay.demo.scenario import Scenario
from backstay_core.clock import SECOND

STALE = "stale"  # the fallback's answer: last known, not fresh
BREAKER = 3  # its place in the policy

ATTEMPT_MS = 800  # well above what slow answers take (450 ms); what takes longer has stalled
OPEN_MS = 1_000
JITTER = 0.1
RECOVERY_ALLOWANCE = 2.0  # seconds that the promise adds to the breaker's open period
LOAD_ALLOWANCE = 1.15


def protection(scenario: Scenario, seed: int) -> Policy:
    """The policy, with its times in the scenario's speed."""
    return Policy(
        "demo",
        Fallback(STALE),
        Timeout(scenario.patience / SECOND),
        # Against the stalls and errors of single requests. The budget keeps retries at a tenth of the traffic, and no
        # burst makes it more than 15 % of a phase.
        Retry(
            attempts=3,
            idempotent=True,
            base=scenario.seconds(50),
            budget=Budget(0.1, per_second=0, burst=4),
        ),
        # For an outage, not for a bad day. While 60 % of the calls fail the others are still worth making, and a
        # breaker that opened at half would throw them away; 45 failures among 50 do not come from that by chance.
        CircuitBreaker(
            failure_rate=0.9,
            window_calls=50,
            minimum_calls=20,
            open_for=scenario.seconds(OPEN_MS),
            open_growth=1,
            open_jitter=JITTER,
        ),
        # What may hang at once, should everything hang before the breaker knows.
        Bulkhead(50, queue=25),
        Timeout(scenario.seconds(ATTEMPT_MS)),
        seed=seed,
    )


def recovery_limit(scenario: Scenario) -> float:
    """Seconds after the outage within which the first useful answer is promised."""
    return scenario.seconds(OPEN_MS) + RECOVERY_ALLOWANCE


def lag_limit(scenario: Scenario) -> int:
    """By how much (ns) a machine may be late before its lateness, not the upstream, makes attempts time out."""
    slowest = max(phase.latency[1] for phase in scenario.phases)
    return scenario.ns(ATTEMPT_MS - slowest) // 2
