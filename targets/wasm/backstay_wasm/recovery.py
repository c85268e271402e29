"""An instance that can be replaced: what has happened is kept outside it, as a snapshot and the inputs since.

The engine inside is deterministic (same inputs, same decisions), so the journal of inputs *is* the state. When an
instance becomes unusable, a new one takes over the last snapshot and is told everything since, except the one input at
which the old one broke; in its place the call that it belonged to is closed, as if its caller had gone. So nothing is
lost but that call: every outcome that was ever reported counts. Each decision is compared with the one that was given:
a call that would be told something else is not where its host believes, and is closed too.

A snapshot is taken when the journal holds `FEWEST` inputs, or `PER_CALL` for every call in flight, whichever is more,
so that it costs each step about the same whatever the number of calls, and a replacement stays short. An engine that
is used for as long as that also gets a spare instance: a third of a replacement is the memory of the new one, page by
page.

What was told once came to an end. Telling it again therefore has `PATIENCE` times the deadline and the fuel: that the
machine is busy just then is no reason to lose calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from backstay_core.canonical import dumps
from backstay_core.documents import EngineError
from backstay_wasm.instance import Instance
from backstay_wasm.marshal import Trap
from backstay_wasm.values import Decision, IncompatibleComponent

FEWEST = 192
PER_CALL = 8
PATIENCE = 30
NOWS = {"begin": 1, "step": 3, "close": 1, "control": 3, "restore-policy": 3}  # where `now` stands
OF_CALLS = ("begin", "step", "close")

#  errors after which what is inside may not be what the journal says
UNSURE = ("internal", "out-of-memory")


#  what was told, and the answer; None: nobody has acted on the answer
Entry = tuple[str, tuple[Any, ...], Any]


class Begun:
    """A call, from the moment at which there is one (0 until then)."""

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call = 0


class Recovering:
    """Calls into an instance, made anew by `make` whenever it breaks. Not safe from several threads at once."""

    def __init__(self, make: Callable[[], Instance]) -> None:
        self._make = make
        self.instance: Instance | None = make()
        self.spare: Instance | None = None
        self.snapshot: tuple[str, int] | None = None  # and when it was taken
        self.journal: list[Entry] = []
        self.due = FEWEST
        self.now = 0  # the latest time that was told
        self.begun = 0  # the latest handle that was given
        self.woken: list[int] = []  # who may go on, and was not told so yet
        self.all_woken = False  # calls are gone, and who waits does not know whether his is
        self.replacements = 0
        self.incomplete = 0  # replacements in which all calls in flight were lost
        self._busy = False

    def ask(self, name: str, args: tuple[Any, ...]) -> Any:
        """A call that changes nothing. Raises `EngineError`; `Trap` after a replacement that has lost nothing."""
        self._enter()
        try:
            return self._inside().call(name, args)
        except Trap:
            self.replace()
            raise
        finally:
            self._busy = False

    def tell(self, name: str, args: tuple[Any, ...], begun: Begun | None = None) -> Any:
        """A call that changes what is inside. Raises `EngineError`; `Trap` after a replacement without this input."""
        self._enter()
        try:
            return self._tell(name, args, begun)
        finally:
            self._busy = False

    def _enter(self) -> None:
        if self._busy:  # two inputs within each other would stand in the journal in another order than inside
            raise EngineError("reentrant", "this thread is inside the component already (in a signal handler?)")
        self._busy = True

    def _tell(self, name: str, args: tuple[Any, ...], begun: Begun | None) -> Any:
        try:
            inside = self._inside()
        except IncompatibleComponent:
            if name == "close":  # whoever goes does not come again
                self.journal.append((name, (args[0], self.now), None))
            raise
        if len(self.journal) >= self.due:
            self.take_snapshot()
            inside = self._inside()
        self.journal.append((name, args, None))
        try:
            result = inside.call(name, args)
        except (EngineError, Trap) as error:
            self.journal.pop()
            if isinstance(error, Trap) or error.kind in UNSURE:
                if name in ("step", "close"):
                    self.journal.append(("close", (args[0], self.now), None))
                self.replace()
            raise
        except BaseException:  # Ctrl-C: was it told or not? Let it not have been.
            self.journal.pop()
            self.replace()
            raise
        # -- no function is called from here on: an interrupt would come in between
        if name in OF_CALLS:
            if begun is not None:
                begun.call = self.begun = result.call
            more = result.more
            if more is not None and "woken" in more:
                self.woken += more["woken"]
        self.journal[-1] = (name, args, result)
        if name == "restore":
            self.now = args[2]  # possibly another clock
            self.all_woken = True
        elif name in NOWS and self.now < args[NOWS[name]]:
            self.now = args[NOWS[name]]
        return result

    def take_snapshot(self) -> None:
        """Begin a new journal, if the state can be saved; else go on with a longer one."""
        try:
            text = self._inside().call("snapshot", (self.now, None))
        except EngineError:
            self.due *= 2
            return
        except Trap:
            self.due *= 2
            self.replace()
            return
        self.snapshot = (text, self.now)
        self.journal.clear()
        self.due = max(FEWEST, PER_CALL * text.count('"kind":"call"'))
        if self.spare is None:
            self._prepare()

    def _prepare(self) -> None:
        """A spare instance. It is given this state so that its memory is there; the state itself will be too old."""
        assert self.snapshot is not None
        text, now = self.snapshot
        try:
            self.spare = self._make()
            self.spare.patience = PATIENCE
            self.spare.call("restore", (text, "revive", now, None))
        except (EngineError, Trap):
            self._close_spare()

    def close(self) -> None:
        self._close_spare()
        if self.instance is not None:
            self.instance.close()
            self.instance = None

    def _close_spare(self) -> None:
        if self.spare is not None:
            self.spare.close()
            self.spare = None

    def _inside(self) -> Instance:
        if self.instance is None:  # the last replacement failed
            self.replace()
            assert self.instance is not None
        return self.instance

    def replace(self) -> None:
        """A new instance that knows what the old one knew. Should that fail: the policies, without calls in flight."""
        self.replacements += 1
        if (self.spare is not None and self._resumed()) or self._resumed():  # the spare one may be too full
            return
        self.incomplete += 1
        inside = self._rebuild("revive", [entry for entry in self.journal if entry[0] not in OF_CALLS])
        data = json.loads(inside.call("snapshot", (self.now, None)))
        data["state"]["begun"] = self.begun  # a handle is never given twice
        text = dumps(data)
        inside.call("restore", (text, "revive", self.now, None))
        self.snapshot = (text, self.now)
        self.journal.clear()
        self.all_woken = True

    def _resumed(self) -> bool:
        """Does an instance know now what the old one knew?"""
        try:
            self._rebuild("resume", self.journal)
        except IncompatibleComponent:  # there is no memory for it now; whoever comes next tries again
            raise
        except (EngineError, Trap):
            return False
        return True

    def _rebuild(self, mode: str, journal: list[Entry]) -> Instance:
        if self.instance is not None:
            self.instance.close()
            self.instance = None
        inside, self.spare = self.spare or self._make(), None
        inside.patience = PATIENCE
        try:
            if self.snapshot is not None:
                inside.call("restore", (self.snapshot[0], mode, self.snapshot[1], None))
            closing: list[Entry] = [("close", (call, self.now), None) for call in self._tell_again(inside, journal)]
            self._tell_again(inside, closing)
        except BaseException:
            inside.close()
            raise
        self.journal += closing
        inside.patience = 1
        self.instance = inside
        return inside

    def _tell_again(self, inside: Instance, journal: list[Entry]) -> list[int]:
        """The calls that were told something else this time."""
        astray: dict[int, None] = {}
        for name, args, told in journal:
            try:
                answer = inside.call(name, args)
            except EngineError:
                if name not in ("step", "close"):
                    raise
                if told is not None:
                    astray[args[0]] = None
                continue
            if name not in OF_CALLS or answer == told:
                continue
            if told is None:
                self.woken.extend(answer.woken)  # who is woken by the others has been told
                continue
            self.all_woken = True
            if answer.call != told.call:
                raise EngineError("internal", f"call {told.call} has become call {answer.call}")
            if acts(answer) != acts(told):
                astray[told.call] = None
        return list(astray)


def acts(decision: Decision) -> tuple[Any, ...]:
    """What a decision asks of the host of its own call."""
    more = {name: value for name, value in (decision.more or {}).items() if name != "woken"}
    return (*decision[:4], more)
