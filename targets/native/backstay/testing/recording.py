"""`record`: what a policy decides, as lines that people read.

    0 s     #1 attempt 1
    0.2 s   #1 attempt 1 failed: ConnectionError: refused
    0.2 s   #1 retry in 0.1 s
    0.3 s   #1 attempt 2
    0.5 s   #1 returned 'ok'

While it is recorded, a policy's calls are carried out by the step machine, which tells its every action; its decisions
are those of the compiled frames.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from backstay.drivers.ports import Ports
from backstay.errors import error_of
from backstay.testing.decisions import brief, seconds_text
from backstay.testing.scopes import Scope, StackedPorts
from backstay_core.clock import SECOND
from backstay_core.execution import (
    ABORT,
    ATTEMPT,
    CANCEL,
    COMPLETE,
    ERROR,
    FAIL,
    NEW,
    OK,
    OVER,
    QUEUED,
    RUNNING,
    START,
    SUBSTITUTE,
    WAIT,
    Execution,
)
from backstay_core.failure import NEVER, ConfigurationError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from backstay.policy import Policy
    from backstay_core.events import Event


class Decisions(Sequence[str]):
    """The lines so far, oldest first. ``str(decisions)`` is the whole text."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._calls = 0
        self._stepping: dict[int, int] = {}  # thread → the call that it takes a step of
        self._began: dict[str, int] = {}  # policy → when recording began, by its clock

    def _add(self, policy: str, now: int, text: str) -> None:
        time = seconds_text((now - self._began.get(policy, 0)) / SECOND)
        call = self._stepping.get(get_ident())
        self._lines.append(
            f"{time:<8}{'' if call is None else f'#{call} '}{f'{policy}: ' if len(self._began) > 1 else ''}{text}"
        )

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._lines[index]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __str__(self) -> str:
        return "\n".join(self._lines) or "no decisions"

    def __repr__(self) -> str:
        return f"<{len(self)} decisions:\n{self}\n>"

    def _begin(self) -> int:
        self._calls += 1
        return self._calls


class RecordedSteps(Execution):
    """A call whose steps are written down."""

    __slots__ = ("attempts", "call", "operation")
    decisions: Decisions

    def __init__(self, policy: Any, wake: Callable[[], object] | None = None, deadline: int = NEVER) -> None:
        super().__init__(policy, wake, deadline)
        self.call = 0
        self.attempts = 0
        self.operation = ""

    def step(self, event: tuple[Any, ...], now: int) -> list[tuple[Any, ...]]:
        decisions = self.decisions
        if event[0] == START and self.mode == NEW:
            self.call = decisions._begin()
        thread = get_ident()
        outer = decisions._stepping.get(thread)
        decisions._stepping[thread] = self.call
        try:
            if event[0] == ERROR and self.mode == RUNNING and event[1] == self.token:
                self._add(now, f"{self.operation} failed: {described(event[2])}")
            if event[0] == ABORT and self.mode not in (NEW, OVER):
                self._add(now, "the caller has gone")
            actions = super().step(event, now)
            for action in actions:
                self._tell(action, event, now)
            return actions
        finally:
            if outer is None:
                del decisions._stepping[thread]
            else:
                decisions._stepping[thread] = outer

    def _tell(self, action: tuple[Any, ...], event: tuple[Any, ...], now: int) -> None:
        what = action[0]
        if what == ATTEMPT:
            self.attempts += 1
            self.operation = f"attempt {self.attempts}"
            self._add(now, self.operation)
        elif what == SUBSTITUTE:
            self.operation = "fallback"
        elif what == CANCEL:
            self._add(now, f"{self.operation} cancelled")
        elif what == WAIT and self.mode == QUEUED:
            limit = "" if action[1] >= NEVER // 2 else f", at most {seconds_text((action[1] - now) / SECOND)}"
            self._add(now, f"waits for a place{limit}")
        elif what == COMPLETE:
            value = event[2] if event[0] == OK else None
            self._add(now, f"returned {brief(value)}")
        elif what == FAIL:
            failure = action[2]
            self._add(now, f"raised {described(failure) if action[1] else brief(error_of(failure))}")

    def _add(self, now: int, text: str) -> None:
        self.decisions._add(self.policy.name, now, text)


def described(failure: Failure) -> str:
    return brief(failure.cause) if isinstance(failure.cause, BaseException) else brief(error_of(failure))


def event_text(event: Event, policy: str) -> str:
    """An event in words."""
    strategy = event.source.removeprefix(f"{policy}: ")
    if event.name == "retry":
        return f"retry in {seconds_text(event.detail / SECOND)}" if event.detail else "retry at once"
    if event.name == "fallback":
        return f"fallback for {'the result' if event.detail is None else described(event.detail)}"
    if event.name in ("opened", "reopened"):
        return f"{strategy} {event.name}" + (f" for {seconds_text(event.detail / SECOND)}" if event.detail else "")
    return f"{strategy} {event.name}".replace("wait_over", "wait is over").replace("_exhausted", " is exhausted")


class RecordingPorts(StackedPorts):
    """The ports of `Recording`."""

    __slots__ = ("_decisions",)

    def __init__(self, below: Ports, decisions: Decisions) -> None:
        super().__init__(below)
        self.stepwise = True
        self._decisions = decisions

    def execution(self, usual: type[Execution]) -> type[Execution]:
        usual = super().execution(usual)
        bases = (usual,) if issubclass(usual, RecordedSteps) else (RecordedSteps, usual)
        return type("Recorded", bases, {"__slots__": (), "decisions": self._decisions})


class Recording(Scope):
    """What `record` makes."""

    def __init__(self, *policies: Policy) -> None:
        super().__init__(*policies)
        if not policies:
            raise ConfigurationError("record() takes the policies to be recorded")
        for policy in policies:
            if not issubclass(type(policy).EXECUTION, Execution):
                raise ConfigurationError(f"policy {policy.name!r} decides elsewhere, and cannot be recorded here")
        self._decisions = Decisions()
        self._stop: list[Callable[[], None]] = []

    def _over(self, below: Ports) -> Ports:
        return RecordingPorts(below, self._decisions)

    def _name(self) -> str:
        return "record()"

    def _begin(self) -> None:
        for policy in self._chosen:
            self._decisions._began[policy.name] = policy.ports.clock()
            self._stop.append(policy.on("*", self._listener(policy.name)))

    def _listener(self, policy: str) -> Callable[[Event], None]:
        return lambda event: self._decisions._add(policy, event.now, event_text(event, policy))

    def _end(self) -> None:
        for stop in self._stop:
            stop()

    def __enter__(self) -> Decisions:  # type: ignore[override]
        super().__enter__()
        return self._decisions


def record(*policies: Policy) -> Recording:
    """Inside ``with record(policy) as decisions:`` every decision about calls of these policies, and of those derived
    from them, becomes a line: the seconds since the beginning, the number of the call, and what was decided.

    Compare them by `assert_decisions`, or read ``print(decisions)``.
    """
    return Recording(*policies)
