"""`RuntimeEnvironmentManager`: finds the environment, owns its adapter, watches it, and tells who listens.

Rules:

EM1   `start` detects, makes the adapter of the primary environment and initialises it; a second `start` does nothing,
      and neither does a second `stop`. After `stop` it may be started again.
EM2   An adapter of a plug-in is bounded in time in all it does. If it raises, hangs, or gives back something else than
      it should, the caller gets a `UnifiedError`, and listeners an event; the manager goes on.
EM3   While a call of an adapter hangs, no other is made: it is refused at once.
EM4   If the adapter of a plug-in cannot be initialised, the one that is built in takes its place.
EM5   `switch` initialises the new adapter first. If that fails, the old one stays as it is; else it is cleaned up.
EM6   `look` does what is due: use, health, and whether time was whole. Where it was not, everything that counts on it
      is renewed (see `backstay.environments.renewal`).
EM7   What a listener raises is dropped.
"""

from __future__ import annotations

from _thread import RLock
from time import monotonic_ns

from backstay.environments.asking import Asking
from backstay.environments.bounded import AdapterError, bounded
from backstay.environments.plugins import Factory, installed
from backstay.environments.probe import SystemProbe
from backstay.environments.recovery import Recoveries
from backstay.environments.renewal import renew
from backstay.watching import EVERYTHING, Hub
from backstay_core.clock import SECOND
from backstay_core.environments import detection, guest
from backstay_core.environments.adapter import TableAdapter, recovery_named
from backstay_core.environments.adapters import ADAPTERS
from backstay_core.environments.adjustment import INTERVALS
from backstay_core.environments.capabilities import EnvironmentCapabilities
from backstay_core.environments.contract import (
    HealthStatus,
    RecoveryReport,
    ResourceUsage,
    RuntimeEnvironmentAdapter,
    SystemInfo,
)
from backstay_core.environments.kinds import RecoveryType, RuntimeEnvironment
from backstay_core.failure import ConfigurationError, UnifiedError, shown
from backstay_core.options import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from backstay.watching import Listener
    from backstay_core.environments.contract import RecoveryStep
    from backstay_core.environments.detection import Detection
    from backstay_core.environments.reading import Probe, Readings

    T = TypeVar("T")

BUILT_IN: dict[RuntimeEnvironment, type[TableAdapter]] = {cls.ENVIRONMENT: cls for cls in ADAPTERS}
NOT_STARTED = "this manager was not started; call start(), or use it in a with statement"
PATIENCE = 5.0  # s that a call of a plug-in's adapter may take
EVENTS = (
    "detected",  # detail: the Detection
    "started",  # the environment
    "switched",  # the environment
    "usage",  # the ResourceUsage
    "health",  # the HealthStatus
    "health_changed",  # the HealthStatus, when its level is another one than before
    "broken",  # the Break: time was not whole
    "renewed",  # what that did to the registered pools
    "recovered",  # the RecoveryReport
    "adapter_failed",  # the UnifiedError
    "stopped",  # the environment
)


def settings_of(configuration: Any) -> dict[str, dict[str, Any]]:
    """The tables ``[runtime_environments.*]`` by key: of a `backstay.Configuration`, or of plain data.

    Raises `ConfigurationError` if the data is not what such tables may say.
    """
    if configuration is None:
        return {}
    if not hasattr(configuration, "runtime_environments"):
        from backstay.configuration import from_data

        configuration = from_data({"runtime_environments": configuration})
    return {key: dict(table.values()) for key, table in configuration.runtime_environments.items()}


class RuntimeEnvironmentManager:
    """Owns the adapter of the environment that this program runs in.

    `configuration` is a `backstay.Configuration` (or its table ``runtime_environments`` as data): a table with
    ``enabled = false`` rules its environment out as the primary one, the others are settings of the adapters.
    `override` names the environment. `adapters` are factories of a program's own, by environment; with `plugins` those
    of installed packages are used too (entry points ``backstay.environments``). `recoveries` holds what recoveries may
    use. `clock` is a monotonic one, in ns.
    """

    def __init__(
        self,
        probe: Probe | None = None,
        *,
        configuration: Any = None,
        override: str | None = None,
        adapters: Mapping[RuntimeEnvironment, Factory] | None = None,
        plugins: bool = False,
        recoveries: Recoveries | None = None,
        patience: float = PATIENCE,
        clock: Callable[[], int] = monotonic_ns,
    ) -> None:
        self.settings = settings_of(configuration)
        declared = [RuntimeEnvironment.BLOCKCHAIN] if self.settings.get("blockchain", {}).get("chain_id") else []
        self.probe: Probe = SystemProbe(declared=declared) if probe is None else probe
        self.recoveries = Recoveries() if recoveries is None else recoveries
        self.detection: Detection | None = None
        self._override = override
        self._adapters = dict(adapters or {})
        self._plugins = plugins
        self._clock = clock
        self._lock = RLock()
        self._hub = Hub("environment")
        self._adapter: RuntimeEnvironmentAdapter | None = None
        self._environment: RuntimeEnvironment | None = None  # what the adapter said that it is when it was made ready
        self._asking = Asking(patience, self._failed)
        self._level = ""
        self._due: dict[str, int] = {}
        self._moment: Readings | None = None
        self._thread: Any = None

    # Life cycle

    def start(self) -> RuntimeEnvironmentManager:
        """Detect, and make the adapter ready. Raises `ConfigurationError` if the override is no environment."""
        with self._lock:
            if self._adapter is None:
                self.detection = detection.detect(self.probe, self._override, self._not_allowed())
                self._tell("detected", self.detection)
                if self._plugins:
                    self._adapters = {**installed(self._failed), **self._adapters}
                self._adapter, self._environment = self._made(self.detection.primary)
                self._due, self._moment = {}, guest.moment(self.probe)
                self._tell("started", self.environment)
        return self

    def stop(self) -> None:
        """Clean the adapter up, and look no more."""
        thread = self._thread
        if thread is not None:
            thread.stop()
        with self._lock:
            adapter, self._adapter = self._adapter, None
            if adapter is not None:
                self._asking.quietly(adapter, "cleanup")
                self._asking.forget()
                self._level = ""
                self._tell("stopped", None)

    def __enter__(self) -> RuntimeEnvironmentManager:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def switch(self, to: RuntimeEnvironment | str | RuntimeEnvironmentAdapter) -> None:
        """Go by another adapter from now on. Raises `UnifiedError`, with everything as it was, if it does not start."""
        with self._lock:
            if isinstance(to, RuntimeEnvironmentAdapter):
                new, environment = to, self._ready(to)
            else:
                new, environment = self._made(detection.environment_named(to, "switch"))
            old, self._adapter, self._environment = self._adapter, new, environment
            self._asking.forget()
            self._due, self._level = {}, ""
            if old is not None and old is not new:
                self._asking.quietly(old, "cleanup")
            self._tell("switched", self.environment)

    def configure(self, configuration: Any) -> None:
        """Go by another configuration from now on, or by what has changed in the same one.

        The adapter in charge is made anew with its settings, or another one if its environment is no longer allowed.
        Raises `UnifiedError`, with everything as it was, if that does not start.
        """
        with self._lock:
            before = self.settings
            self.settings = settings_of(configuration)
            if self._adapter is None:
                return
            try:
                self.switch(detection.detect(self.probe, self._override, self._not_allowed()).primary)
            except UnifiedError:
                self.settings = before
                raise

    def _not_allowed(self) -> list[RuntimeEnvironment]:
        return [cls.ENVIRONMENT for cls in ADAPTERS if self.settings.get(cls.KEY, {}).get("enabled") is False]

    def _ready(self, adapter: RuntimeEnvironmentAdapter) -> RuntimeEnvironment:
        """Initialise it, and return the environment that it says it is of. Raises `UnifiedError`."""
        said = self._asking.answer(adapter, "environment_type", str)
        environment = detection.environment_named(said, f"{type(adapter).__name__}.environment_type")
        self._asking.call(adapter, "initialize")
        return environment

    def _made(self, environment: RuntimeEnvironment) -> tuple[RuntimeEnvironmentAdapter, RuntimeEnvironment]:
        """The adapter of an environment, ready: the program's or plug-in's own, or else the one that is built in."""
        cls = BUILT_IN[environment]
        settings = self.settings.get(cls.KEY, {})
        factory = self._adapters.get(environment)
        if factory is not None:
            try:
                made = bounded(
                    f"the adapter of {environment}", lambda: factory(self.probe, settings), self._asking.patience
                )
                if not isinstance(made, RuntimeEnvironmentAdapter):
                    raise AdapterError(f"the adapter of {environment} is no RuntimeEnvironmentAdapter: {shown(made)}")
                return made, self._ready(made)
            except UnifiedError as error:
                self._failed(error)
                self._asking.forget()
        adapter = cls(self.probe, settings, self.recoveries)
        adapter.initialize()
        return adapter, environment

    # Asking the adapter

    @property
    def adapter(self) -> RuntimeEnvironmentAdapter:
        """The adapter in charge. Raises `ConfigurationError` if the manager was not started."""
        adapter = self._adapter
        if adapter is None:
            raise ConfigurationError(NOT_STARTED)
        return adapter

    @property
    def environment(self) -> RuntimeEnvironment:
        """The environment in charge. Raises `ConfigurationError` if the manager was not started."""
        environment = self._environment
        if self.adapter is None or environment is None:
            raise ConfigurationError(NOT_STARTED)
        return environment

    def capabilities(self) -> EnvironmentCapabilities:
        return self._answer("capabilities", EnvironmentCapabilities)

    def get_system_info(self) -> SystemInfo:
        return self._answer("get_system_info", SystemInfo)

    def get_resource_usage(self) -> ResourceUsage:
        return self._answer("get_resource_usage", ResourceUsage)

    def check_health(self) -> HealthStatus:
        return self._answer("check_health", HealthStatus)

    def perform_recovery(self, recovery_type: RecoveryType | str) -> RecoveryReport:
        """Try to make it better. Raises `ConfigurationError` for a name that no recovery has."""
        wanted = recovery_named(recovery_type)
        #  every function of the program's own that is called on the way has the patience of `recoveries`
        report = self._answer("perform_recovery", RecoveryReport, wanted, patience=10 * self.recoveries.patience)
        self._tell("recovered", report)
        return report

    def _answer(self, method: str, kind: type[T], *arguments: Any, patience: float | None = None) -> T:
        return self._asking.answer(self.adapter, method, kind, *arguments, patience=patience)

    # Watching

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Call ``listener(event)`` for each event of that name ("*": all). Returns the function that takes it away.

        Raises `ConfigurationError` for a name that no event has.
        """
        if event != EVERYTHING and event not in EVENTS:
            hint = nearest(event, EVENTS)
            raise ConfigurationError(
                f"no event {shown(event)}" + (f"; did you mean {hint!r}?" if hint else f"; events: {', '.join(EVENTS)}")
            )
        entry = (event, listener)
        self._hub.listeners = (*self._hub.listeners, entry)

        def remove() -> None:
            self._hub.listeners = tuple(other for other in self._hub.listeners if other is not entry)

        return remove

    def intervals(self) -> dict[str, float]:
        """Seconds between looks at use, health and metrics, in the environment in charge."""
        usage, health, metrics = INTERVALS[self.environment]
        return {"usage": usage, "health": health, "metrics": metrics}

    def look(self) -> float:
        """Do what is due, and return after how many seconds to look again."""
        with self._lock:
            now = self._clock()
            seconds = {name: every for name, every in self.intervals().items() if name != "metrics"}
            self._whole()
            for name, every in seconds.items():
                if now < self._due.get(name, now) <= now + int(every * SECOND):  # later than that: the clock went back
                    continue
                self._due[name] = now + int(every * SECOND)
                try:
                    getattr(self, f"_look_at_{name}")()
                except UnifiedError:
                    continue  # listeners were told
            return max(0.0, (min(self._due.values()) - now) / SECOND)

    def _look_at_usage(self) -> None:
        self._tell("usage", self.get_resource_usage())

    def _look_at_health(self) -> None:
        health = self.check_health()
        self._tell("health", health)
        if health.overall_health != self._level:
            self._level = health.overall_health
            self._tell("health_changed", health)

    def _whole(self) -> None:
        before, after = self._moment, guest.moment(self.probe)
        self._moment = after
        found = guest.breaks(before, after) if before is not None else ()
        for each in found:
            self._tell("broken", each)
        if any(each.renews for each in found):
            self.renew()

    def renew(self) -> tuple[RecoveryStep, ...]:
        """Advance epochs, reseed, reset pools: for those who know of a break that clocks do not show."""
        now = guest.moment(self.probe)
        done = renew(self.recoveries, [value for name in now if isinstance(value := now[name].value, int)])
        self._tell("renewed", done)
        return done

    def watch(self) -> RuntimeEnvironmentManager:
        """Look whenever something is due, in a daemon thread, until `stop`. A forked child has none."""
        from backstay.environments.watcher import Watcher

        with self._lock:
            self.start()
            if self._thread is None or not self._thread.running:
                self._thread = Watcher(self.look).start()
        return self

    def _failed(self, error: UnifiedError) -> None:
        self._tell("adapter_failed", error)

    def _tell(self, name: str, detail: Any) -> None:
        self._hub(self._clock(), name, detail)
