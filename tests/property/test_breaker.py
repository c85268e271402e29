"""A circuit breaker beside a list of everything that happened to it."""

from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from backstay_core.failure import FAILED, FAILED_SLOW, NEUTRAL, OK, SLOW
from backstay_core.options import from_data
from backstay_core.strategies.breaker import STATES, TRANSITIONS
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.contract import GRANTED
from backstay_core.strategies.priority import ANYBODY
from tests.conformance import oracle_breaker
from tests.conformance.oracle_strategies import Refusal
from tests.property.cases import cases
from tests.property.generate import MODES, Vector, breakers

VERDICTS = {
    NEUTRAL: None,
    OK: oracle_breaker.Verdict(oracle_breaker.PASSED, False),
    SLOW: oracle_breaker.Verdict(oracle_breaker.PASSED, True),
    FAILED: oracle_breaker.Verdict(oracle_breaker.FAILED, False),
    FAILED_SLOW: oracle_breaker.Verdict(oracle_breaker.FAILED, True),
}
STEPS = st.sampled_from((0, 1, 10**6, 5 * 10**6, 10**7, 10**7 - 1, 5 * 10**7))


class BesideAList(RuleBasedStateMachine):
    """`rows`: the transitions it told of, as (state before, event, state after)."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.in_flight: list[tuple[Any, Any]] = []
        self.rows: list[tuple[str, str, str]] = []

    @initialize(options=breakers(), seed=st.integers(0, 2**64 - 1))
    def begin(self, options: Vector, seed: int) -> None:
        made: Any = from_data(CircuitBreaker, CircuitBreaker.FIELDS, options, "")
        self.breaker = made.state(seed)
        self.breaker.emit = self.told
        self.model: Any = oracle_breaker.CircuitBreaker(
            {name: value for name, value in options.items() if name != "kind"}, seed
        )
        self.before = self.breaker.state

    def told(self, now: int, event: str, detail: object) -> None:
        assert now == self.now
        if event not in ("refused", "forced_open", "forced_closed", "disabled", "metrics_only", "auto"):
            self.rows.append((self.before, event, self.breaker.state))

    @rule(ns=STEPS)
    def time_passes(self, ns: int) -> None:
        self.now += ns

    @rule()
    def a_call_asks(self) -> None:
        answer = self.breaker.admit(self.now)
        expected = self.model.admit(self.now, True, ANYBODY)
        assert (answer.decision == GRANTED) == (not isinstance(expected, Refusal))
        if answer.decision == GRANTED:
            self.in_flight.append((answer, expected))
        else:
            assert (answer.reason, answer.retry_after) == (expected.reason, expected.retry_after)

    @rule(verdict=st.sampled_from(sorted(VERDICTS)), pick=st.integers(0, 10**6))
    def a_call_ends(self, verdict: int, pick: int) -> None:
        if self.in_flight:
            permit, expected = self.in_flight.pop(pick % len(self.in_flight))
            self.breaker.settle(permit, self.now, verdict)
            self.model.settle(expected, self.now, VERDICTS[verdict])

    @rule(verdict=st.sampled_from(sorted(VERDICTS)), times=st.integers(1, 12))
    def calls_come_one_by_one(self, verdict: int, times: int) -> None:
        for _ in range(times):
            self.before = self.breaker.state
            self.a_call_asks()
            self.before = self.breaker.state
            self.a_call_ends(verdict, -1)

    @rule(mode=st.sampled_from(MODES))
    def a_hand(self, mode: str) -> None:
        getattr(self.breaker, mode)(self.now)
        getattr(self.model, mode)(self.now)

    @rule(mode=st.sampled_from(("resume", "revive")))
    def restored(self, mode: str) -> None:
        self.breaker.restore(self.breaker.snapshot(self.now), self.now, mode)
        if mode == "revive":
            self.model.revive()

    @invariant()
    def same_state(self) -> None:
        if not hasattr(self, "breaker"):
            return
        self.before = self.breaker.state
        assert self.breaker.state == self.model.state
        assert self.breaker.mode == self.model.mode
        if self.breaker.closed is not None:
            assert self.breaker.closed.counts(self.now) == self.counted()
        if self.breaker.state == "half_open":
            epoch = self.breaker.epoch
            assert epoch.in_flight == len([probe for probe in self.model.probes if probe[1] == "in flight"])
            assert epoch.passed == len([probe for probe in self.model.probes if probe[1] == "passed"])
            assert epoch.in_flight <= self.breaker.options.probes
            assert epoch.in_flight + epoch.passed <= self.breaker.options.close_after

    def counted(self) -> tuple[int, int, int]:
        window = self.model.window(self.now)
        failed = [verdict for verdict in window if verdict.what == oracle_breaker.FAILED]
        return len(window), len(failed), len([verdict for verdict in window if verdict.slow])


def test_a_breaker_is_what_its_list_says() -> None:
    run_state_machine_as_test(BesideAList, settings=cases(0.3, stateful_step_count=40))


def test_the_table_of_transitions_is_true_and_complete() -> None:
    """What random lives of a breaker tell of: the rows of the table, each of them, and nothing else."""
    seen = set()
    for life in range(200):
        random = Random(life)
        machine = BesideAList()
        window = random.choice(({}, {"window_seconds": 0.1}))
        limits = {"probes": random.randint(1, 2), "close_after": random.randint(1, 3), "half_open_for": 0.02}
        options = {"window_calls": 3, "minimum_calls": 2, "open_for": 0.02, "slow_call": 1, "slow_rate": 0.5}
        machine.begin({"kind": "circuit_breaker", **options, **window, **limits}, life)
        for _ in range(100):
            act = random.choice((machine.a_call_asks, machine.a_call_asks, machine.a_call_ends, machine.time_passes))
            if act == machine.a_call_ends:
                machine.a_call_ends(random.choice(sorted(VERDICTS)), random.randrange(10))
            elif act == machine.time_passes:
                machine.time_passes(random.choice((1, 10**6, 10**7)))
            else:
                machine.a_call_asks()
            machine.same_state()
        seen.update(machine.rows)
    assert seen == {row[:3] for row in TRANSITIONS}
    assert {state for row in TRANSITIONS for state in (row[0], row[2])} == set(STATES)
