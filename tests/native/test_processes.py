"""A process that imports, and a process that ends: each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from backstay.drivers.interpreted import free_threaded

compiled = pytest.mark.skipif(free_threaded(), reason="it is about compiled frames, and without a GIL there are none")

MANY = """
    import sys

    from backstay import Bulkhead, CircuitBreaker, Policy, Retry, Timeout
    from backstay.frames import source

    policies = [Policy(f"p{i}", Timeout(5), Retry(3), CircuitBreaker(), Bulkhead(10)) for i in range(50)]
    functions = []
    for i in range(250):

        @policies[i % 50]
        def call(key, times=i):
            return key, times

        @policies[i % 50]
        async def acall(key, times=i):
            return key, times

        functions.append((call, acall))

    assert not source._CODES, "a frame is compiled at import"
    assert "asyncio" not in sys.modules, "asyncio is imported for a decorator"

    for i, (call, _) in enumerate(functions):
        assert call("a") == ("a", i)
        assert call("a", times=0) == ("a", 0)
    assert len(source._CODES) == 1, "one shape and one signature are one code"

    async def main():
        for i, (_, acall) in enumerate(functions):
            assert await acall("a") == ("a", i)

    import asyncio

    asyncio.run(main())
    assert len(source._CODES) == 2
    print("fine")
"""

#  what is still called while the interpreter takes everything apart: an `atexit` handler, the finalizer of an object in
#  a module, that of one in a cycle, and a thread that nobody waits for
ENDING = """
    import atexit
    import asyncio
    import sys
    import threading
    import time

    from backstay import Bulkhead, CircuitBreaker, Fallback, Policy, Retry, Timeout

    policy = Policy("p", Fallback("else"), Timeout(5), Retry(3, base=0), CircuitBreaker(), Bulkhead(10, queue=1))
    import os

    def write(text, write=os.write):
        write(1, text.encode())


    @policy
    def call(fails=False):
        if fails:
            raise ConnectionError
        return "ok"

    @policy
    async def acall():
        return "ok"

    @Policy("items", Retry(3), Bulkhead(1))
    def items():
        yield from range(3)

    if {compiled}:
        assert call() == call.__wrapped__() == "ok"
        asyncio.run(acall())

    class Last:
        def __init__(self, name):
            self.name = name

        def __del__(self, call=call, write=write):
            write(f"{{self.name}} {{call()}} {{call(True)}}\\n")

    last = Last("module")
    cycle = Last("cycle")
    cycle.itself = cycle
    open_generator = items()
    assert next(open_generator) == 0
    never_entered = Policy("block", Retry(3)).attempts()
    next(iter(never_entered))
    atexit.register(lambda: write(f"atexit {{call()}} {{call(True)}}\\n"))

    if {thread}:

        def endless():
            while True:
                call()
                time.sleep(0)

        threading.Thread(target=endless, daemon=True).start()
    print("end of the program")
"""


def run(program: str) -> list[str]:
    """The lines it prints. It ends well, and nothing is written to stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@compiled
def test_five_hundred_decorated_functions_cost_nothing_before_they_are_called():
    assert run(MANY) == ["fine"]


def test_calls_while_the_interpreter_shuts_down():
    lines = run(ENDING.format(compiled=True, thread=False))
    assert sorted(lines) == ["atexit ok else", "cycle ok else", "end of the program", "module ok else"]


def test_the_first_call_while_the_interpreter_shuts_down():
    """It compiles a frame then."""
    lines = run(ENDING.format(compiled=False, thread=False))
    assert sorted(lines) == ["atexit ok else", "cycle ok else", "end of the program", "module ok else"]


@compiled
def test_a_thread_that_nobody_waits_for():
    """It stops wherever it is; Python then leaves its module alone, finalizers too."""
    lines = run(ENDING.format(compiled=True, thread=True))
    assert {"end of the program", "atexit ok else"} <= set(lines)
