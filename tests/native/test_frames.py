"""Frames as code: what is kept of them."""

from __future__ import annotations

import asyncio
import linecache
import sys
from types import ModuleType

import pytest

from backstay import Bulkhead, CircuitBreaker, Fallback, Hedge, Policy, Retry, Timeout
from backstay.drivers import interpreted
from backstay.drivers.interpreted import free_threaded
from backstay.frames import source
from backstay_core.options import Options

pytestmark = pytest.mark.skipif(free_threaded(), reason="without a GIL no frames are compiled")


def test_the_code_of_many_shapes_does_not_fill_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(source, "_CODES", {})
    files = set()
    for attempts in range(1, source.MOST_CODES + 50):
        policy = Policy("p", Retry(attempts))
        policy.call(int)
        files.add(policy._call.__code__.co_filename)
    assert len(source._CODES) <= source.MOST_CODES
    assert len(files) == source.MOST_CODES + 49  # each has a file of its own: no traceback shows the lines of another


def test_a_call_while_this_thread_loads_what_compiles(monkeypatch: pytest.MonkeyPatch):
    """From a signal handler, say. It is carried out step by step, and the next one compiles."""
    calls = []

    @Policy("p", Retry(3, base=0, on=ConnectionError))
    def call() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionError
        return "done"

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "backstay.frames.names", ModuleType("half loaded"))
        assert call() == "done"
        assert not hasattr(call, "__source__")
    assert call() == "done"
    assert hasattr(call, "__source__")


def test_a_traceback_shows_the_lines_of_a_frame():
    policy = Policy("p", Retry())
    policy.call(int)
    code = policy._call.__code__
    linecache.lazycache(code.co_filename, policy._call.__globals__)
    assert linecache.getline(code.co_filename, 1) == policy._call.__source__.splitlines(True)[0]


@pytest.mark.parametrize("strategy", [Timeout(5.0), Retry(2), CircuitBreaker(), Bulkhead(5), Fallback(2)], ids=repr)
@pytest.mark.parametrize("count", [13, 60])
def test_more_strategies_than_python_takes_in_one_function(strategy: Options, count: int):
    """They are carried out step by step: such a frame is no syntax, or takes minutes to compile."""
    policy = Policy("many", *[strategy] * count)

    @policy
    async def double_later(x: int) -> int:
        return 2 * x

    assert policy.call(int, "4") == asyncio.run(double_later(2)) == 4
    assert not hasattr(double_later, "__source__")


def test_what_has_no_frame_is_prepared_once(monkeypatch: pytest.MonkeyPatch):
    policy = Policy("p", Hedge(60, idempotent=True))
    keyed = policy.keyed(lambda key: key)
    guarded = policy(str)

    @policy
    async def later(key: int) -> str:
        return str(key)

    def all_of_them() -> list[str]:
        return [guarded(1), policy.call(str, 1), keyed.call(str, 1), asyncio.run(later(1))]

    assert all_of_them() == ["1"] * 4
    monkeypatch.setattr(interpreted, "frame_for", None)
    assert all_of_them() == ["1"] * 4
