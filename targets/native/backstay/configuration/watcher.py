"""Who asks for reloads: a thread that looks at the file, or a signal."""

from __future__ import annotations

import os
import signal
import threading
from _thread import start_new_thread
from time import time_ns
from weakref import ref

from backstay.configuration.changes import Report
from backstay.configuration.files import read, stamp_of
from backstay_core.config.problem import DocumentError
from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay.configuration.live import Configuration

    Listener = Callable[[Report], object]

LOGGER = "backstay.configuration"
COARSEST_NS = 2_000_000_000  # a file system's clock may be this coarse, and a younger stamp proves nothing


def log(report: Report) -> None:
    """What happens to reports if nobody else asks for them: a line in the log ``backstay.configuration``."""
    import logging

    logging.getLogger(LOGGER).log(logging.INFO if report.error is None else logging.ERROR, "%s", report)


def tell(listener: Listener, report: Report) -> None:
    """Who listens takes no part in the reload: what he raises is logged."""
    try:
        listener(report)
    except Exception:
        import logging

        logging.getLogger(LOGGER).exception("a listener to reloads failed")


class Watcher:
    """Looks at a configuration's file every `interval` seconds, in a daemon thread, until `stop`.

    The file counts as changed when its text is another one; the text is read only if identity, size or time of the file
    say that it may be, or are too young to say anything. The thread does not keep the configuration alive, and a forked
    child has none: watch again there.
    """

    def __init__(self, configuration: Configuration, interval: float, listener: Listener) -> None:
        if isinstance(interval, bool) or not isinstance(interval, (int, float)) or not 0 < interval < 1e9:
            raise ConfigurationError(f"watch(interval=…) is a number of seconds; got {interval!r}")
        self._configuration = ref(configuration)
        self._interval = interval
        self._listener = listener
        self._stamp: tuple[int, ...] | None = None
        self._complaint = ""  # the last error, which is told once
        self._refused: str | None = None  # the text that it was about
        self._over = threading.Event()

    def start(self) -> Watcher:
        threading.Thread(target=self._run, name="backstay-configuration", daemon=True).start()
        return self

    def stop(self) -> None:
        """Look no more."""
        self._over.set()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._over.wait(self._interval) and self._configuration() is not None:
            self.look()

    def look(self) -> Report | None:
        """Look once: the report if the file has changed, or became unusable since the last look; else None."""
        configuration = self._configuration()
        if configuration is None:
            return None
        try:
            report = self._reloaded(configuration)
        except DocumentError as error:
            if str(error) == self._complaint:
                return None
            self._complaint = str(error)
            report = Report(configuration.name, error)
        else:
            if report is None:
                return None
            self._complaint = ""
        tell(self._listener, report)
        return report

    def _reloaded(self, configuration: Configuration) -> Report | None:
        try:
            stamp = stamp_of(os.stat(configuration.path))
        except (OSError, ValueError):
            stamp = None  # `read` says what is wrong
        if stamp is not None and stamp == self._stamp and time_ns() - stamp[-1] > COARSEST_NS:
            return None
        file = read(configuration.path)
        self._stamp = file.stamp
        if file.text == configuration.text:
            self._refused, self._complaint = None, ""
            return None
        if file.text == self._refused:
            return None
        self._refused = file.text
        report = configuration.reload()
        self._refused = None
        return report


class OnSignal:
    """Reloads when a signal comes, in a thread of its own: a handler runs in the middle of whatever is going on."""

    def __init__(self, configuration: Configuration, signum: int | None, listener: Listener) -> None:
        number = getattr(signal, "SIGHUP", None) if signum is None else signum
        if number is None:
            raise ConfigurationError("this system has no SIGHUP; name another signal")
        self._configuration = ref(configuration)
        self._listener = listener
        self._asked = False
        self._number: Any = number
        try:
            self._before: Any = signal.getsignal(number)
            signal.signal(number, self._handle)
        except (ValueError, OSError, TypeError) as error:
            raise ConfigurationError(f"on_signal({signum!r}): {error}") from None

    def _handle(self, signum: int, frame: Any) -> None:
        if not self._asked:  # else the one that is asked for has not read the file yet
            self._asked = True
            start_new_thread(self.reload, ())
        if callable(self._before):
            self._before(signum, frame)

    def reload(self) -> None:
        self._asked = False
        configuration = self._configuration()
        if configuration is None:
            return
        try:
            report = configuration.reload()
        except DocumentError as error:
            report = Report(configuration.name, error)
        tell(self._listener, report)

    def remove(self) -> None:
        """Put back the handler that was there before, if it is still ours that is there."""
        if signal.getsignal(self._number) == self._handle:
            signal.signal(self._number, self._before if self._before is not None else signal.SIG_DFL)
