"""What a new document changes in policies that run: which strategies stay, and what the others become.

A strategy of the new document is the one of the old with the same options, else the next one of its kind:

* the same options: it stays, with all its state (the window of a breaker, the calls inside a bulkhead, a budget);
* a Timeout, Retry or Fallback with other options: it has them for the calls that begin from now on; a Retry whose
  budget has the same options keeps what is in it;
* a gate with other options: it begins anew, because what it has counted means nothing under other options;
* what a policy shares with others stays or begins anew for all of them together.
"""

from __future__ import annotations

from backstay.watching import follow, hub_of, leave
from backstay_core.config.problem import path_text, quoted
from backstay_core.config.rows import shown
from backstay_core.policy import Shared
from backstay_core.strategies.contract import GATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay.policy import Policy
    from backstay_core.config.loading import Configuration as Loaded
    from backstay_core.config.problem import DocumentError, Path

KEPT, CHANGED, RESET, ADDED, REMOVED = WORDS = ("kept", "changed", "reset", "added", "removed")


class Report:
    """What a reload did, each as lines that begin with a path. With `error` nothing was changed."""

    def __init__(self, name: str, error: DocumentError | None = None) -> None:
        self.name = name
        self.error = error
        self.notes: list[str] = []  # what else one should know
        self._lines: dict[str, list[str]] = {word: [] for word in WORDS}

    def add(self, word: str, path: Path, detail: str = "") -> None:
        self._lines[word].append(path_text(path) + detail)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    @property
    def kept(self) -> tuple[str, ...]:
        """What has the same options as before, and its state."""
        return tuple(self._lines[KEPT])

    @property
    def changed(self) -> tuple[str, ...]:
        """What has other options for the calls that begin from now on."""
        return tuple(self._lines[CHANGED])

    @property
    def reset(self) -> tuple[str, ...]:
        """What has other options and began anew: its state is gone."""
        return tuple(self._lines[RESET])

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(self._lines[ADDED])

    @property
    def removed(self) -> tuple[str, ...]:
        return tuple(self._lines[REMOVED])

    @property
    def unchanged(self) -> bool:
        """Is everything as it was?"""
        return not any(self._lines[word] for word in WORDS if word != KEPT)

    def to_data(self) -> dict[str, Any]:
        """The report as plain data."""
        error = None if self.error is None else str(self.error)
        return {"file": self.name, "error": error, **self._lines, "notes": self.notes}

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.name} was not taken over; what was there goes on:\n{self.error}"
        counts = ", ".join(f"{len(lines)} {word}" for word, lines in self._lines.items() if lines)
        text = [f"{self.name} was taken over: {counts or 'it is empty'}"]
        for word in (CHANGED, RESET, ADDED, REMOVED):
            text.extend(f"  {word:8} {line}" for line in self._lines[word])
        text.extend(f"  note     {line}" for line in self.notes)
        return "\n".join(text)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self).partition(chr(10))[0]}>"


class PolicyChange:
    """How one running policy becomes the `new` one, which has never run."""

    def __init__(self, running: Policy, new: Policy, report: Report) -> None:
        self.running = running
        self.new = new
        self.parts: list[Any] = list(new.strategies)
        self.layers: list[Any] = list(new.layers)
        self._arriving: list[int] = []  # positions whose events the policy's listeners do not hear yet
        self._leaving: list[Any] = []
        before = self._match(report)
        for position, old in enumerate(running.layers):
            if position not in before:
                self._leaving.append(old)
                report.add(REMOVED, self.path(position), f" ({old.options.KIND})")
        self._compare_seeds(report)

    def path(self, position: int) -> Path:
        return ("policies", self.running.name, "strategies", position)

    def _match(self, report: Report) -> list[int]:
        """Decide about each strategy of the new policy; returns which of the running one's are met."""
        running, met = self.running, []
        found: dict[int, int] = {}
        for same in (_is_same, _is_alike):
            for position in range(len(self.layers)):
                for old in range(len(running.layers)):
                    if position not in found and old not in met and same(running, old, self.new, position):
                        found[position] = old
                        met.append(old)
        for position in range(len(self.layers)):
            old_position = found.get(position)
            if old_position is None:
                self._arriving.append(position)
                report.add(ADDED, self.path(position), f" ({self.layers[position].options.KIND})")
            else:
                self._meet(position, old_position, report)
        return met

    def _meet(self, position: int, old_position: int, report: Report) -> None:
        old, new = self.running.layers[old_position], self.layers[position]
        if _is_same(self.running, old_position, self.new, position):
            self.parts[position] = self.running.strategies[old_position]
            self.layers[position] = old
            report.add(KEPT, self.path(position), f" ({old.options.KIND})")
            return
        part, before = self.parts[position], self.running.strategies[old_position]
        own = not isinstance(part, Shared)
        if not own and isinstance(before, Shared) and part.name == before.name:
            return  # reported where it is shared, and heard as before
        if own and not isinstance(before, Shared):
            new.emit = old.emit
        else:
            self._leaving.append(old)
            self._arriving.append(position)
        detail = f" ({new.options.KIND}): {_difference(old.options, new.options)}"
        if new.options.KIND == "retry" and own:
            detail += _keep_budget(old, new)
        report.add(RESET if new.ROLE == GATE else CHANGED, self.path(position), detail)

    def _compare_seeds(self, report: Report) -> None:
        running, new = self.running, self.new
        self.seed = running.seed, running.seeded
        if new.seeded != running.seeded or (new.seeded and new.seed != running.seed):
            self.seed = new.seed, new.seeded
            report.add(CHANGED, ("policies", running.name, "seed"))

    def apply(self) -> list[Policy]:
        """Returns derived policies that could not follow. Called while no frame is being compiled."""
        running = self.running
        hub = hub_of(running, running.name) if running.emit is not None else None
        if hub is not None:
            for layer in self._leaving:
                leave(layer, hub)
            for position in self._arriving:
                follow(self.layers[position], f"{running.name}: {self.layers[position].options.KIND}", hub)
        running.seed, running.seeded = self.seed
        if [*map(id, running.layers)] == [*map(id, self.layers)]:
            return []
        return running._become(tuple(self.parts), tuple(self.layers))


def _is_same(running: Policy, old: int, new: Policy, position: int) -> bool:
    """The same shared state, or equal options of their own."""
    a, b = running.strategies[old], new.strategies[position]
    if isinstance(a, Shared) or isinstance(b, Shared):
        return running.layers[old] is new.layers[position]
    return a == b


def _is_alike(running: Policy, old: int, new: Policy, position: int) -> bool:
    return bool(running.layers[old].options.KIND == new.layers[position].options.KIND)


def _keep_budget(old: Any, new: Any) -> str:
    """A Retry that changes keeps its own budget, if that has the same options."""
    if new.budget is None or isinstance(new.options.budget, Shared):
        return ""
    if old.budget is not None and old.options.budget == new.options.budget:
        new.budget = old.budget
        return ""
    return "; its budget begins anew"


def _difference(old: Any, new: Any) -> str:
    """``attempts 3 → 5``"""
    before, after = old.values(), new.values()
    return ", ".join(
        f"{name} {_value(before[name])} → {_value(after[name])}" for name in after if before[name] != after[name]
    ) or ("other state")


def _value(value: Any) -> str:
    return f"shared {quoted(value.name)}" if isinstance(value, Shared) else shown(value)


def compare(running: Loaded, new: Loaded, report: Report) -> list[PolicyChange]:
    """What has to be done to the policies that are in both. Changes nothing."""
    changes: list[PolicyChange] = []
    _compare_shared(running.shared, new.shared, report)
    for name, policy in new.policies.items():
        if name in running.policies:
            changes.append(PolicyChange(running.policies[name], policy, report))
        else:
            report.add(ADDED, ("policies", name))
    for name in running.policies:
        if name not in new.policies:
            report.add(REMOVED, ("policies", name))
    _compare_environments(running.runtime_environments, new.runtime_environments, report)
    return changes


def _compare_shared(running: dict[str, Shared], new: dict[str, Shared], report: Report) -> None:
    for name, shared in new.items():
        path = ("shared", name)
        old = running.get(name)
        kind = f" ({shared.options.KIND})"
        if old is None:
            report.add(ADDED, path, kind)
        elif old.state is shared.state:
            report.add(KEPT, path, kind)
        elif old.options.KIND == shared.options.KIND:
            report.add(RESET, path, f"{kind}: {_difference(old.options, shared.options)}")
        else:
            report.add(RESET, path, f": {old.options.KIND} → {shared.options.KIND}")
    for name, old in running.items():
        if name not in new:
            report.add(REMOVED, ("shared", name), f" ({old.options.KIND})")


def _compare_environments(running: dict[str, Any], new: dict[str, Any], report: Report) -> None:
    for key, settings in new.items():
        path = ("runtime_environments", key)
        if key not in running:
            report.add(ADDED, path)
        elif running[key] == settings:
            report.add(KEPT, path)
        else:
            report.add(CHANGED, path, f": {_difference(running[key], settings)}")
    for key in running:
        if key not in new:
            report.add(REMOVED, ("runtime_environments", key))
