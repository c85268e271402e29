"""What no vector shows of gates that measure, and of callers: bounds of snapshots, forks, bad options."""

from typing import Any

import pytest

from backstay_core.execution import START, Execution
from backstay_core.failure import NEUTRAL, OK, ConfigurationError, SnapshotError
from backstay_core.policy import Policy, Shared
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.hedge import Hedge
from backstay_core.strategies.priority import LONGEST_TENANT, Caller
from backstay_core.strategies.rate_limit import RateLimit
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.throttle import REJECTED, Throttle

SECOND = 10**9


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"algorithm": "fixed_window", "burst": 3}, "burst=…. is for the token_bucket; fixed_window has none"),
        ({"on": "internal"}, "which nobody hears without decrease"),
        ({"algorithm": "leaky_bucket", "shed": 0.5}, "leaky_bucket has but one"),
    ],
)
def test_options_of_a_rate_limit_that_contradict_each_other(options: dict[str, Any], why: str):
    with pytest.raises(ConfigurationError, match=why):
        RateLimit(3, **options)


def test_options_of_a_rate_limit_that_go_together():
    assert RateLimit(3, algorithm="token_bucket", burst=5).values()["burst"] == 5
    assert RateLimit(3, on="internal", decrease=0.5) == RateLimit(3, decrease=0.5, on="internal")
    assert RateLimit(3, algorithm="sliding_window", shed=0.5).shed_ppm == 500_000


def a_throttle(*, minimum_calls: int = 1000) -> Any:
    """Its tenths are seconds: two calls rejected and one accepted in the first, one accepted in the third, and one that
    began in the third and runs."""
    throttle = Throttle(window=10, minimum_calls=minimum_calls).state(1)
    for now, verdict in ((0, REJECTED), (0, OK), (0, REJECTED), (0, NEUTRAL), (2 * SECOND, OK)):
        throttle.settle(throttle.admit(now), now, verdict)
    throttle.admit(2 * SECOND)
    return throttle


def test_a_throttle_saves_what_was_over_in_each_tenth():
    throttle = a_throttle()
    assert throttle.snapshot(3 * SECOND)["state"] == {"asked": 6, "tenths": [[1, 1, 1], [3, 3, 1]]}
    assert throttle.snapshot(9 * SECOND)["state"]["tenths"] == [[7, 1, 1], [9, 3, 1]]
    assert throttle.snapshot(10 * SECOND)["state"]["tenths"] == [[8, 1, 1]]


def test_the_tenths_of_a_throttle_grow_older_while_it_is_saved():
    throttle = Throttle(window=10, minimum_calls=1000).state(1)
    throttle.restore(a_throttle().snapshot(3 * SECOND, wall=100 * SECOND), 50 * SECOND, "revive", wall=102 * SECOND)
    assert throttle.snapshot(50 * SECOND)["state"]["tenths"] == [[3, 1, 1], [5, 3, 1]]


@pytest.mark.parametrize(
    "tenths",
    [
        [[10, 1, 1]],  # not in the window any more
        [[3, 1, 1], [3, 1, 0]],  # one tenth twice
        [[1, 1]],
        [[1, 1, -1]],
        "tenths",
    ],
)
def test_bad_tenths_are_refused_and_change_nothing(tenths: Any):
    throttle = a_throttle()
    before = throttle.snapshot(3 * SECOND)
    bad = throttle.snapshot(3 * SECOND)
    bad["state"]["tenths"] = tenths
    with pytest.raises(SnapshotError):
        throttle.restore(bad, 3 * SECOND, "resume")
    assert throttle.snapshot(3 * SECOND) == before


@pytest.mark.parametrize("tenths", [[], [[9, 1, 1]], [[0, 2, 1], [9, 1, 0]]])
def test_good_tenths_are_taken(tenths: Any):
    throttle = a_throttle()
    good = throttle.snapshot(30 * SECOND)
    good["state"]["tenths"] = tenths
    throttle.restore(good, 30 * SECOND, "revive")
    assert throttle.snapshot(30 * SECOND)["state"]["tenths"] == tenths


def test_after_a_fork_a_throttle_forgets_the_calls_in_flight_and_nothing_else():
    throttle = a_throttle()
    before = throttle.snapshot(3 * SECOND)
    parents = throttle.epoch
    throttle.desert()
    assert throttle.snapshot(3 * SECOND) == before
    throttle.settle(parents, 3 * SECOND, OK)
    assert throttle.snapshot(3 * SECOND) == before


def test_a_call_that_was_left_and_ends_after_all_is_counted_in_its_tenth():
    throttle = a_throttle()
    permit = throttle.epoch
    throttle.settle(permit, 3 * SECOND, NEUTRAL)
    for verdict in (OK, REJECTED, NEUTRAL):
        throttle.count(permit, verdict)
    assert throttle.snapshot(3 * SECOND)["state"]["tenths"] == [[1, 3, 2], [3, 3, 1]]


def test_how_many_tenths_ago_a_permit_was_issued():
    throttle = a_throttle()
    newest, oldest = throttle.epoch, throttle.epoch.older
    assert [throttle.age(newest, now * SECOND) for now in (2, 3, 11, 12)] == [0, 1, 9, None]
    assert [throttle.age(oldest, now * SECOND) for now in (2, 9, 10)] == [2, 9, None]
    assert throttle.age(throttle.orphan(), 2 * SECOND) is None


def test_the_permit_of_so_many_tenths_ago():
    throttle = a_throttle()
    newest, oldest = throttle.epoch, throttle.epoch.older
    assert throttle.issued(0, 2 * SECOND) is newest
    assert throttle.issued(2, 2 * SECOND) is oldest
    between = throttle.issued(1, 2 * SECOND)
    assert (between.number, between.older, newest.older) == (1, oldest, between)
    fresh = throttle.issued(0, 4 * SECOND)
    assert (fresh.number, fresh.older, throttle.epoch) == (4, newest, fresh)
    assert throttle.issued(None, 4 * SECOND) not in (fresh, newest, between, oldest)


def a_limit() -> Any:
    """Its first window is over at 1 s and was the baseline."""
    limit = ConcurrencyLimit(8, least=2, most=16, window=1e-6, window_calls=1, probe_every=60).state()
    for now in (0, SECOND):
        limit.settle(limit.admit(now), now, 1 + SECOND // 100)
    return limit


def test_the_time_since_the_last_probe_grows_while_a_limit_is_saved():
    saved = a_limit().snapshot(4 * SECOND, wall=100 * SECOND)
    assert saved["state"]["probed"] == 3 * SECOND
    limit = a_limit()
    limit.restore(saved, 50 * SECOND, "revive", wall=107 * SECOND)
    assert limit.snapshot(50 * SECOND)["state"]["probed"] == 10 * SECOND
    assert limit.snapshot(39 * SECOND)["state"]["probed"] == 0, "a clock that goes back"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("limit", (2, 16), (1, 17)),
        ("estimate", (2_000_000, 16_000_000), (1_999_999, 16_000_001)),
        ("usual", (2, 16), (1, 17)),
        ("inside", (0, 16), (-1, 17)),
        ("probing", (0, 1), (2,)),
    ],
)
def test_the_numbers_of_a_saved_limit_have_bounds(name: str, good: tuple[int, ...], bad: tuple[int, ...]):
    saved = a_limit().snapshot(4 * SECOND)
    for number in good:
        saved["state"][name] = number
        a_limit().restore(saved, 4 * SECOND, "resume")
    for number in bad:
        saved["state"][name] = number
        with pytest.raises(SnapshotError, match=name):
            a_limit().restore(saved, 4 * SECOND, "resume")


@pytest.mark.parametrize("priority", [-1, 5, True, 1.0, "urgent", "", None, [0]])
def test_what_is_no_priority_is_refused(priority: Any):
    with pytest.raises(ConfigurationError, match="a priority is 0 to 4 or one of critical, high"):
        Caller(priority)


@pytest.mark.parametrize("tenant", [None, 7, b"acme", "x" * 201])
def test_what_is_no_tenant_is_refused(tenant: Any):
    with pytest.raises(ConfigurationError, match="a tenant is a text of at most 200 characters"):
        Caller(0, tenant)


def test_who_calls_by_name_and_by_number():
    assert [Caller(name).priority for name in ("critical", "high", "normal", "low", "background")] == [0, 1, 2, 3, 4]
    assert Caller() == Caller(2, "") == Caller("normal")
    assert Caller(4, "x" * LONGEST_TENANT) != Caller(4)
    assert Caller(4, "a") != Caller(3, "a")
    assert repr(Caller(0, "acme")) == "Caller(priority='critical', tenant='acme')"


def test_a_call_deposits_once_where_a_retry_and_a_hedge_share_a_budget():
    shared = Shared("budget", Budget(ratio=0.25, per_second=0, burst=10))
    shared.state.tokens = 0
    for strategies, deposits in (
        ((Retry(budget=shared), Hedge(1, budget=shared)), 1),
        ((Retry(budget=Budget()), Hedge(1, budget=shared)), 1),
        ((Retry(budget=shared), Hedge(1, budget=Budget())), 1),
        ((Retry(budget=Budget()), Hedge(1)), 0),
    ):
        before = shared.state.tokens
        Execution(Policy("p", *strategies)).step((START,), 0)
        assert shared.state.tokens - before == deposits * 250_000
