"""The demo's scenario, its upstream without sockets, and how a run is judged."""

from dataclasses import replace
from itertools import product

import pytest

from backstay.demo import report, virtual
from backstay.demo.outcome import (
    BROKEN,
    FAILED,
    KEPT,
    NOT_JUDGED,
    POLICY,
    UNPROTECTED,
    USEFUL,
    Call,
    figures,
    percentile,
    promises,
    verdict,
)
from backstay.demo.protection import lag_limit
from backstay.demo.scenario import FULL, QUICK, Phase
from backstay.demo.upstream import Upstream

MS = 1_000_000


def test_requests_arrive_at_the_rate_whatever_becomes_of_them():
    arrivals = FULL.arrivals(3)
    assert arrivals == sorted(arrivals)
    assert arrivals[0] >= 0
    assert arrivals[-1] < FULL.starts[-1]
    assert len(arrivals) == pytest.approx(26 * FULL.rate, rel=0.1)
    assert arrivals != FULL.arrivals(4)


def test_phases_follow_each_other_and_the_last_one_goes_on():
    names = [FULL.phases[FULL.phase_at(start)].name for start in FULL.starts]
    assert names == ["healthy", "slow", "errors", "down", "hanging", "recovery", "recovery"]
    assert FULL.phase_at(FULL.starts[1] - 1) == 0
    assert FULL.phase_at(FULL.starts[-1] * 2) == 5
    assert FULL.healthy_again == FULL.starts[5] == 20_000 * MS


def test_quick_is_the_same_in_less_time():
    assert [at // QUICK.speed for at in FULL.starts] == pytest.approx(QUICK.starts, abs=10)
    assert QUICK.patience == FULL.patience // QUICK.speed
    assert (QUICK.starts[-1] + QUICK.patience) / 1e9 < 5.0
    assert (FULL.starts[-1] + FULL.patience) / 1e9 < 29.0


def test_a_fate_depends_on_seed_request_attempt_and_phase():
    phase = Phase("odd", 1000, latency=(10, 1000), errors=50)
    fates = [FULL.fate(*which, phase).latency for which in product((1, 2), (1, 2), (0, 1))]
    assert len(set(fates)) == 8
    assert FULL.fate(1, 1, 0, phase) == FULL.fate(1, 1, 0, phase)
    drawn = [FULL.fate(1, number, 0, phase) for number in range(2000)]
    assert {fate.ok for fate in drawn} == {True, False}
    assert sum(fate.ok for fate in drawn) == pytest.approx(1000, abs=100)
    assert all(10 * MS <= fate.latency <= 1000 * MS for fate in drawn)


def test_the_upstream_works_on_one_request_at_a_time():
    upstream = Upstream(FULL, 1)
    replies = [upstream.take(0, number) for number in range(3)]
    for turn, reply in enumerate(replies, 1):
        assert reply is not None
        latency = FULL.fate(1, turn - 1, 0, FULL.phases[0]).latency
        assert reply.at == turn * FULL.work + latency
    assert upstream.reached == [3, 0, 0, 0, 0, 0]


def test_the_upstream_refuses_while_it_is_down():
    upstream = Upstream(FULL, 1)
    assert upstream.take(FULL.starts[FULL.index("down")], 0) is None
    assert sum(upstream.reached) == 0


def test_what_a_hanging_upstream_has_taken_in_comes_first_afterwards():
    upstream = Upstream(FULL, 1)
    begins = FULL.starts[FULL.index("hanging")]
    replies = [upstream.take(begins + number, number) for number in range(20)]
    assert all(reply is not None and reply.at > FULL.healthy_again for reply in replies)
    later = upstream.take(FULL.healthy_again, 20)
    assert later is not None
    assert later.at > FULL.healthy_again + 21 * FULL.work


def test_another_attempt_has_another_fate():
    upstream = Upstream(FULL, 1)
    slow = FULL.starts[FULL.index("slow")]
    first, second = upstream.take(slow, 5), upstream.take(slow, 5)
    assert first is not None
    assert second is not None
    assert second.at - 2 * FULL.work - slow == FULL.fate(1, 5, 1, FULL.phases[1]).latency != first.at - FULL.work - slow


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_percentiles_are_nearest_rank(percent: int, expected: int):
    assert percentile(list(range(100, 0, -1)), percent) == expected
    assert percentile([7], percent) == 7
    assert percentile([], percent) is None


def test_a_call_counts_in_the_phase_in_which_it_was_due():
    run = virtual.run(QUICK, 1)
    end = QUICK.starts[1]
    run.sides[POLICY].calls[:] = [Call(end - 1, end + 100, USEFUL), Call(end, end + 1, FAILED)]
    rows = figures(run, POLICY)
    assert (rows[0].requests, rows[0].useful, rows[0].p50) == (1, 1, 101)
    assert (rows[1].requests, rows[1].useful, rows[1].failed) == (1, 0, 1)
    assert rows[2].p50 is rows[2].p99 is None


def test_broken_promises_say_where():
    run = virtual.run(QUICK, 1)
    calls = run.sides[POLICY].calls
    calls[:] = [replace(call, got=FAILED) for call in calls]
    run.sides[POLICY].sent[0] *= 2
    goodput, load, recovered = promises(run)
    assert len(goodput.broken) == 4
    assert goodput.broken[0].startswith("healthy: 0 useful answers, ")
    assert load.broken == [f"healthy: {run.sides[POLICY].sent[0]} calls, {run.sides[UNPROTECTED].sent[0]} unprotected"]
    assert recovered.broken == ["never"]
    assert verdict(run) == BROKEN
    assert report.exit_code(run) == 1
    assert "BROKEN  useful answers at most 2.2 s after the outage" in report.summary(run)


def test_a_busy_machine_is_not_judged():
    run = virtual.run(QUICK, 1)
    assert verdict(run) == KEPT
    run.sides[POLICY].calls.clear()
    run.lag = lag_limit(QUICK)
    assert verdict(run) == BROKEN
    run.lag += 1
    assert verdict(run) == NOT_JUDGED
    assert report.exit_code(run) == 0
    assert report.summary(run)[-1] == "Not judged: this machine was busy and up to 29 ms late."
    assert report.to_data(run)["verdict"] == "not judged"


def test_the_report_fits_a_terminal():
    run = virtual.run(FULL, 1)
    table = report.plain_table(run).splitlines()
    assert max(map(len, report.summary(run))) < 82
    assert len(table) == 2 + len(FULL.phases)
    assert max(map(len, table)) < 80
    assert all(line.isascii() for line in table)
