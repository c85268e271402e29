"""Detection: where does this program run? From answers to questions, without touching anything.

Rules:

EN1   Each signal of `signals` whose test holds adds to the certainty of its environment: two of weights *a* and *b*
      (hundredths) make 1 - (1 - a)(1 - b).
EN2   An environment is found if the certainty is at least `ENOUGH` and no veto holds.
EN3   Several may be found; they are *layers*. The first in the order of `RuntimeEnvironment` is the primary one.
EN4   A micro VM is a virtual machine: where it is found, the layer of virtual machines is left out.
EN5   Who says where the program runs is believed: an override is the primary environment, with certainty 1, even where
      a veto holds. The other layers stay.
EN6   An environment that the configuration does not allow is a layer, but not the primary one.
EN7   If nothing is found the primary environment is an operating system, with certainty 0, and says so.
EN8   An answer that cannot be had proves nothing. Only what is known not to exist counts as absent.
"""

from backstay_core.environments.kinds import NAMES, RuntimeEnvironment
from backstay_core.environments.reading import Once
from backstay_core.environments.signals import SIGNALS, SPECIAL_KINDS, Signal, Veto
from backstay_core.failure import ConfigurationError, shown
from backstay_core.options import nearest
from backstay_core.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from backstay_core.environments.reading import Probe

ENOUGH = 5000  # ten-thousandths
WHOLE = 10_000
OVERRIDE = "BACKSTAY_ENVIRONMENT"
LONGEST_QUOTE = 80


class Layer:
    """One environment that was considered: how certain it is (0 to 1), what speaks for it, and what rules it out."""

    __slots__ = ("against", "confidence", "environment", "evidence")

    def __init__(
        self,
        environment: RuntimeEnvironment,
        confidence: float,
        evidence: "tuple[str, ...]" = (),
        against: "tuple[str, ...]" = (),
    ) -> None:
        self.environment = environment
        self.confidence = confidence
        self.evidence = evidence
        self.against = against

    def to_data(self) -> "dict[str, Any]":
        data: "dict[str, Any]" = {
            "environment": self.environment.value,
            "confidence": self.confidence,
            "evidence": list(self.evidence),
        }
        if self.against:
            data["against"] = list(self.against)
        return data

    def __repr__(self) -> str:
        return f"Layer({self.environment.value}, {self.confidence}, {list(self.evidence)})"


class Detection:
    """What was found: the `primary` environment, all `layers` (innermost first), and what was `ruled_out` although
    something speaks for it."""

    __slots__ = ("layers", "primary", "ruled_out")

    def __init__(
        self, primary: RuntimeEnvironment, layers: "tuple[Layer, ...]", ruled_out: "tuple[Layer, ...]" = ()
    ) -> None:
        self.primary = primary
        self.layers = layers
        self.ruled_out = ruled_out

    @property
    def environments(self) -> "tuple[RuntimeEnvironment, ...]":
        """The layers' names."""
        return tuple([layer.environment for layer in self.layers])

    def to_data(self) -> "dict[str, Any]":
        return {"primary": self.primary.value, "layers": [layer.to_data() for layer in self.layers]}

    def __repr__(self) -> str:
        return f"<Detection {' in '.join(self.environments)}; primary {self.primary.value}>"


def detect(
    probe: "Probe", override: "str | None" = None, not_allowed: "Iterable[RuntimeEnvironment]" = ()
) -> Detection:
    """Where the program runs, by the answers of `probe`.

    `override`, or else the environment variable BACKSTAY_ENVIRONMENT, names the primary one. Raises
    `ConfigurationError` if that is no environment.
    """
    probe = Once(probe)
    said, by = override, "the caller"
    if said is None:
        said, by = probe(f"env:{OVERRIDE}").value, OVERRIDE
    chosen = environment_named(said, by) if said else None
    considered = {environment: _considered(environment, probe) for environment in RuntimeEnvironment}
    found = {
        environment: layer
        for environment, layer in considered.items()
        if layer.confidence * WHOLE >= ENOUGH and not layer.against
    }
    for special, general in SPECIAL_KINDS.items():
        if special in found and general in found:
            del found[general]
    if chosen is not None:
        found[chosen] = Layer(chosen, 1.0, (f"{by} says so",) + considered[chosen].evidence)
    if not found:
        found[RuntimeEnvironment.OPERATING_SYSTEM] = Layer(
            RuntimeEnvironment.OPERATING_SYSTEM, 0.0, ("nothing else was recognised",)
        )
    layers = tuple([found[environment] for environment in RuntimeEnvironment if environment in found])
    barred = tuple(not_allowed)
    allowed = [layer.environment for layer in layers if layer.environment not in barred]
    primary = chosen or (allowed[0] if allowed else RuntimeEnvironment.OPERATING_SYSTEM)
    ruled_out = [layer for name, layer in considered.items() if layer.evidence and name not in found]
    return Detection(primary, layers, tuple(ruled_out))


def _considered(environment: RuntimeEnvironment, probe: "Probe") -> Layer:
    doubt = WHOLE
    evidence: "list[str]" = []
    against: "list[str]" = []
    for signal in SIGNALS:
        if signal.environment is not environment:
            continue
        says = _says(signal, probe)
        if says is None:
            continue
        if isinstance(signal, Veto):
            against.append(says)
        else:
            doubt = doubt * (100 - signal.weight) // 100
            evidence.append(says)
    certain = 0 if against else (WHOLE - doubt)
    return Layer(environment, certain / WHOLE, tuple(evidence), tuple(against))


def _says(signal: Signal, probe: "Probe") -> "str | None":
    """The evidence in words, or None if the signal's test does not hold."""
    result = signal.test(*[probe(question).value for question in signal.questions])
    if not result:
        return None
    source = ", ".join(signal.questions)
    quoted = f": {printable(result[:LONGEST_QUOTE])}" if isinstance(result, str) else ""
    return f"{signal.says}{quoted} ({source})"


def environment_named(name: "Any", by: str) -> RuntimeEnvironment:
    """The environment of that name. Raises `ConfigurationError`, naming who asked (`by`)."""
    if isinstance(name, str) and name in NAMES:
        return RuntimeEnvironment(name)
    hint = nearest(name, NAMES)
    raise ConfigurationError(
        f"{by}: no runtime environment {shown(name)}; "
        + (f"did you mean {hint!r}?" if hint else f"there are {', '.join(NAMES)}")
    )
