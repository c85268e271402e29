"""Recovery does something, measures it, and says so; or says why not."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from typing import Any

import pytest

from backstay.environments import (
    EndProcess,
    Recorded,
    Recoveries,
    RecoveryType,
    Supervisor,
    SystemProbe,
    adapter_for,
)
from backstay_core.failure import ConfigurationError
from tests.environments.answers import EVERYTHING


def recover(kind: RecoveryType | str, recoveries: Recoveries, probe: Any = None):
    adapter = adapter_for("operating_system", probe or SystemProbe(), recoveries=recoveries)
    return adapter.perform_recovery(kind)  # type: ignore[arg-type]


def step(report: Any, name: str) -> Any:
    [found] = [step for step in report.steps if step.name == name]
    return found


class Node:
    def __init__(self, other: Any = None):
        self.other = other


class TestMemory:
    def test_garbage_is_collected_and_counted(self):
        gc.collect()
        gc.disable()
        try:
            for _ in range(1000):
                pair = Node()
                pair.other = Node(pair)
            pair = None  # type: ignore[assignment]
            taken = step(recover("memory_cleanup", Recoveries()), "garbage")
        finally:
            gc.enable()
        assert taken.did
        assert int(taken.message.split()[0]) >= 2000

    def test_no_garbage_is_nothing_done(self):
        gc.collect()
        gc.disable()
        try:
            report = recover("memory_cleanup", Recoveries(), Recorded(EVERYTHING))
        finally:
            gc.enable()
        assert step(report, "garbage").message.startswith("did nothing") or step(report, "garbage").did

    @pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
    def test_a_cache_that_is_dropped_is_less_memory(self):
        cache = {number: bytes([number]) * (1 << 20) for number in range(1, 65)}

        def clear() -> int:
            count = len(cache)
            cache.clear()
            return count

        recoveries = Recoveries()
        recoveries.register_cache("pages", clear)
        report = recover("memory_cleanup", recoveries)
        taken = step(report, "cache pages")
        assert (taken.did, taken.message) == (True, "64 dropped")
        assert taken.before.source == taken.after.source == "/proc/self/status"
        assert step(report, "free memory").after.value < taken.before.value - (32 << 20)  # measured by the kernel
        assert report.did_something
        again = step(recover("memory_cleanup", recoveries), "cache pages")
        assert (again.did, again.message) == (False, "did nothing: none were there")

    def test_measured_is_what_the_source_says(self):
        report = recover("memory_cleanup", Recoveries(), Recorded(EVERYTHING))
        assert step(report, "garbage").before.value == 65536 * 1024


class TestConnections:
    def test_pools_are_reset(self):
        recoveries = Recoveries()
        reset: list[str] = []
        recoveries.register_pool("db", lambda: reset.append("db"))
        remove = recoveries.register_pool("http", lambda: 3)
        report = recover("connection_reset", recoveries)
        assert reset == ["db"]
        assert [(taken.name, taken.did, taken.message) for taken in report.steps] == [
            ("pool db", True, "done; it does not say how many"),
            ("pool http", True, "3 dropped"),
        ]
        remove()
        assert len(recover("connection_reset", recoveries).steps) == 1

    def test_without_pools_it_is_refused(self):
        report = recover("connection_reset", Recoveries())
        assert (report.refused, report.did_something) == ("no connection pool is registered", False)

    def test_one_that_raises_or_hangs_does_not_stop_the_others(self):
        hang = threading.Event()

        class Impatient(Recoveries):
            """With the one that hangs."""

            def _own(self, kind: str, name: str, action: Any):
                self.patience = 0.05 if name == "hung" else 60.0
                return super()._own(kind, name, action)

        recoveries = Impatient()
        recoveries.register_pool("broken", lambda: 1 / 0)
        recoveries.register_pool("hung", hang.wait)
        recoveries.register_pool("leaving", sys.exit)
        recoveries.register_pool("good", lambda: 1)
        report = recover("connection_reset", recoveries)
        hang.set()
        assert [taken.did for taken in report.steps] == [False, False, False, True]
        assert "ZeroDivisionError" in report.steps[0].message
        assert "was not over after 0.05 s" in report.steps[1].message


class Restarts(Supervisor):
    def __init__(self, *kinds: RecoveryType):
        self.kinds = kinds
        self.done: list[str] = []

    def refusal(self, recovery_type: RecoveryType):
        return None if recovery_type in self.kinds else super().refusal(recovery_type)

    def restart(self, recovery_type: RecoveryType):
        self.done.append(recovery_type)
        return f"{recovery_type} is under way"


class TestRestarts:
    @pytest.mark.parametrize("kind", ["process_restart", "service_restart", "system_restart"])
    def test_without_a_supervisor_it_is_refused(self, kind: str):
        assert recover(kind, Recoveries()).refused == "no supervisor is registered that could do that"

    def test_a_supervisor_does_what_it_can(self):
        supervisor = Restarts(RecoveryType.SERVICE_RESTART)
        done = recover("service_restart", Recoveries(supervisor))
        assert (done.did_something, done.steps[0].message) == (True, "service_restart is under way")
        assert "does not do that" in recover("process_restart", Recoveries(supervisor)).refused
        assert supervisor.done == ["service_restart"]

    @pytest.mark.parametrize(
        ("capabilities", "refused"),
        [
            ("000001ffffffffff", ""),
            ("00000000a80425fb", "this process has no CAP_SYS_BOOT"),
            ("0000000000000000", "this process has no CAP_SYS_BOOT"),
            (None, "whether this process may restart the system is not known: Permission denied"),
        ],
    )
    def test_the_system_is_restarted_with_the_privilege_alone(self, capabilities: str | None, refused: str):
        status: Any = {"reason": "Permission denied"}
        if capabilities is not None:
            status = EVERYTHING["/proc/self/status"] + f"CapEff:\t{capabilities}\n"
        supervisor = Restarts(RecoveryType.SYSTEM_RESTART)
        probe = Recorded({**EVERYTHING, "/proc/self/status": status})
        report = recover("system_restart", Recoveries(supervisor), probe)
        assert report.refused == refused
        assert supervisor.done == ([] if refused else ["system_restart"])

    def test_a_supervisor_that_raises_has_not_done_it(self):
        class Broken(Restarts):
            def restart(self, recovery_type: RecoveryType):
                raise OSError("no such unit")

        report = recover("process_restart", Recoveries(Broken(RecoveryType.PROCESS_RESTART)))
        assert not report.did_something
        assert "no such unit" in report.steps[0].message

    @pytest.mark.skipif(not hasattr(signal, "SIGUSR2"), reason="needs signals")
    def test_ending_the_process_is_a_signal_to_it(self):
        came = threading.Event()
        before = signal.signal(signal.SIGUSR2, lambda *_: came.set())
        try:
            report = recover("process_restart", Recoveries(EndProcess("the test", signal.SIGUSR2)))
            assert came.wait(60)
        finally:
            signal.signal(signal.SIGUSR2, before)
        assert "the test starts it again" in report.steps[0].message
        assert recover("service_restart", Recoveries(EndProcess("the test"))).refused

    def test_somebody_must_start_it_again(self):
        with pytest.raises(ConfigurationError, match="who starts the process again"):
            EndProcess("")


class TestCustom:
    def test_the_programs_own(self):
        recoveries = Recoveries()
        assert recover("custom", recoveries).refused
        recoveries.register_custom("reload certificates", lambda: None)
        assert recover("custom", recoveries).did_something

    def test_what_is_no_function_is_refused(self):
        with pytest.raises(ConfigurationError, match="needs a function"):
            Recoveries().register_cache("x", 7)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "hint"), [("memory_clean", "did you mean 'memory_cleanup'?"), (None, "there are")])
def test_an_unknown_recovery_is_refused(name: Any, hint: str):
    with pytest.raises(ConfigurationError, match="no recovery") as error:
        recover(name, Recoveries())
    assert hint in str(error.value)


def test_without_recoveries_an_adapter_says_so():
    report = adapter_for("container", Recorded(EVERYTHING)).perform_recovery(RecoveryType.MEMORY_CLEANUP)
    assert report.refused == "nothing here can recover anything"
