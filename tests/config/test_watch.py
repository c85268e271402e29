"""Who asks for reloads: a look at the file, a thread that looks, a signal. Nothing here waits for time to pass."""

import gc
import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backstay import Configuration, ConfigurationError, Retry, load
from backstay.configuration import Report, watcher
from backstay.configuration.files import Text, read
from backstay.configuration.watcher import Watcher

Write = Callable[[int], None]
PATIENCE = 60  # seconds after which a test that hangs is given up


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "backstay.toml"


@pytest.fixture
def write(path: Path) -> Write:
    def write(attempts: int) -> None:
        other = path.with_suffix(".new")
        other.write_text(f'[[policies.p.strategies]]\nkind = "retry"\nattempts = {attempts}\n', "utf-8")
        other.replace(path)

    write(1)
    return write


def attempts(configuration: Configuration) -> int:
    found: int = configuration.policies["p"][Retry].options.attempts
    return found


class Heard:
    """Listens, and lets a test wait until something was heard."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self._came = threading.Semaphore(0)

    def __call__(self, report: Report) -> None:
        self.reports.append(report)
        self._came.release()

    def wait(self) -> Report:
        assert self._came.acquire(timeout=PATIENCE)
        return self.reports[-1]


# Looks


def test_a_look(path: Path, write: Write):
    configuration = load(path, environ={})
    heard = Heard()
    looker = Watcher(configuration, 1, heard)
    assert looker.look() is None
    write(2)
    report = looker.look()
    assert report is not None
    assert report.changed == ("policies.p.strategies[0] (retry): attempts 1 → 2",)
    assert heard.reports == [report]
    assert attempts(configuration) == 2
    assert looker.look() is None
    os.utime(path)  # touched, not changed
    assert looker.look() is None


def test_a_bad_file_is_told_once(path: Path, write: Write):
    configuration = load(path, environ={})
    looker = Watcher(configuration, 1, Heard())
    write(0)
    report = looker.look()
    assert report is not None
    assert report.error is not None
    assert str(report).splitlines() == [
        f"{path} was not taken over; what was there goes on:",
        f"{path}:3: policies.p.strategies[0].attempts: must be at least 1 and at most 1000000; got 0",
    ]
    assert repr(report).startswith("<Report ")
    assert report.to_data()["error"] == str(report.error)
    assert attempts(configuration) == 1
    assert looker.look() is None
    write(-1)
    assert looker.look() is not None
    write(1)  # back to what runs
    assert looker.look() is None
    write(-1)
    assert looker.look() is not None
    write(3)
    assert looker.look() is not None
    assert attempts(configuration) == 3


def test_a_file_that_vanishes_is_told_once(path: Path, write: Write):
    configuration = load(path, environ={})
    looker = Watcher(configuration, 1, Heard())
    path.unlink()
    report = looker.look()
    assert report is not None
    assert "no such file" in str(report.error)
    assert looker.look() is None
    write(4)
    assert looker.look() is not None
    assert attempts(configuration) == 4


def test_an_old_stamp_is_enough(path: Path, write: Write, monkeypatch: pytest.MonkeyPatch):
    configuration = load(path, environ={})
    looker = Watcher(configuration, 1, Heard())
    reads: list[Any] = []

    def counted(name: Any) -> Text:
        reads.append(name)
        return read(name)

    monkeypatch.setattr("backstay.configuration.watcher.read", counted)
    os.utime(path, (2**31 - 1, 2**31 - 1))  # however long it takes until the looks
    looker.look()
    looker.look()
    assert len(reads) == 2  # the file is too young for its stamp to say anything
    os.utime(path, (1, 1))
    looker.look()
    looker.look()
    looker.look()
    assert len(reads) == 3


def test_a_listener_that_fails_is_logged(path: Path, write: Write, caplog: pytest.LogCaptureFixture):
    configuration = load(path, environ={})

    def broken(report: Report) -> None:
        raise RuntimeError("listening is hard")

    looker = Watcher(configuration, 1, broken)
    write(2)
    assert looker.look() is not None
    assert "listening is hard" in caplog.text


def test_without_a_listener_reports_are_logged(path: Path, write: Write, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    configuration = load(path, environ={})
    looker = Watcher(configuration, 1, watcher.log)
    for number in (2, 0):
        write(number)
        looker.look()
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]
    assert {record.name for record in caplog.records} == {"backstay.configuration"}


# The thread


def test_a_thread_that_looks(path: Path, write: Write):
    configuration = load(path, environ={})
    heard = Heard()
    with configuration.watch(0.001, heard) as looker:
        write(2)
        assert heard.wait().error is None
        assert attempts(configuration) == 2
        write(0)
        assert heard.wait().error is not None
        assert attempts(configuration) == 2
    looker.stop()


def test_the_thread_does_not_keep_the_configuration(path: Path, write: Write):
    configuration = load(path, environ={})
    looker = configuration.watch(1000, Heard())
    del configuration
    gc.collect()
    assert looker.look() is None
    assert looker._configuration() is None
    looker.stop()


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), True, "1", None])
def test_intervals(path: Path, write: Write, interval: Any):
    with pytest.raises(ConfigurationError, match="number of seconds"):
        load(path, environ={}).watch(interval)


# Signals

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")


@needs_signals
def test_a_signal(path: Path, write: Write):
    configuration = load(path, environ={})
    heard = Heard()
    earlier: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: earlier.append(number))
    try:
        remove = configuration.on_signal(listener=heard)
        write(2)
        signal.raise_signal(signal.SIGHUP)
        assert heard.wait().changed
        assert earlier == [signal.SIGHUP]
        write(0)
        signal.raise_signal(signal.SIGHUP)
        assert heard.wait().error is not None
        assert attempts(configuration) == 2
        remove()
        signal.raise_signal(signal.SIGHUP)
        assert len(earlier) == 3
        assert len(heard.reports) == 2
    finally:
        signal.signal(signal.SIGHUP, before)


@needs_signals
def test_a_storm_of_signals(path: Path, write: Write):
    configuration = load(path, environ={})
    heard = Heard()
    remove = configuration.on_signal(signal.SIGHUP, heard)
    try:
        for number in range(2, 50):
            write(number)
            signal.raise_signal(signal.SIGHUP)
        while heard.wait().error is None and attempts(configuration) != 49:
            pass
        assert attempts(configuration) == 49
    finally:
        remove()


@needs_signals
@pytest.mark.parametrize("number", [0, 9999, "HUP", 9])
def test_signals_that_cannot_be(path: Path, write: Write, number: Any):
    with pytest.raises(ConfigurationError, match="on_signal"):
        load(path, environ={}).on_signal(number)


@needs_signals
def test_only_in_the_main_thread(path: Path, write: Write):
    configuration = load(path, environ={})
    said: list[str] = []

    def other() -> None:
        try:
            configuration.on_signal()
        except ConfigurationError as error:
            said.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert "main thread" in said[0]
