"""The error monitor: counts, rates that forget, fingerprints, alert rules AL1 to AL3; from many threads at once."""

import gc
import sys
import threading
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.errors import classify
from backstay_core.canonical import dumps
from backstay_core.errors.decay import ONE, Rate
from backstay_core.errors.monitor import MOST_VALUES, OTHER, ErrorMonitor
from backstay_core.failure import ConfigurationError, Failure

SECOND = 1_000_000_000
TIMEOUT = Failure("timeout", "stock does not answer", domain="stock")
DATA = Failure("data", "bad checksum", domain="disk", reason="CHECKSUM")


# Rates


@pytest.mark.parametrize(("half_lives", "left"), [(0, ONE), (1, ONE // 2), (2, ONE // 4), (32, 1), (33, 0), (1000, 0)])
def test_an_event_halves_with_each_half_life(half_lives: int, left: int):
    rate = Rate(60 * SECOND)
    rate.add(5 * SECOND)
    assert rate.left((5 + 60 * half_lives) * SECOND) == left


@given(
    st.lists(st.integers(0, 1000 * SECOND), min_size=1, max_size=30), st.integers(1, 100 * SECOND), st.integers(0, 500)
)
def test_the_sum_agrees_with_the_formula(times: list[int], half_life: int, later: int):
    times.sort()
    now = times[-1] + later * SECOND
    rate = Rate(half_life)
    for time in times:
        rate.add(time)
    exact = sum(2.0 ** (-(now - time) / half_life) for time in times)
    assert rate.left(now) / ONE == pytest.approx(exact, rel=1e-4, abs=1e-7)
    assert rate.total == len(times)


def test_a_steady_stream_is_seen_at_its_rate():
    rate = Rate(10 * SECOND)
    for i in range(1000):
        rate.add(i * SECOND // 5)
    assert rate.per_second_milli(200 * SECOND) == pytest.approx(5000, rel=0.02)
    assert rate.per_second_milli(2000 * SECOND) == 0


def test_time_that_runs_backwards_counts_as_standing_still():
    rate = Rate(SECOND)
    rate.add(10 * SECOND)
    rate.add(5 * SECOND)
    assert (rate.at, rate.left(0)) == (10 * SECOND, 2 * ONE)


@pytest.mark.parametrize("half_life", [0, -1, 1.5, True])
def test_impossible_half_lives_are_refused(half_life: Any):
    with pytest.raises(ConfigurationError, match="half-life"):
        Rate(half_life)


# Counting


def test_counts_by_code_severity_kind_and_domain():
    monitor = ErrorMonitor()
    for _ in range(3):
        monitor.record(TIMEOUT, SECOND)
    monitor.record(DATA, 2 * SECOND)
    by = monitor.snapshot(2 * SECOND)["by"]
    counts = {name: {value: rate["count"] for value, rate in values.items()} for name, values in by.items()}
    assert counts == {
        "code": {"DATA_LOSS": 1, "DEADLINE_EXCEEDED": 3},
        "severity": {"critical": 1, "medium": 3},
        "kind": {"data": 1, "timeout": 3},
        "domain": {"disk": 1, "stock": 3},
    }


def test_the_log_keeps_the_last_thousand():
    monitor = ErrorMonitor()
    for i in range(1500):
        monitor.record(TIMEOUT, i)
    snapshot = monitor.snapshot(1500, recent=5000)
    assert (len(snapshot["recent"]), snapshot["log_dropped"]) == (1000, 500)
    assert [snapshot["recent"][i]["age"] for i in (0, -1)] == [1000, 1]
    assert monitor.snapshot(1500, recent=0)["recent"] == []


def test_the_top_is_what_is_frequent_now():
    monitor = ErrorMonitor(half_life=1.0)
    for _ in range(100):
        monitor.record(TIMEOUT, 0)
    for _ in range(3):
        monitor.record(DATA, 60 * SECOND)
    top = monitor.snapshot(60 * SECOND, top=1)["top"]
    assert [(group["fingerprint"], group["count"]) for group in top] == [("disk/data/DATA_LOSS/CHECKSUM", 3)]


def test_everything_is_bounded():
    monitor = ErrorMonitor(fingerprints=10)
    for i in range(500):
        monitor.record(Failure("timeout", domain=f"d{i}"), i)
    snapshot = monitor.snapshot(500)
    assert len(snapshot["by"]["domain"]) == MOST_VALUES + 1
    assert snapshot["by"]["domain"][OTHER]["count"] == 500 - MOST_VALUES
    assert (len(snapshot["top"]), snapshot["fingerprints_evicted"]) == (10, 490)


def test_secrets_do_not_enter():
    monitor = ErrorMonitor()
    monitor.record(Failure("auth", "password=hunter2 refused", domain="https://u:hunter2@h"), 0)
    assert "hunter2" not in dumps(monitor.snapshot(0)["top"] + monitor.snapshot(0)["recent"])


def test_exceptions_are_not_kept_alive():
    class Heavy(Exception):
        pass

    error = Heavy("x")
    gone = weakref.ref(error)
    monitor = ErrorMonitor([{"name": "all", "kind": "unknown"}])
    monitor.record(classify(error), 0)
    del error
    gc.collect()
    assert gone() is None
    assert monitor.snapshot(0)["recent"][0]["message"] == "x"


def test_a_snapshot_is_plain_data():
    monitor = ErrorMonitor()
    assert dumps(monitor.snapshot(0)).startswith('{"by":{"code":{}')
    monitor.record(classify(ValueError("\ud800 lone")), 5)
    assert "\\ud800" in dumps(monitor.snapshot(1))


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": 0},
        {"capacity": True},
        {"half_life": 0},
        {"half_life": "1"},
        {"fingerprints": -1},
        {"half_life": 1e10},
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any]):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        ErrorMonitor(**options)


@pytest.mark.parametrize("thing", [None, "timeout", TimeoutError(), Failure])
def test_only_failures_are_recorded(thing: Any):
    monitor = ErrorMonitor()
    with pytest.raises(ConfigurationError, match="records failures"):
        monitor.record(thing, 0)
    assert monitor.snapshot(0)["total"]["count"] == 0


# Alerts


def fired(rule: dict[str, Any], *events: tuple[float, Failure]) -> list[tuple[float, int, int]]:
    """When the rule fires: (seconds, value, held back)."""
    monitor = ErrorMonitor([{"name": "rule", **rule}])
    alerts = [alert for at, failure in events for alert in monitor.record(failure, int(at * SECOND))]
    return [(alert["at"] / SECOND, alert["value"], alert["held_back"]) for alert in alerts]


def test_al1_only_what_matches():
    events = [(i, failure) for i, failure in enumerate((TIMEOUT, DATA, Failure("data"), Failure("permission")))]
    for match, at in (
        ({"kind": "data"}, [1, 2]),
        ({"kind": "data", "domain": "disk"}, [1]),
        ({"reason": "CHECKSUM"}, [1]),
        ({"code": "DEADLINE_EXCEEDED"}, [0]),
        ({"severity": "high"}, [1, 2, 3]),
        ({"severity": "critical"}, [1, 2]),
    ):
        assert [when for when, _, _ in fired({**match, "cooldown": 0}, *events)] == at


def test_al2_so_many_within_so_long():
    rule = {"count": 3, "seconds": 10, "cooldown": 0}
    assert fired(rule, *((i * 5, TIMEOUT) for i in range(4))) == [(10, 3, 0), (15, 3, 0)]
    assert fired(rule, *((i * 5.1, TIMEOUT) for i in range(9))) == []


def test_al2_so_many_a_second():
    rule = {"rate": 2, "seconds": 10, "cooldown": 1000}
    assert fired(rule, *((i / 1.5, TIMEOUT) for i in range(200))) == []
    [(at, value, _)] = fired(rule, *((i / 5, TIMEOUT) for i in range(200)))
    assert 2000 <= value < 2100
    assert at == pytest.approx(7.2, abs=0.3)  # 5·(1 − 2^(−t/10)) = 2


def test_al3_silence_after_an_alert():
    rule = {"kind": "timeout", "cooldown": 10}
    assert fired(rule, *((i, TIMEOUT) for i in range(25))) == [(0, 1, 0), (10, 1, 9), (20, 1, 9)]


def test_rates_decay_so_an_old_storm_does_not_alert_for_ever():
    rule = {"count": 100, "seconds": 60, "cooldown": 1}
    storm = [(i / 100, TIMEOUT) for i in range(100)]
    assert len(fired(rule, *storm, *((1000 + i * 10, TIMEOUT) for i in range(50)))) == 1


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({}, "has a name"),
        ({"name": ""}, "has a name"),
        ({"name": "x"}, "would fire at every failure"),
        ({"name": "x", "count": 0}, "count must be"),
        ({"name": "x", "count": 2.5}, "count must be"),
        ({"name": "x", "count": True}, "count must be"),
        ({"name": "x", "count": 100_000}, "count must be"),
        ({"name": "x", "rate": 0}, "rate must be"),
        ({"name": "x", "rate": float("nan")}, "rate must be"),
        ({"name": "x", "rate": 1, "count": 1}, "not both"),
        ({"name": "x", "count": 1, "seconds": 0}, "seconds must be"),
        ({"name": "x", "count": 1, "cooldown": -1}, "cooldown must be"),
        ({"name": "x", "kind": "slow"}, "kind must be one of"),
        ({"name": "x", "severity": 3}, "severity must be one of"),
        ({"name": "x", "cuont": 1}, "unknown field 'cuont'"),
        ("rule", "is a table"),
    ],
)
def test_rules_that_mean_nothing_are_refused(rule: Any, complaint: str):
    with pytest.raises(ConfigurationError, match=complaint):
        ErrorMonitor([rule])


def test_rules_have_names_of_their_own():
    with pytest.raises(ConfigurationError, match="different names; got x, x"):
        ErrorMonitor([{"name": "x", "count": 1}, {"name": "x", "count": 2}])


# Threads


@pytest.mark.parametrize("locked", [False, True])
def test_no_failure_is_lost_between_threads(locked: bool):
    monitor = ErrorMonitor(
        [{"name": "all", "kind": "timeout", "cooldown": 0}], lock=threading.Lock() if locked else None
    )
    alerts: list[Any] = []

    def work() -> None:
        for i in range(300):
            alerts.extend(monitor.record(TIMEOUT, i))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    snapshot = monitor.snapshot(300)
    assert snapshot["total"]["count"] == snapshot["by"]["kind"]["timeout"]["count"] == 1200
    assert snapshot["top"][0]["count"] == 1200
    assert len(alerts) == 1200


def test_a_record_in_the_middle_of_a_record_waits_its_turn():
    class Meddler:
        """A lock that records another failure while it is held, as a finalizer might."""

        def __init__(self) -> None:
            self.held = False
            self.meddled = 0

        def acquire(self, blocking: bool) -> bool:
            if self.held:
                return False
            self.held = True
            if self.meddled < 3:
                self.meddled += 1
                assert monitor.record(DATA, 0) == ()
            return True

        def release(self) -> None:
            self.held = False

    monitor = ErrorMonitor(lock=Meddler())
    monitor.record(TIMEOUT, 0)
    assert monitor.snapshot(0)["by"]["kind"]["data"]["count"] == 1
    assert monitor.snapshot(0)["total"]["count"] == 2
