"""A policy: a named, ordered composition of strategies, outermost first.

Rules of composition:

PO1   Strategies apply in the order in which they are given, the first one outermost.
PO2   A policy owns the state of its strategies; a `Shared` one is owned by whoever made it and may stand in many.
PO3   Calls of a policy that draws random pauses are numbered from 0 in the order in which they begin; number and
      position give each random stream.
PO4   A snapshot of a policy holds those of its strategies; it is restored whole or not at all.
"""

from backstay_core.canonical import dumps, fnv1a
from backstay_core.failure import ConfigurationError, shown
from backstay_core.options import Options, from_data, nearest
from backstay_core.rng import Rng, stream
from backstay_core.state import Reader, seal
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.cache import Cache
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.contract import BOUND, LOOKUP, RACE, inform
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.hedge import Hedge
from backstay_core.strategies.idempotency import Idempotency, declared
from backstay_core.strategies.inject import Inject
from backstay_core.strategies.priority import ANYBODY, Caller
from backstay_core.strategies.rate_limit import RateLimit
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.throttle import Throttle
from backstay_core.strategies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.strategies.contract import State

KINDS = (
    Bulkhead, Cache, CircuitBreaker, ConcurrencyLimit, Fallback, Hedge, Idempotency, Inject,
    RateLimit, Retry, Throttle, Timeout,
)  # fmt: skip
STRATEGIES = {cls.KIND: cls for cls in KINDS}


def _as_written(strategy: Options) -> Options:
    return strategy


class Shared:
    """One strategy's state under a name, to stand in several policies."""

    __slots__ = ("name", "options", "state")

    def __init__(self, name: str, options: Options, *, seed: int = 0) -> None:
        self.name = name
        self.options = options
        self.state = options.state(seed)

    def __repr__(self) -> str:
        return f"Shared({self.name!r}, {self.options!r})"


class Policy:
    """A policy's options and state. Execution (`backstay_core.execution`) gives it its meaning.

    `seed` makes every random pause reproducible.
    """

    STRATEGIES = STRATEGIES

    def __init__(self, name: str, *strategies: "Options | Shared", seed: int = 0) -> None:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"a policy's name is a text that is not empty; got {shown(name)}")
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise ConfigurationError(f"policy {name!r}: seed must be a whole number; got {shown(seed)}")
        layers = []
        inside = _as_written
        for position, strategy in enumerate(strategies):
            if isinstance(strategy, Idempotency):
                inside = declared
            if isinstance(strategy, Shared):
                layers.append(strategy.state)
            elif isinstance(strategy, Options) and hasattr(strategy, "ROLE"):
                layers.append(inside(strategy).state(stream(seed, 0, position + 1).next()))
            else:
                raise ConfigurationError(f"policy {name!r}: {strategy!r} (position {position + 1}) is no strategy")
        for position, layer in enumerate(layers):
            if layer in layers[:position]:
                raise ConfigurationError(f"policy {name!r}: {strategies[position]!r} stands in it twice")
        self.name = name
        self.seed = seed
        self.strategies = strategies
        self.layers: "tuple[State, ...]" = tuple(layers)
        self.calls = 0
        self.refresh()
        self.emit: "Callable[[int, str, Any], object] | None" = None
        self._fingerprint = ""

    def refresh(self) -> None:
        """Look anew at what its strategies need of a call; to be called when one was switched on or off."""
        self.draws = any(layer.draws for layer in self.layers)
        self.bounded = any(layer.ROLE == BOUND for layer in self.layers)
        self.asks = any(layer.asks for layer in self.layers)
        self.looks = any(layer.ROLE == LOOKUP for layer in self.layers)
        self.races = any(layer.ROLE == RACE for layer in self.layers)

    def tell(self, now: int, event: str, detail: "Any" = None) -> None:
        """Tell whoever watches (`emit`) of an event of the whole call."""
        if self.emit is not None:
            inform(self.emit, now, event, detail)

    def options(self) -> "tuple[Options, ...]":
        """The options of its strategies, outermost first."""
        return tuple(layer.options for layer in self.layers)

    def caller(self) -> Caller:
        """Whose call it is that begins now, where nobody says so: asked for if a strategy wants to know."""
        return ANYBODY

    def next_call(self) -> int:
        """The number of a call that begins now (PO3)."""
        # -- straight line
        self.calls = (number := self.calls) + 1
        # -- end
        return number

    def stream(self, number: int, position: int) -> Rng:
        """The random stream of call `number` for the strategy at `position`."""
        return stream(self.seed, number, position)

    def fingerprint(self) -> str:
        """Names this composition: two policies with the same one decide alike."""
        if not self._fingerprint:
            self._fingerprint = fnv1a(dumps([layer.options.fingerprint() for layer in self.layers]))
        return self._fingerprint

    def snapshot(self, now: int, wall: "int | None" = None) -> "dict[str, Any]":
        """The state of the policy and all its strategies as plain data (see `backstay_core.state`)."""
        body = {"name": self.name, "calls": self.calls, "strategies": [layer.snapshot(now) for layer in self.layers]}
        return seal("policy", self.fingerprint(), body, wall)

    def restore(self, data: "Any", now: int, mode: str, wall: "int | None" = None) -> None:
        """Take over a snapshot. Raises `SnapshotError`, with nothing changed, if any part of it does not fit."""
        read = Reader(data, "policy", self.fingerprint(), mode, wall)
        calls = read.integer("calls")
        saved = read.nested("strategies")
        if not isinstance(saved, (list, tuple)) or len(saved) != len(self.layers):
            read.refuse(f"the snapshot must hold {len(self.layers)} strategies")
        parsed = []
        for layer, part in zip(self.layers, saved):
            parsed.append(layer.parse(layer.reader(part, mode, None), now - read.elapsed))
        for layer, state in zip(self.layers, parsed):
            layer.adopt(state)
        self.calls = calls
        self.refresh()  # an Inject may be on now

    def to_data(self) -> "dict[str, Any]":
        """The configuration-file form. Raises `ConfigurationError` where an option is code."""
        return {
            "name": self.name,
            "seed": self.seed,
            "strategies": [layer.options.to_data() for layer in self.layers],
        }

    @classmethod
    def from_data(cls, data: "dict[str, Any]") -> "Policy":
        """A policy from its configuration-file form. Raises `ConfigurationError` with the path of what is wrong."""
        if not isinstance(data, dict):
            raise ConfigurationError(f"a policy is a table; got {type(data).__name__}")
        for key in data:
            if key not in ("name", "seed", "strategies"):
                raise ConfigurationError(f"policy: unknown key {shown(key)}; it has name, seed and strategies")
        rows = data.get("strategies", [])
        if not isinstance(rows, (list, tuple)):
            raise ConfigurationError("strategies must be a list of tables")
        strategies = [cls.strategy_from_data(row, f"strategies[{i}]") for i, row in enumerate(rows)]
        seed = {"seed": data["seed"]} if "seed" in data else {}
        return cls(data.get("name", ""), *strategies, **seed)

    @classmethod
    def strategy_from_data(cls, row: "Any", where: str) -> "Options":
        if not isinstance(row, dict) or "kind" not in row:
            raise ConfigurationError(f"{where} must be a table with a kind")
        known = cls.STRATEGIES
        strategy = known.get(row["kind"]) if isinstance(row["kind"], str) else None
        if strategy is None:
            hint = nearest(row["kind"], tuple(known))
            raise ConfigurationError(
                f"{where}: unknown kind {shown(row['kind'])}"
                + (f"; did you mean {hint!r}?" if hint else f"; kinds: {', '.join(sorted(known))}")
            )
        options: Options = from_data(strategy, strategy.FIELDS, row, f"{where} ({row['kind']})")
        return options
