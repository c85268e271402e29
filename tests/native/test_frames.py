"""Frames as code: what is kept of them."""

from __future__ import annotations

import linecache
import sys
from types import ModuleType

import pytest

from backstay import Policy, Retry
from backstay.drivers.interpreted import free_threaded
from backstay.frames import source

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
