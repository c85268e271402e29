"""A process that imports, and a process that ends: each in an interpreter of its own."""

from __future__ import annotations

import os
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

#  A signal handler or finalizer calls while the very call that it interrupts loads a module: the n-th begin or end of
#  one, for every n, each in a process that has loaded nothing yet.
LOADING = """
    import os
    import sys

    from backstay import Budget, Bulkhead, Cache, CircuitBreaker, ConcurrencyLimit, Fallback, Policy, RateLimit, Retry
    from backstay import Throttle, Timeout

    def fine():
        return "fine"

    def failing():
        raise ConnectionError

    def guarded():
        return [
            Policy("p", Timeout(60), Retry(2), CircuitBreaker(), Bulkhead(9))(fine),
            Policy("p", RateLimit(1000), ConcurrencyLimit(9), Throttle(), Retry(2, budget=Budget()))(fine),
            Policy("p", Cache(60), Retry(2))(fine),
            Policy("p", Fallback("else"), Retry(2, base=0))(failing),
        ]

    def right(functions):
        return [function() for function in functions] == ["fine", "fine", "fine", "else"]

    def interrupted(at):
        met = 0

        def loading(frame, event, argument):
            nonlocal met
            code = frame.f_code
            if event in ("call", "return") and code.co_name == "<module>" and "backstay" in code.co_filename:
                met += 1
                if met == at:
                    sys.setprofile(None)
                    assert right(others), code.co_filename

        mine, others = guarded(), guarded()
        sys.setprofile(loading)
        assert right(mine)
        sys.setprofile(None)
        return met >= at

    at, more = 0, True
    while more:
        at += 1
        child = os.fork()
        if not child:
            code = 2
            try:
                code = 0 if interrupted(at) else 1
            finally:
                sys.stderr.flush()
                os._exit(code)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in (0, 1), f"interrupted at the {{at}}. begin or end of a module"
        more = ended == 0
    assert at > {least}, at
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
        timeout=500,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@compiled
def test_five_hundred_decorated_functions_cost_nothing_before_they_are_called():
    assert run(MANY) == ["fine"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_calls_while_what_carries_them_out_is_loaded():
    """One that comes in between finds half-loaded modules in its way, and takes another one (`can_compose`)."""
    assert run(LOADING.format(least=1 if free_threaded() else 10)) == ["fine"]


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
