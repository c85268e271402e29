"""The promises of the demo, proved in virtual time over many seeds, and what they rest on."""

from dataclasses import replace

import pytest

from backstay import Policy
from backstay.demo import virtual
from backstay.demo.outcome import POLICY, SIDES, UNPROTECTED, Run, figures, promises, recovery
from backstay.demo.protection import BREAKER, protection
from backstay.demo.report import to_data
from backstay.demo.scenario import FULL, QUICK, Scenario
from backstay_core.options import Options

SEEDS = range(20)
SPEEDS = [pytest.param(FULL, id="full"), pytest.param(QUICK, id="quick")]
RETRY = 2


def broken(run: Run) -> dict[str, list[str]]:
    """The promises that were not kept, with where."""
    return {promise.name: promise.broken for promise in promises(run) if not promise.kept}


def changed(scenario: Scenario, seed: int, position: int, **options: object) -> Policy:
    """The demo's policy with one strategy changed."""
    parts = list(protection(scenario, seed).strategies)
    strategy = parts[position]
    assert isinstance(strategy, Options)
    parts[position] = strategy.replace(**options)
    return Policy("demo", *parts, seed=seed)


@pytest.mark.parametrize("scenario", SPEEDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept(scenario: Scenario, seed: int):
    run = virtual.run(scenario, seed)
    assert broken(run) == {}
    assert [promise.name for promise in promises(run)] == ["goodput", "load", "recovery"]


@pytest.mark.parametrize("scenario", SPEEDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_request_is_accounted_for(scenario: Scenario, seed: int):
    run = virtual.run(scenario, seed)
    due = [scenario.phase_at(at) for at in scenario.arrivals(seed)]
    for side in SIDES:
        for index, row in enumerate(figures(run, side)):
            assert row.requests == due.count(index) == row.useful + row.fallbacks + row.failed
            assert row.reached <= row.sent
    assert all(row.sent == row.requests and row.fallbacks == 0 for row in figures(run, UNPROTECTED))
    assert all(row.failed == 0 for row in figures(run, POLICY))  # the fallback answers for what fails


@pytest.mark.parametrize("seed", SEEDS)
def test_the_outage_is_one_and_the_policy_notices(seed: int):
    run = virtual.run(FULL, seed)
    without = {phase.name: row for phase, row in zip(FULL.phases, figures(run, UNPROTECTED), strict=True)}
    assert without["healthy"].useful == without["healthy"].requests
    assert without["down"].useful == without["hanging"].useful == 0
    assert without["down"].reached == 0 < without["hanging"].reached
    assert 0 < without["recovery"].useful < without["recovery"].requests  # the backlog of the outage
    assert 0.25 < without["errors"].useful / without["errors"].requests < 0.55
    opened = [at for at, event in run.events if event == "opened"]
    assert [FULL.phase_at(at) for at in opened] == [FULL.index("down")]  # once, and not for 60 % of errors
    assert [event for _, event in run.events if event != "refused"][-1] == "closed"


def test_a_seed_gives_the_same_run_again():
    assert to_data(virtual.run(FULL, 7)) == to_data(virtual.run(FULL, 7))
    assert to_data(virtual.run(FULL, 7)) != to_data(virtual.run(FULL, 8))


class TestWhatThePromisesRestOn:
    """Each of these breaks a promise, so the tests above can fail, and docs/demo.md can say what to watch for."""

    @pytest.mark.parametrize("seed", SEEDS[:5])
    def test_a_breaker_that_opens_at_half_throws_good_answers_away(self, seed: int):
        policy = changed(FULL, seed, BREAKER, failure_rate=0.5)
        assert any(where.startswith("errors: ") for where in broken(virtual.run(FULL, seed, policy))["goodput"])

    @pytest.mark.parametrize("seed", SEEDS[:5])
    def test_without_a_budget_retries_are_a_load_of_their_own(self, seed: int):
        policy = changed(FULL, seed, RETRY, budget=None)
        assert any(where.startswith("errors: ") for where in broken(virtual.run(FULL, seed, policy))["load"])

    @pytest.mark.parametrize("seed", SEEDS[:5])
    def test_an_open_period_too_long_delays_recovery(self, seed: int):
        policy = changed(FULL, seed, BREAKER, open_for=30.0)
        assert "recovery" in broken(virtual.run(FULL, seed, policy))

    @pytest.mark.parametrize("seed", SEEDS)
    def test_an_outage_that_leaves_nothing_behind_costs_an_open_period(self, seed: int):
        """With an upstream that catches up at once, whoever kept asking is answered at once; an open breaker is not."""
        idle = replace(FULL, headroom=1000.0)
        run = virtual.run(idle, seed)
        last = idle.index("recovery")
        without, with_ = figures(run, UNPROTECTED)[last], figures(run, POLICY)[last]
        assert without.useful == without.requests
        took = recovery(run, POLICY)
        assert took is not None
        missed = [call for call in run.sides[POLICY].calls if call.due >= idle.healthy_again and call.got != "useful"]
        assert len(missed) == with_.requests - with_.useful
        assert all(call.due <= idle.healthy_again + took for call in missed)  # until the probe passed, and not after
        assert took <= idle.ns(1_000) * 1.1 + idle.ns(800)  # the open period with its jitter, and a probe that hung
