"""`Configuration`: what a file says, running, and able to change while it runs."""

from __future__ import annotations

import os
from _thread import RLock
from typing import TypeVar

from backstay import forking
from backstay.configuration.changes import Report, compare
from backstay.configuration.documents import Document, parse
from backstay.configuration.files import name_of, read
from backstay.drivers import interpreted
from backstay.frames import compiler
from backstay.policy import Policy
from backstay_core.config.loading import Checked
from backstay_core.config.loading import Configuration as Loaded
from backstay_core.config.problem import DocumentError, path_text
from backstay_core.options import Options, nearest
from backstay_core.policy import Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from backstay.configuration.watcher import Listener, Watcher
    from backstay_core.config.loading import Settings

V = TypeVar("V")

#  one reload at a time in a process: what several configurations share stays whole
RELOADING = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=RELOADING._at_fork_reinit)  # type: ignore[attr-defined]


class Named(dict[str, V]):
    """What a configuration holds by name; asked for a name that it has not, it tells the nearest one."""

    def __missing__(self, name: str) -> V:
        hint = nearest(str(name), tuple(self))
        raise KeyError(
            f"the configuration has no {name!r}"
            + (f"; did you mean {hint!r}?" if hint else f"; it has {', '.join(self) or 'none'}")
        )


class Configuration:
    """A running configuration. `policies` and `shared` are by name, `runtime_environments` by the key of their table.

    Each of the three is replaced, not changed, by a reload; a policy that is there before and after stays the same
    object, so that decorated functions and whoever holds it go by the new options.
    """

    POLICY: type[Policy] = Policy  # the class of policies to make

    policies: Named[Policy]
    shared: Named[Shared]
    runtime_environments: Named[Settings]
    document: dict[str, Any]

    def __init__(
        self, path: Any = None, bind: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """Nothing is loaded yet; see `load` and `from_data`."""
        self.path = path
        self.name = "the document" if path is None else name_of(path)
        self.text: str | None = None
        self._bind = dict(bind or {})
        self._environ = environ
        self._take(Loaded({}, {}, {}, {}))

    def _take(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.policies = Named(loaded.policies)
        self.shared = Named(loaded.shared)
        self.runtime_environments = Named(loaded.runtime_environments)
        self.document = loaded.document

    def reload(self) -> Report:
        """Read the file again and take over what has changed in it; says what that did.

        Raises `ConfigurationError`, with everything as it was, if the file is not right.
        """
        if self.path is None:
            raise DocumentError("this configuration has no file; use apply()")
        with RELOADING:
            file = read(self.path)
            report = self._apply(parse(file))
            self.text = file.text
            return report

    def apply(self, data: Any) -> Report:
        """Take over what is different in a document that comes from elsewhere, as plain data; as `reload` does."""
        with RELOADING:
            return self._apply(Document(data))

    def _apply(self, document: Document) -> Report:
        problems = document.apply(os.environ if self._environ is None else self._environ)
        checked = Checked(document.data, self._bind, self.POLICY.STRATEGIES)
        if problems or checked.problems:
            raise document.error([*problems, *checked.problems])
        new = checked.build(self.POLICY, _share, self._loaded.shared)
        report = Report(self.name)
        changes = compare(self._loaded, new, report)
        with interpreted.LOCK, compiler.LOCK:  # no call begins by a policy that is half changed
            for name, shared in new.shared.items():
                old = self._loaded.shared.get(name)
                if old is not None and old.state is not shared.state:
                    shared.state.emit = old.state.emit
            for change in changes:
                for stuck in change.apply():
                    path = path_text(("policies", stuck.name))
                    report.note(f"{path}: an option that using() changes is gone; what it made stays as it is")
                new.policies[change.running.name] = change.running
            self._take(new)
        return report

    def watch(self, interval: float = 1.0, listener: Listener | None = None) -> Watcher:
        """Look at the file every `interval` seconds and reload when it has changed, until ``stop()`` of the result.

        `listener` gets each `Report`, also those of files that were refused; without one they are logged.
        """
        from backstay.configuration.watcher import Watcher, log

        if self.path is None:
            raise DocumentError("this configuration has no file to watch")
        return Watcher(self, interval, listener or log).start()

    def on_signal(self, signum: int | None = None, listener: Listener | None = None) -> Callable[[], None]:
        """Reload when the process gets the signal (SIGHUP if none is named); a handler that was there runs too.

        Returns a function that takes the handler away. Call it in the main thread, as Python asks.
        """
        from backstay.configuration.watcher import OnSignal, log

        return OnSignal(self, signum, listener or log).remove

    def to_data(self) -> dict[str, Any]:
        """The document with all defaults filled in. Raises `ConfigurationError` where an option is code."""
        return self._loaded.to_data()

    def __repr__(self) -> str:
        return f"<Configuration {self.name}: {len(self.policies)} policies>"


def _share(name: str, options: Options) -> Shared:
    return Shared(name, options, seed=forking.fresh_seed())
