"""Recoveries: what a program gives Backstay to make things better with, and what is done with it.

Rules:

RE1   Memory: collect garbage, drop the registered caches, give free memory back to the system (glibc's malloc_trim).
RE2   Connections: reset the registered pools. Without any, it is refused.
RE3   Processes, services, the system: the registered supervisor does it. Without one, or where the privilege is
      missing, it is refused with the reason.
RE4   What is measured before and after is in the report; a step that changed nothing says that it did nothing.
RE5   The program's own functions are bounded in time; one that raises or hangs is a step that failed, and the others
      are taken all the same.
"""

from __future__ import annotations

import os
import re
import signal
from _thread import allocate_lock

from backstay.environments.bounded import bounded
from backstay_core.environments.contract import RecoveryReport, RecoveryStep, RuntimeEnvironmentAdapter
from backstay_core.environments.kinds import RecoveryType
from backstay_core.environments.reading import Reading
from backstay_core.failure import ConfigurationError, UnifiedError, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.environments.reading import Probe

PATIENCE = 5.0  # s that a function of the program's own may take
MEMORY = "process_memory_bytes"
CAP_SYS_BOOT = 22  # linux/capability.h


class Supervisor:
    """What restarts things. Override what yours can do; `refusal` says why something cannot be done, or None."""

    def refusal(self, recovery_type: RecoveryType) -> str | None:
        """Why this supervisor does not do that."""
        return f"the supervisor {type(self).__name__} does not do that"

    def restart(self, recovery_type: RecoveryType) -> str:
        """Do it, and say in a line what was done."""
        raise NotImplementedError


class EndProcess(Supervisor):
    """Restarts by ending: sends this process SIGTERM, for a supervisor outside (a kubelet, systemd with Restart=always,
    a container engine with a restart policy) to start it again. `by` says which; without one, nobody would."""

    def __init__(self, by: str, signum: int = signal.SIGTERM) -> None:
        if not by:
            raise ConfigurationError("EndProcess(by=…) names who starts the process again")
        self.by = by
        self.signum = signum

    def refusal(self, recovery_type: RecoveryType) -> str | None:
        if recovery_type is RecoveryType.PROCESS_RESTART:
            return None
        return "ending this process restarts nothing but this process"

    def restart(self, recovery_type: RecoveryType) -> str:
        os.kill(os.getpid(), self.signum)
        return f"signal {int(self.signum)} is sent to this process; {self.by} starts it again"


class Recoveries:
    """What a program has registered. Give it to a `RuntimeEnvironmentManager`, or to `adapter_for`."""

    def __init__(self, supervisor: Supervisor | None = None, patience: float = PATIENCE) -> None:
        self.supervisor = supervisor
        self.patience = patience
        self._lock = allocate_lock()
        self._registered: dict[str, list[tuple[str, Callable[[], object]]]] = {"cache": [], "pool": [], "custom": []}

    def register_cache(self, name: str, clear: Callable[[], object]) -> Callable[[], None]:
        """`clear` drops what can be had again; what it returns, if a number, is how many entries. Returns the function
        that takes the registration away."""
        return self._register("cache", name, clear)

    def register_pool(self, name: str, reset: Callable[[], object]) -> Callable[[], None]:
        """`reset` closes connections that new ones replace; what it returns, if a number, is how many."""
        return self._register("pool", name, reset)

    def register_custom(self, name: str, action: Callable[[], object]) -> Callable[[], None]:
        """`action` is taken when *custom* recovery is asked for."""
        return self._register("custom", name, action)

    def _register(self, kind: str, name: str, action: Callable[[], object]) -> Callable[[], None]:
        if not callable(action):
            raise ConfigurationError(f"{kind} {name!r}: needs a function; got {shown(action)}")
        entry = (name, action)
        with self._lock:
            self._registered[kind].append(entry)

        def remove() -> None:
            with self._lock:
                self._registered[kind] = [other for other in self._registered[kind] if other is not entry]

        return remove

    def registered(self, kind: str) -> tuple[tuple[str, Callable[[], object]], ...]:
        with self._lock:
            return tuple(self._registered[kind])

    def reset_pools(self) -> tuple[RecoveryStep, ...]:
        """Reset all registered pools."""
        return tuple(self._own("pool", name, reset) for name, reset in self.registered("pool"))

    def __call__(self, adapter: RuntimeEnvironmentAdapter, recovery_type: RecoveryType) -> RecoveryReport:
        """What `RuntimeEnvironmentAdapter.perform_recovery` does."""
        if recovery_type is RecoveryType.MEMORY_CLEANUP:
            return RecoveryReport(recovery_type, self._memory(adapter))
        if recovery_type is RecoveryType.CONNECTION_RESET:
            steps = self.reset_pools()
            return RecoveryReport(recovery_type, steps, "" if steps else "no connection pool is registered")
        if recovery_type is RecoveryType.CUSTOM:
            steps = tuple(self._own("custom", name, action) for name, action in self.registered("custom"))
            return RecoveryReport(recovery_type, steps, "" if steps else "no recovery of the program's is registered")
        return self._restart(adapter, recovery_type)

    def _memory(self, adapter: RuntimeEnvironmentAdapter) -> tuple[RecoveryStep, ...]:
        steps = [_measured("garbage", _collect, adapter)]
        for name, clear in self.registered("cache"):
            steps.append(_measured(f"cache {name}", lambda: self._own("cache", name, clear), adapter))  # noqa: B023 - called at once
        steps.append(_measured("free memory", _trim, adapter))
        return tuple(steps)

    def _own(self, kind: str, name: str, action: Callable[[], object]) -> RecoveryStep:
        """A step that is one of the program's own functions."""
        what = f"{kind} {name}"
        try:
            result = bounded(what, action, self.patience)
        except UnifiedError as error:
            return RecoveryStep(what, False, str(error))
        if isinstance(result, int) and not isinstance(result, bool):
            return RecoveryStep(what, result > 0, f"{result} dropped" if result > 0 else "did nothing: none were there")
        return RecoveryStep(what, True, "done; it does not say how many")

    def _restart(self, adapter: RuntimeEnvironmentAdapter, recovery_type: RecoveryType) -> RecoveryReport:
        supervisor = self.supervisor
        if supervisor is None:
            return RecoveryReport(recovery_type, refused="no supervisor is registered that could do that")
        try:
            why = bounded("the supervisor", lambda: supervisor.refusal(recovery_type), self.patience)
            if why is None and recovery_type is RecoveryType.SYSTEM_RESTART:
                why = _may_not_boot(adapter)
            if why is not None:
                return RecoveryReport(recovery_type, refused=str(why))
            said = bounded("the supervisor", lambda: supervisor.restart(recovery_type), self.patience)
        except UnifiedError as error:
            return RecoveryReport(recovery_type, (RecoveryStep("supervisor", False, str(error)),))
        return RecoveryReport(recovery_type, (RecoveryStep("supervisor", True, str(said)),))


def _may_not_boot(adapter: RuntimeEnvironmentAdapter) -> str | None:
    """Why this process may not restart the system, or None: on Linux it needs CAP_SYS_BOOT."""
    probe: Probe | None = getattr(adapter, "probe", None)
    status: Reading[Any] = Reading(None, "", "unknown") if probe is None else probe("/proc/self/status")
    if status.value is None:
        return f"whether this process may restart the system is not known: {status.reason}"
    found = re.search(r"^CapEff:\s*([0-9a-fA-F]{1,16})$", status.value, re.MULTILINE)
    if found and int(found[1], 16) >> CAP_SYS_BOOT & 1:
        return None
    return "this process has no CAP_SYS_BOOT"


def _measured(name: str, step: Callable[[], RecoveryStep], adapter: RuntimeEnvironmentAdapter) -> RecoveryStep:
    """The step with the resident memory of this process before and after."""
    before = _resident(adapter)
    taken = step()
    return RecoveryStep(name, taken.did, taken.message, before, _resident(adapter))


def _resident(adapter: RuntimeEnvironmentAdapter) -> Reading[Any]:
    usage = adapter.get_resource_usage()
    return usage[MEMORY] if MEMORY in usage else Reading(None, "", "nothing tells it here")


def _collect() -> RecoveryStep:
    import gc

    found = gc.collect()
    said = f"{found} unreachable objects were dropped" if found else "did nothing: no garbage was there"
    return RecoveryStep("garbage", found > 0, said)


def _trim() -> RecoveryStep:
    name = "free memory"
    try:
        import ctypes

        trim = ctypes.CDLL(None).malloc_trim
    except (ImportError, OSError, AttributeError, TypeError):
        return RecoveryStep(name, False, "did nothing: this C library has no malloc_trim")
    if trim(0) == 1:
        return RecoveryStep(name, True, "malloc_trim gave memory back to the system")
    return RecoveryStep(name, False, "did nothing: malloc_trim had nothing to give back")
