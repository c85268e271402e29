"""Typed values of the host library."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from backstay_core.documents import EngineError, number
from backstay_core.failure import NEVER, Failure

MiB = 1 << 20


class IncompatibleComponent(EngineError):
    """This is no engine of the contract that this library speaks, or no component at all."""

    def __init__(self, message: str) -> None:
        super().__init__("incompatible", message)


class CallLost(EngineError):
    """The instance became unusable in the middle of this and was replaced; whatever other calls did is kept.

    `kind` says why: "deadline" (it ran longer than `Limits.deadline`), "fuel", or "trap". `call` is the handle of the
    call that is lost, None if nothing is.
    """

    def __init__(self, kind: str, message: str, call: int | None = None) -> None:
        super().__init__(kind, message)
        self.call = call


@dataclass(frozen=True)
class Limits:
    """What an instance may use.

    `memory` in bytes of linear memory (it begins with 12 MiB); `deadline` in seconds for one call into it, ten
    times that for loading, saving and restoring; `fuel` for one call into it, in wasmtime's units (None: not counted,
    which is faster; an empty call costs about 3 000).
    """

    memory: int = 64 * MiB
    deadline: float = 1.0
    fuel: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (is_within(value, *RANGES[field.name]) or (value is None and field.default is None)):
                kinds, most = RANGES[field.name]
                what = "a whole number" if kinds is int else "a number"
                raise EngineError(
                    "out-of-range", f"{field.name} must be {what} above 0 and at most {most}; got {value!r}"
                )


def is_within(value: Any, kinds: Any, most: int) -> bool:
    """Is `value` a number of these kinds above 0 and at most `most`?"""
    return isinstance(value, kinds) and not isinstance(value, bool) and 0 < value <= most


#  beyond these the C API would wrap
RANGES: dict[str, tuple[Any, int]] = {
    "memory": (int, 1 << 32),
    "deadline": ((int, float), 1_000_000),
    "fuel": (int, 1 << 53),
}


class Decision(NamedTuple):
    """What the host is to do now; `wit/types.wit` says what the members mean."""

    call: int
    action: str
    token: int
    time: int
    more: dict[str, Any] | None = None

    @property
    def over(self) -> bool:
        """Is the call over, and its handle closed?"""
        return self.action in ("complete", "fail")

    @property
    def before(self) -> list[list[Any]]:
        """Actions to carry out first."""
        return self.more.get("before", []) if self.more else []

    @property
    def woken(self) -> list[int]:
        """Handles of other calls that may go on."""
        return self.more.get("woken", []) if self.more else []

    @property
    def failure(self) -> Failure | None:
        """The engine's own failure, if the decision is about one."""
        data = self.more.get("failure") if self.more else None
        return None if data is None else failure_from(data)


def failure_from(data: dict[str, Any]) -> Failure:
    """A failure out of the component; a pause beyond 2**53 ns comes as text."""
    if isinstance(data.get("retry_after"), str):
        data = {**data, "retry_after": number(data["retry_after"], -NEVER, NEVER)}
    return Failure.from_data(data)
