"""Events as lines of a log, and correlation ids."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog

import backstay
import backstay_core
from backstay import Cache, CircuitBreaker, ConfigurationError, Fallback, Inject, Policy, Retry
from backstay import logging as module
from backstay.logging import CorrelationFilter, add_correlation_id, correlated, correlation_id, log_events
from backstay.watching import EVENTS
from backstay_core.strategies.breaker import MODES, TRANSITIONS


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept(request: pytest.FixtureRequest):
    logger = logging.getLogger(f"test.{request.node.name}")
    handler = Kept()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger, handler.records
    logger.removeHandler(handler)


def fail() -> str:
    raise ConnectionRefusedError("password=hunter2")


def test_a_line_for_each_event(kept):
    logger, records = kept
    policy = Policy(
        "quotes",
        Fallback("old"),
        Retry(2, backoff="constant", base=0.001),
        CircuitBreaker.consecutive(2, open_for=30, open_jitter=0),
    )
    policy.on("*", log_events(logger))
    assert policy.call(fail) == "old"
    assert policy.call(fail) == "old"
    assert [(record.levelname, record.getMessage()) for record in records] == [
        ("INFO", "quotes: retry, pause 0.001 s"),
        ("WARNING", "quotes: circuit_breaker: opened, open_for 30 s"),
        ("INFO", "quotes: fallback, failure connect"),
        ("DEBUG", "quotes: circuit_breaker: refused"),
        ("INFO", "quotes: fallback, failure rejected"),
    ]
    opened: Any = records[1]
    assert (opened.event, opened.policy, opened.strategy, opened.open_for) == (
        "opened",
        "quotes",
        "circuit_breaker",
        30,
    )
    answered: Any = records[2]
    assert (answered.failure, answered.error) == ("connect", "ConnectionRefusedError")
    assert not any("hunter2" in str(vars(record)) for record in records)


def test_a_call_that_is_well_writes_nothing(kept):
    logger, records = kept
    policy = Policy("quotes", Fallback("old"), Retry(3), CircuitBreaker())
    policy.on("*", log_events(logger))
    assert policy.call(str, 1) == "1"
    assert records == []


def test_faults_on_purpose_say_which(kept):
    logger, records = kept
    policy = Policy("p", Inject("error", enabled=True))
    policy.on("*", log_events(logger))
    with pytest.raises(Exception, match="inject"):
        policy.call(str)
    assert [(record.levelname, record.getMessage(), record.fault) for record in records] == [
        ("WARNING", "p: inject: injected, fault error", "error")
    ]


def test_levels_are_the_users(kept):
    logger, records = kept
    policy = Policy("p", CircuitBreaker())
    policy[CircuitBreaker].force_open()
    policy[CircuitBreaker].auto()
    policy.on("*", log_events(logger, levels={"forced_open": logging.CRITICAL, "auto": logging.DEBUG}))
    logger.setLevel(logging.INFO)
    policy[CircuitBreaker].force_open()
    policy[CircuitBreaker].auto()
    assert [record.levelname for record in records] == ["CRITICAL"]
    with pytest.raises(ConfigurationError, match="did you mean 'refused'"):
        log_events(logger, levels={"refussed": 10})


def test_every_event_has_a_row():
    """What is emitted is in the table, and what the table has is emitted."""
    sources = [path for package in (backstay, backstay_core) for path in Path(package.__path__[0]).rglob("*.py")]
    calls = re.findall(r"\.tell\((.*)", "".join(path.read_text("utf-8") for path in sources))
    told = {name for call in calls for name in re.findall(r"[\"'](\w+)[\"']", call)}
    assert told | {event for _, event, _, _ in TRANSITIONS} | set(MODES) == set(EVENTS)


def test_nothing_from_elsewhere_forges_a_line(kept):
    logger, records = kept
    policy = Policy("quotes\nERROR:root:all is lost", Retry(2, backoff="constant", base=0.001))
    policy.on("*", log_events(logger))
    with correlated("req-7\nERROR:root:\x1b[31mall is lost" + "!" * 1000), pytest.raises(ConnectionRefusedError):
        policy.call(fail)
    [record] = records
    CorrelationFilter().filter(record)
    line = logging.Formatter("%(correlation_id)s %(policy)s %(message)s").format(record)
    assert line.isprintable()
    assert len(record.correlation_id) < 220


def test_what_a_key_function_raises_is_told_by_its_class(kept):
    logger, records = kept

    def key(account: str) -> str:
        raise LookupError(f"no such account: {account}\nERROR:root:all is lost")

    policy = Policy("p", Cache(1.0, key=key))
    policy.on("*", log_events(logger))
    policy.call(str, "hunter2")
    assert [record.getMessage() for record in records] == ["p: cache: uncached, raised LookupError"]
    assert "hunter2" not in str(vars(records[0]))


def test_a_keyed_policy_says_of_which_key(kept):
    logger, records = kept
    policy = Policy("hosts", CircuitBreaker.consecutive(1, open_for=30, open_jitter=0))
    policy.on("*", log_events(logger))
    hosts = policy.keyed(key=lambda host: host)
    with pytest.raises(ConnectionRefusedError):
        hosts.call(lambda host: fail(), "a\nb")
    [record] = records
    assert record.getMessage() == r"hosts: circuit_breaker: opened, key a\nb, open_for 30 s"
    assert record.key == r"a\nb"


@pytest.mark.parametrize("logger", [None, print, "shop", logging])
def test_what_is_no_logger_is_refused(logger: Any):
    with pytest.raises(ConfigurationError, match="takes a logger"):
        log_events(logger)


def test_what_a_logger_raises_changes_nothing():
    class Broken:
        heard = 0

        def bind(self, **values: Any) -> Any: ...

        def log(self, level: int, event: str, **values: Any) -> Any:
            Broken.heard += 1
            raise OSError("no space left on the device")

    policy = Policy("p", Fallback("old"))
    policy.on("*", log_events(Broken()))
    assert policy.call(fail) == "old"
    assert Broken.heard == 1


def test_structlog(capsys: pytest.CaptureFixture[str]):
    processors: list[Any] = [structlog.stdlib.add_log_level, add_correlation_id, structlog.processors.JSONRenderer()]
    logger = structlog.wrap_logger(structlog.PrintLogger(), processors=processors)
    policy = Policy("p", Retry(2, backoff="constant", base=0.001), CircuitBreaker.consecutive(1, open_jitter=0))
    policy.on("*", log_events(logger))
    with correlated("job-1"):
        with pytest.raises(Exception, match="circuit open"):
            policy.call(fail)
        logger.info("over")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {
            "event": "opened", "level": "warning", "policy": "p", "strategy": "circuit_breaker", "open_for": 30.0,
            "correlation_id": "job-1",
        },
        {"event": "retry", "level": "info", "policy": "p", "pause": 0.001, "correlation_id": "job-1"},
        {
            "event": "refused", "level": "debug", "policy": "p", "strategy": "circuit_breaker",
            "correlation_id": "job-1",
        },
        {"event": "over", "level": "info", "correlation_id": "job-1"},
    ]  # fmt: skip


class TestCorrelation:
    def test_ids_nest_and_end(self):
        assert correlation_id() is None
        with correlated("a") as outer:
            assert correlation_id() == outer.id == "a"
            with correlated() as joined:
                assert correlation_id() == joined.id == "a"
            with correlated("b"):
                assert correlation_id() == "b"
            assert correlation_id() == "a"
        assert correlation_id() is None

    def test_one_is_made_only_when_it_is_asked_for(self, monkeypatch: pytest.MonkeyPatch):
        made: list[int] = []

        def urandom(size: int) -> bytes:
            made.append(size)
            return bytes(size)

        monkeypatch.setattr(module, "urandom", urandom)
        with correlated():
            Policy("p", Retry(2)).call(str)
            assert made == []
            assert correlation_id() == correlation_id() == "0" * 16
        assert len(made) == 1

    def test_two_made_ones_differ(self):
        with correlated() as one:
            first = one.id
        with correlated() as other:
            assert other.id != first

    def test_tasks_and_threads_with_a_context_inherit_it(self):
        async def main() -> tuple[str | None, str | None]:
            with correlated("t"):
                return await asyncio.create_task(asks()), await asyncio.to_thread(correlation_id)

        async def asks() -> str | None:
            return correlation_id()

        assert asyncio.run(main()) == ("t", "t")
        seen: list[str | None] = []
        with correlated("t"):
            thread = threading.Thread(target=lambda: seen.append(correlation_id()))
            thread.start()
            thread.join()
        assert seen == [None] if sys.version_info < (3, 14) else seen in ([None], ["t"])

    def test_a_block_is_entered_once_at_a_time(self):
        block = correlated("a")
        for _ in range(2):
            with block:
                assert correlation_id() == "a"
        with block, pytest.raises(ConfigurationError, match="make one for each"):
            block.__enter__()
        assert correlation_id() is None

    @pytest.mark.parametrize("id", ["", 7, b"x"])
    def test_ids_that_are_none(self, id: Any):
        with pytest.raises(ConfigurationError, match="correlated"):
            correlated(id)

    def test_every_record_can_have_one(self, kept):
        logger, records = kept
        logger.addFilter(CorrelationFilter())
        logger.info("outside")
        with correlated("r"):
            logger.info("inside")
            logger.info("its own", extra={"correlation_id": "mine"})
        assert [record.correlation_id for record in records] == ["-", "r", "mine"]


def test_nothing_is_configured_and_nothing_is_loaded_unasked():
    code = "import sys, backstay; assert not {'logging', 'structlog'} & set(sys.modules)\n"
    code += "import logging, backstay.logging; assert 'structlog' not in sys.modules\n"
    code += "backstay.logging.log_events(logging.getLogger('x')); assert not logging.getLogger().handlers"
    code += "; assert not logging.getLogger('x').handlers"
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
