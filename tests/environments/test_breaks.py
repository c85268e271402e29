"""A machine that was restored, moved or stopped is noticed, and what counted on whole time is renewed."""

from __future__ import annotations

from typing import Any

import pytest

from backstay import Bulkhead, CircuitBreaker, CircuitOpen, Policy, forking
from backstay.environments import Recorded, Recoveries, RuntimeEnvironmentManager
from backstay.environments.renewal import renew
from backstay.testing import VirtualTime
from backstay_core.environments import guest
from backstay_core.environments.guest import breaks, moment
from tests.environments.answers import EVERYTHING

S = 1_000_000_000
FORK = f"kmsg:{guest.FORK}"
NO_COUNTER = {"vmclock:/dev/vmclock0": {"reason": "not there"}}
CLOCKS = {"clock:monotonic": 100 * S, "clock:boottime": 150 * S, "clock:realtime": 1_700_000_000 * S}


def at(seconds: int, **changes: Any) -> Recorded:
    """This many seconds later by all clocks, but for the changes."""
    answers = {**EVERYTHING, **{name: value + seconds * S for name, value in CLOCKS.items()}}
    answers["/sys/class/rtc/rtc0/since_epoch"] = f"{1_700_000_000 + seconds}\n"
    return Recorded({**answers, **changes})


def found(before: Recorded, after: Recorded) -> dict[str, int | None]:
    return {each.kind: each.ns for each in breaks(moment(before), moment(after))}


@pytest.mark.parametrize("seconds", [0, 1, 10, 100_000])
def test_whole_time_is_no_break(seconds: int):
    assert found(at(0), at(seconds)) == {}


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"vmclock:/dev/vmclock0": {"generation": 8, "disruption": 3}}, {"restored": None}),
        ({"vmclock:/dev/vmclock0": {"generation": 7, "disruption": 4}}, {"moved": None}),
        ({"/sys/class/rtc/rtc0/since_epoch": "1700000070\n"}, {"stopped": 60 * S}),
        ({"/sys/class/rtc/rtc0/since_epoch": "1700000012\n"}, {}),  # it has whole seconds
        ({"clock:monotonic": 105 * S}, {"slept": 5 * S}),
        #  the counter cannot be read, but the kernel says in its log that it has changed
        ({**NO_COUNTER, FORK: 812}, {"restored": None}),
        ({**NO_COUNTER, FORK: 0}, {}),  # a message of long ago has left the log
        ({FORK: 812}, {}),  # the counter can be read, and has not changed
        #  somebody set the clock, forwards and back; the hardware clock has not moved
        ({"clock:realtime": 1_700_003_610 * S}, {"stepped": 3600 * S}),
        ({"clock:realtime": 1_699_996_410 * S}, {"stepped": -3600 * S}),
        #  stopped for a minute and then corrected by a time server
        (
            {"/sys/class/rtc/rtc0/since_epoch": "1700000070\n", "clock:realtime": 1_700_000_070 * S},
            {"stopped": 60 * S, "stepped": 60 * S},
        ),
        ({"/sys/class/rtc/rtc0/since_epoch": {"reason": "not there"}, "vmclock:/dev/vmclock0": "?"}, {}),
    ],
)
def test_what_breaks_time(changes: dict[str, Any], kinds: dict[str, int | None]):
    assert found(at(0), at(10, **changes)) == kinds


def test_only_a_clock_that_was_set_renews_nothing():
    for changes, renews in (({"clock:realtime": 5 * S}, False), ({"clock:monotonic": 105 * S}, True)):
        assert any(each.renews for each in breaks(moment(at(0)), moment(at(10, **changes)))) is renews


class TestRenewal:
    def test_probes_that_were_out_are_let_go(self):
        """The call that probed when the snapshot was taken never comes back."""
        with VirtualTime() as time:
            policy = Policy("p", CircuitBreaker.consecutive(1, open_for=1.0, open_jitter=0.0))
            with pytest.raises(ZeroDivisionError):
                policy.call(lambda: 1 / 0)
            time.advance(2)
            breaker: Any = policy.layers[0]
            probe = breaker.admit(policy.ports.clock())
            with pytest.raises(CircuitOpen):
                policy.call(lambda: 1)
            renew()
            assert policy.call(lambda: 1) == 1
            assert policy[CircuitBreaker].state == "closed"
            breaker.settle(probe, policy.ports.clock(), -1)  # its outcome is of an epoch that is over
            assert policy[CircuitBreaker].state == "closed"

    def test_calls_from_before_count_no_more(self):
        policy = Policy("p", CircuitBreaker.consecutive(1))
        breaker: Any = policy.layers[0]
        permit = breaker.admit(0)
        renew()
        breaker.settle(permit, 1, -1)
        assert policy.call(lambda: 1) == 1

    def test_what_was_known_stays(self):
        policy = Policy("p", CircuitBreaker(0.5, 4, minimum_calls=2))
        with pytest.raises(ZeroDivisionError):
            policy.call(lambda: 1 / 0)
        renew()
        with pytest.raises(ZeroDivisionError):
            policy.call(lambda: 1 / 0)
        with pytest.raises(CircuitOpen):
            policy.call(lambda: 1)

    def test_streams_are_reseeded_unless_they_were_given(self):
        loose, fixed = Policy("p", CircuitBreaker()), Policy("q", CircuitBreaker(), seed=7)
        before = [(p.seed, p.layers[0].seed) for p in (loose, fixed)]  # type: ignore[attr-defined]
        renew()
        after = [(p.seed, p.layers[0].seed) for p in (loose, fixed)]  # type: ignore[attr-defined]
        assert after[0][0] != before[0][0]
        assert after[0][1] != before[0][1]
        assert after[1] == before[1]

    def test_twins_with_the_same_randomness_are_told_apart_by_their_clocks(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(forking, "fresh_seed", lambda: 42)
        policy = Policy("p", CircuitBreaker())
        seeds: set[int] = set()
        for clocks in ([100, 7], [101, 7], [100, 8]):
            renew(None, clocks)
            seeds |= {policy.seed, policy.layers[0].seed}  # type: ignore[attr-defined]
        assert len(seeds) >= 3

    def test_what_is_kept_for_each_key_is_renewed_too(self):
        by_host = Policy("p", CircuitBreaker.consecutive(1)).keyed(lambda host: host)
        assert by_host.call(lambda host: host, "a") == "a"
        [breaker] = [layer for one in by_host.held() for layer in one.own()]
        before = (breaker.epoch, breaker.seed)
        renew()
        assert breaker.epoch is not before[0]
        assert breaker.seed != before[1]

    def test_who_is_inside_stays_inside(self):
        policy = Policy("p", Bulkhead(2))

        def inside() -> int:
            renew()
            return policy[Bulkhead].inside

        assert policy.call(inside) == 1
        assert policy[Bulkhead].inside == 0

    def test_pools_are_reset(self):
        recoveries = Recoveries()
        recoveries.register_pool("db", lambda: 2)
        assert [step.message for step in renew(recoveries)] == ["2 dropped"]


def test_the_manager_renews_when_it_looks():
    answers = dict(at(0).answers)
    recoveries = Recoveries()
    reset: list[int] = []
    recoveries.register_pool("db", lambda: reset.append(1))
    told: list[str] = []
    with RuntimeEnvironmentManager(Recorded(answers), override="micro_vm", recoveries=recoveries) as manager:
        manager.on("*", lambda event: told.append(event.name) if event.name in ("broken", "renewed") else None)
        manager.look()
        assert (told, reset) == ([], [])
        answers.update(at(10, **{"vmclock:/dev/vmclock0": {"generation": 8, "disruption": 3}}).answers)
        manager.look()
        assert (told, reset) == (["broken", "renewed"], [1])
        manager.look()
        assert reset == [1]
