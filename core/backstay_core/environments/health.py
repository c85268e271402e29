"""From readings to health: rules as data, a threshold for each level."""

from backstay_core.environments.contract import HealthDetail
from backstay_core.environments.kinds import HealthLevel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from backstay_core.environments.reading import Readings

_LEVELS = (HealthLevel.WARNING, HealthLevel.ERROR, HealthLevel.CRITICAL)


class Rule:
    """Looks at one reading: at `warning`, `error`, `critical` or above it is at that level. None: never."""

    __slots__ = ("name", "reading", "thresholds", "unit")

    def __init__(
        self,
        name: str,
        reading: str,
        unit: str,
        warning: "float | None",
        error: "float | None" = None,
        critical: "float | None" = None,
    ) -> None:
        self.name = name
        self.reading = reading
        self.unit = unit
        self.thresholds = (warning, error, critical)

    def look(self, usage: "Readings") -> HealthDetail:
        reading = usage[self.reading]
        if reading.value is None:
            return HealthDetail(
                self.name, HealthLevel.UNKNOWN, f"{self.reading} is not known: {reading.reason}", reading
            )
        level, limit = HealthLevel.HEALTHY, self.thresholds[0]
        for each, threshold in zip(_LEVELS, self.thresholds):
            if threshold is not None and reading.value >= threshold:
                level, limit = each, threshold
        word = "under" if level is HealthLevel.HEALTHY else "not under"
        return HealthDetail(
            self.name, level, f"{self.reading} is {reading.value} {self.unit}".rstrip() + f", {word} {limit}", reading
        )


#          name      reading                    unit  warning error critical
MACHINE = (
    Rule("memory",  "memory_usage_percent",    "%",   80.0,   90.0, 97.0),
    Rule("disk",    "disk_usage_percent",      "%",   80.0,   90.0, 97.0),
    Rule("cpu",     "cpu_usage_percent",       "%",   80.0,   95.0),
    Rule("stalls",  "memory_pressure_percent", "%",   10.0,   40.0),
)  # fmt: skip


def look(rules: "Iterable[Rule]", usage: "Readings") -> "tuple[HealthDetail, ...]":
    """A detail for each rule."""
    return tuple([rule.look(usage) for rule in rules])
