"""`TableAdapter`: an adapter that is all tables. What an environment is, uses, may suffer from and can do are rows; a
target gives the probe that answers, and the hand that recovers."""

from backstay_core.environments.capabilities import EnvironmentCapabilities, probed
from backstay_core.environments.contract import (
    HealthDetail,
    HealthStatus,
    RecoveryReport,
    ResourceUsage,
    RuntimeEnvironmentAdapter,
    SystemInfo,
)
from backstay_core.environments.health import Rule, look
from backstay_core.environments.kinds import RecoveryType, RuntimeEnvironment
from backstay_core.environments.reading import Once, Reading
from backstay_core.environments.sources import TIMESTAMP, Row, combine, take
from backstay_core.failure import ConfigurationError, shown
from backstay_core.options import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from backstay_core.environments.reading import Probe

    Recover = Callable[[RuntimeEnvironmentAdapter, RecoveryType], RecoveryReport]

SETTING = "setting:"
SHORTEST_RATE = 1_000_000_000  # ns; over less than that, a rate is noise


class Ability:
    """How a capability is found out: questions, and a test of their answers (None: they do not tell)."""

    __slots__ = ("name", "questions", "test")

    def __init__(self, name: str, *questions: str, test: "Callable[..., bool | None]") -> None:
        self.name = name
        self.questions = questions
        self.test = test

    def read(self, probe: "Probe") -> "Reading[bool]":
        return combine([probe(question) for question in self.questions], self.test)


class TableAdapter(RuntimeEnvironmentAdapter):
    """An adapter made of tables.

    `settings` are the values of the environment's table in the configuration; `SWITCHES` says which of them switch
    which group of readings off.
    """

    ENVIRONMENT: RuntimeEnvironment
    KEY = ""  # of the table in the configuration
    INFO: "tuple[Row, ...]" = ()
    USAGE: "tuple[Row, ...]" = ()
    RULES: "tuple[Rule, ...]" = ()
    ABILITIES: "tuple[Ability, ...]" = ()
    SWITCHES: "Mapping[str, str]" = {}  # noqa: RUF012 - a constant table

    def __init__(
        self, probe: "Probe", settings: "Mapping[str, Any] | None" = None, recover: "Recover | None" = None
    ) -> None:
        self.settings = dict(settings or {})
        self._outside = probe
        self._recover = recover
        self._before: "dict[str, Reading[Any]]" = {}

    def probe(self, question: str) -> "Reading[Any]":
        """Asks the probe, or, for what the configuration says, the settings."""
        if not question.startswith(SETTING):
            return self._outside(question)
        name = question[len(SETTING) :]
        source = f"runtime_environments.{self.KEY}.{name}"
        return Reading(self.settings.get(name), source, "the configuration does not say")

    def environment_type(self) -> RuntimeEnvironment:
        return self.ENVIRONMENT

    def initialize(self) -> None:
        self.get_resource_usage()  # so that the next one has rates

    def cleanup(self) -> None:
        self._before = {}

    def findings(self) -> "dict[str, Reading[bool]]":
        """What was found out about each capability that can be."""
        probe = Once(self.probe)
        return {ability.name: ability.read(probe) for ability in self.ABILITIES}

    def capabilities(self) -> EnvironmentCapabilities:
        return probed(self.ENVIRONMENT, {name: reading.value for name, reading in self.findings().items()})

    def switched_off(self) -> "dict[str, str]":
        """The groups of readings that the configuration switches off, each with the reason."""
        return {
            group: f"switched off: runtime_environments.{self.KEY}.{name} = false"
            for name, group in self.SWITCHES.items()
            if self.settings.get(name) is False
        }

    def get_system_info(self) -> SystemInfo:
        return SystemInfo(take(self.INFO, self.probe, SystemInfo.STANDARD, without=self.switched_off()))

    def get_resource_usage(self) -> ResourceUsage:
        """Rates are over the time since an earlier call, at least `SHORTEST_RATE` ago where there was one."""
        known = take(self.USAGE, self.probe, ResourceUsage.STANDARD, self._before, self.switched_off())
        then, now = self._before.get(TIMESTAMP), known.get(TIMESTAMP)
        if then is None or now is None or (now.value or 0) - (then.value or 0) >= SHORTEST_RATE:
            self._before = known
        return ResourceUsage(known)

    def check_health(self) -> HealthStatus:
        usage = self.get_resource_usage()
        return HealthStatus(look(self.RULES, usage) + self.more_health(usage), usage.timestamp or 0)

    def more_health(self, usage: ResourceUsage) -> "tuple[HealthDetail, ...]":
        """What rules cannot say."""
        return ()

    def perform_recovery(self, recovery_type: RecoveryType) -> RecoveryReport:
        wanted = recovery_named(recovery_type)
        if self._recover is None:
            return RecoveryReport(wanted, refused="nothing here can recover anything")
        return self._recover(self, wanted)


def recovery_named(name: "Any") -> RecoveryType:
    """The recovery of that name. Raises `ConfigurationError`."""
    names = tuple([each.value for each in RecoveryType])
    if isinstance(name, str) and name in names:
        return RecoveryType(name)
    hint = nearest(name, names)
    raise ConfigurationError(
        f"no recovery {shown(name)}; " + (f"did you mean {hint!r}?" if hint else f"there are {', '.join(names)}")
    )
