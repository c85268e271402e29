"""Runs conformance vectors on the native target in virtual time: compiled frames and drivers, sync and asyncio.

A runner gives {"calls": …, "final": …} with what can be seen from outside: attempts, substitutes, the end of each call
and the state that is left. It gives None for a vector that it cannot express:

* an asyncio loop has no order for what happens in the same nanosecond;
* callers can always wait in a queue;
* a thread runs one call after another, and nothing can interrupt it;
* a thread in virtual time hedges nothing (of hedged calls those with a single attempt are compared), and a task that
  cannot be interrupted is no loser of a race;
* neither lies to itself: events that a host sends by mistake (`strays`) are for the step machine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from backstay import Fallback, Inject, Policy, UnifiedError, calling, keeping
from backstay.ambient import AMBIENT
from backstay.keeping import Keeping
from backstay.kept import NOTHING
from backstay_core.clock import SECOND
from backstay_core.execution import RACING
from backstay_core.failure import Failure
from tests.conformance import simulate
from tests.conformance.simulate import ns
from tests.support.virtual import ManualPorts, VirtualLoop
from tests.support.worlds import FLAVOURS

Vector = dict[str, Any]
Trace = list[list[Any]]
VISIBLE = ("attempt", "substitute", "aborted", "complete", "fail")


class Scripted(UnifiedError):
    """The error of an operation whose script says that it fails so."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.kind)
        self._failure = failure

    @property
    def failure(self) -> Failure:
        return self._failure


def visible(trace: Trace) -> Trace:
    """What a trace of the step machine shows of a driver's work."""
    return [entry for entry in trace if entry[1] in VISIBLE]


# -- what the step machine makes of the vector -----------------------------------------------------------------------


class Watched(simulate.Agenda):
    """An agenda that notes at which times more than one thing could have happened first."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: Counter[int] = Counter()
        self.given: set[int] = set()  # times that the vector itself names
        self.began = False
        self.several = False  # have two operations of a call run at once?

    def add(self, at: int, do: Any, *args: Any) -> None:
        if not self.began:
            self.given.add(at)
        elif at > self.now:
            call, scheduled = do.__self__, self.now
            before = signature(call)

            def fire(*args: Any) -> None:
                over = signature(call) != before and call.execution.mode != RACING  # lanes wait beside each other
                if not over or self.changed_at(call, scheduled) == at:  # else it is about something long over
                    self.timers[at] += 1
                do(*args)
                self.several = self.several or call.several

            super().add(at, fire, *args)
            return
        super().add(at, do, *args)

    @staticmethod
    def changed_at(call: simulate.Call, scheduled: int) -> int:
        last: int = call.trace[-1][0] if call.trace else scheduled
        return last

    def run(self) -> None:
        self.began = True
        super().run()

    @property
    def ambiguous(self) -> bool:
        return any(count > 1 or at in self.given for at, count in self.timers.items())


def signature(call: simulate.Call) -> tuple[Any, ...]:
    execution = call.execution
    return execution.token, execution.mode, execution.at


Specified = tuple[dict[str, Any], Watched]


def specified(vector: Vector) -> Specified:
    agenda = Watched()
    return simulate.run(vector, lambda: agenda), agenda


# -- the same on the native target -----------------------------------------------------------------------------------


class Call:
    """One call of the vector: its script, and its trace."""

    def __init__(self, written: dict[str, Any], now: Callable[[], int]) -> None:
        self.now = now
        self.scripts = {
            "attempt": written.get("attempts", [simulate.DEFAULT]),
            "substitute": written.get("substitutes", [[0, "substitute"]]),
        }
        self.begun = Counter[str]()
        self.deadline = ns(written["deadline"]) if "deadline" in written else None
        self.number = written.get("policy", 0)
        self.calling = calling(priority=written.get("priority"), tenant=written.get("tenant"))
        self.trace: Trace = []

    def note(self, *entry: Any) -> None:
        self.trace.append([self.now(), *entry])

    def begin(self, what: str, *more: Any) -> tuple[int, Any]:
        """An operation begins: how long it takes, and its outcome."""
        self.note(what, *more)
        script = self.scripts[what]
        took, written = script[min(self.begun[what], len(script) - 1)]
        self.begun[what] += 1
        kind, payload = simulate.outcome(written)
        return ns(took), Scripted(payload) if kind == "error" else payload

    def ended(self, error: Exception) -> None:
        failure = error.failure if isinstance(error, UnifiedError) else Failure("programming")
        assert failure is not None, error
        pause = failure.retry_after
        self.note("fail", failure.kind, failure.reason, *([] if pause is None else [pause]))


CURRENT: ContextVar[Call] = ContextVar("current call")
SUBSTITUTES: ContextVar[Callable[[int], Any]] = ContextVar("how substitutes are made")


class World(simulate.World):
    """The policies of a vector on the native target. `substitute` makes the value of the Fallback at a position."""

    def __init__(self, vector: Vector, policies: type[Policy], substitute: Callable[[int], Any], ports: Any) -> None:
        self.kind = policies
        self.substitute = substitute
        self.ports = ports
        super().__init__(vector)

    def policy(self, data: dict[str, Any]) -> Policy:
        strategies: list[Any] = []
        for position, row in enumerate(data["strategies"]):
            if "shared" in row:
                strategies.append(self.shared[row["shared"]])
                continue
            options: Any = self.kind.strategy_from_data(row, data["name"])
            if isinstance(options, Fallback):
                options = options.replace(value=self.substitute(position))
            elif isinstance(options, Inject):
                options = options.replace(value=partial(self.substitute(position), None))
            strategies.append(options)
        return self.made(self.kind(data["name"], *strategies, seed=data.get("seed", 0)))

    def mistake(self, position: int, option: str) -> None:
        first = self.policies[0]
        strategies: list[Any] = list(first.strategies)
        strategies[position] = strategies[position].replace(**{option: simulate.Raises()})
        self.policies[0] = self.made(self.kind(first.name, *strategies, seed=first.seed))

    def manual(self, what: Any, now: int) -> None:
        super().manual(what, now)
        if what["do"] in ("enable", "disable"):
            for policy in self.policies:
                policy._switched()

    def made(self, policy: Policy) -> Policy:
        policy.ports = self.ports
        return policy

    def final(self, end: int) -> list[Any]:
        return [part["state"] for part in self.policies[0].snapshot(end)["state"]["strategies"]]


def timetable(vector: Vector) -> list[tuple[int, str, Any]]:
    """What the vector itself makes happen, in order: calls that begin, calls that are aborted, an operator's hand."""
    items: list[tuple[int, str, Any]] = []
    for number, written in enumerate(vector["calls"]):
        items.append((ns(written["at"]), "begin", number))
        if "abort" in written:
            items.append((ns(written["abort"]), "abort", number))
    items += [(ns(what["at"]), "manual", what) for what in vector.get("manual", [])]
    return sorted(items, key=lambda item: item[0])


def races(vector: Vector) -> bool:
    """Are there attempts beside each other?"""
    policies = [vector["policy"], *vector.get("others", [])]
    return any(row.get("kind") == "hedge" for policy in policies for row in policy["strategies"])


def queues(vector: Vector) -> bool:
    """Can a call wait at a gate?"""
    policies = [vector["policy"], *vector.get("others", [])]
    return any(row.get("queue") for policy in policies for row in policy["strategies"])


def is_one_attempt(trace: Trace) -> bool:
    """Did the call end after a single attempt at most, so that no timer beside it can have mattered?"""
    names = [entry[1] for entry in trace]
    return names.count("attempt") <= 1 and names[-1:] in (["complete"], ["fail"])


def substitutes_at_once(trace: Trace) -> bool:
    """Is a substitute made in the nanosecond in which two other operations begin?"""
    begun = Counter(time for time, what, *_ in trace if what in ("attempt", "substitute"))
    return any(what == "substitute" and begun[time] > 2 for time, what, *_ in trace)


@contextmanager
def scripted_lookups(substitute: Callable[[int], Any]) -> Iterator[None]:
    """What is looked up comes from the script of substitutes."""

    class ScriptedKeeping(Keeping):
        def look(self, layer: Any, failure: Any = None) -> Any:
            try:
                return substitute(self.position(layer))(failure)
            except Scripted:
                if failure is None:
                    raise
                return NOTHING  # which failure it is does not matter (CA3)

        async def alook(self, layer: Any, failure: Any = None) -> Any:
            try:
                return await substitute(self.position(layer))(failure)
            except Scripted:
                if failure is None:
                    raise
                return NOTHING

        def position(self, layer: Any) -> int:
            return next(x for x, other in enumerate(self._policy.layers) if other is layer)

    keeping.Keeping = ScriptedKeeping  # type: ignore[misc]
    try:
        yield
    finally:
        keeping.Keeping = Keeping  # type: ignore[misc]


def outcome_of(begun: tuple[int, Any]) -> Any:
    if isinstance(begun[1], Scripted):
        raise begun[1]
    return begun[1]


def run_sync(policies: type[Policy], vector: Vector, known: Specified | None = None) -> dict[str, Any] | None:
    """One call after another in this thread. `known`: what is `specified`, if somebody has worked it out."""
    expected, agenda = known or specified(vector)
    interrupted = any(entry[1] in ("aborted", "cancel") for trace in expected["calls"] for entry in trace)
    if (
        agenda.ambiguous
        or interrupted
        or any("strays" in call or not call.get("queue", True) for call in vector["calls"])
    ):
        return None
    alone = not agenda.several and all(map(is_one_attempt, expected["calls"]))
    if races(vector) and (vector.get("interruptible", True) or not alone):
        return None  # it cannot be awake while an attempt runs, nor when it should have begun another one
    ports = ManualPorts()

    def operate(what: str, *more: Any) -> Any:
        begun = CURRENT.get().begin(what, *more)
        ports.advance(begun[0])
        return outcome_of(begun)

    def substitute(position: int) -> Callable[[Any], Any]:
        return lambda failure: operate("substitute", position)

    with scripted_lookups(substitute):
        return _in_thread(policies, vector, agenda, ports, operate, substitute)


def _in_thread(
    policies: type[Policy],
    vector: Vector,
    agenda: Watched,
    ports: ManualPorts,
    operate: Callable[..., Any],
    substitute: Callable[[int], Callable[[Any], Any]],
) -> dict[str, Any] | None:
    clock = ports.manual
    world = World(vector, policies, substitute, ports)
    guarded = [policy(lambda: operate("attempt")) for policy in world.policies]
    calls = [Call(written, lambda: clock.now) for written in vector["calls"]]
    for at, what, item in timetable(vector):
        if clock.now > at:
            return None  # something would have happened during a call
        clock.now = at
        if what == "manual":
            world.manual(item, at)
        elif what == "begin":
            call = calls[item]
            CURRENT.set(call)
            published = AMBIENT.set(call.deadline)
            try:
                with call.calling:
                    call.note("complete", guarded[call.number]())
            except Exception as error:
                call.ended(error)
            finally:
                AMBIENT.reset(published)
    return {"calls": [call.trace for call in calls], "final": world.final(end_of(vector, agenda))}


def end_of(vector: Vector, agenda: Watched) -> int:
    return ns(vector["end"]) if "end" in vector else agenda.now


def run_asyncio(policies: type[Policy], vector: Vector, known: Specified | None = None) -> dict[str, Any] | None:
    """Each call in a task of its own on one loop; an abort cancels the task."""
    expected, agenda = known or specified(vector)
    at_once = any(entry[1:] == ["wait", entry[0]] for trace in expected["calls"] for entry in trace)
    if agenda.ambiguous or at_once or any("strays" in call or not call.get("queue", True) for call in vector["calls"]):
        return None
    if races(vector) and queues(vector):
        return None  # an attempt that is let in as another one of its call ends: in the same nanosecond
    if races(vector) and any(map(substitutes_at_once, expected["calls"])):
        return None  # whether the next attempt fails before the substitute for this one is made: likewise
    interruptible = vector.get("interruptible", True)
    if not interruptible and (races(vector) or any("abort" in call for call in vector["calls"])):
        return None
    loop = VirtualLoop()
    try:
        main = _on_loop(loop, policies, vector, interruptible, agenda.now, end_of(vector, agenda))
        with scripted_lookups(lambda position: SUBSTITUTES.get()(position)):
            return loop.run_until_complete(main)
    finally:
        loop.close()


async def _on_loop(
    loop: VirtualLoop, policies: type[Policy], vector: Vector, interruptible: bool, last: int, end: int
) -> dict[str, Any]:
    async def until(time: int) -> None:
        while loop.now < time:
            try:
                await asyncio.sleep((time - loop.now) / SECOND)
            except asyncio.CancelledError:
                if interruptible:
                    raise

    async def operate(what: str, *more: Any) -> Any:
        begun = CURRENT.get().begin(what, *more)
        await until(loop.now + begun[0])
        return outcome_of(begun)

    async def one(call: Call) -> None:
        CURRENT.set(call)
        AMBIENT.set(call.deadline)
        try:
            with call.calling:
                call.note("complete", await guarded[call.number]())
        except Exception as error:
            call.ended(error)

    async def settle() -> None:
        """Until nobody has anything left to do in this nanosecond."""
        turns = 0
        ready = vars(loop)["_ready"]  # without the timers that are due, so there are ten turns at least
        while turns < 10 or ready:
            turns += 1
            assert turns < 100_000, "they never come to rest"
            await asyncio.sleep(0)

    def attempt_of(policy: Policy) -> Callable[[], Coroutine[Any, Any, Any]]:
        async def attempt() -> Any:
            return await operate("attempt")

        return policy(attempt)

    def substitute(position: int) -> Callable[[Any], Any]:
        return lambda failure: operate("substitute", position)

    SUBSTITUTES.set(substitute)
    world = World(vector, policies, substitute, loop.ports)
    guarded = [attempt_of(policy) for policy in world.policies]
    calls = [Call(written, lambda: loop.now) for written in vector["calls"]]
    tasks: dict[int, asyncio.Task[None]] = {}
    items = timetable(vector)
    for (at, what, item), following in zip(items, [*items[1:], None], strict=True):
        await until(at)
        if what == "begin":
            tasks[item] = loop.create_task(one(calls[item]))
        elif what == "manual":
            world.manual(item, at)
        elif not tasks[item].done():
            calls[item].note("aborted")
            tasks[item].cancel()
        if what != "abort" or following is None or following[:2] != (at, "abort"):  # who goes together, goes at once
            await settle()
    await until(last)
    await settle()
    final = world.final(end)
    left = [task for task in tasks.values() if not task.done()]
    traces = [list(call.trace) for call in calls]
    for task in left:
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return {"calls": traces, "final": final}


RUNNERS: dict[str, Callable[..., dict[str, Any] | None]] = {
    f"{name}, {flavour}": partial(runner, policies)
    for name, runner in (("sync", run_sync), ("asyncio", run_asyncio))
    for flavour, policies in FLAVOURS.items()
}
