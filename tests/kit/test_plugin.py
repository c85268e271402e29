"""The fixtures, in a pytest of their own, as a project has them that has installed Backstay."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

POLICY = """
    import asyncio, pytest
    from backstay import CircuitBreaker, CircuitOpen, Policy, Retry, Timeout
    from backstay.drivers.ports import REAL

    policy = Policy("p", Timeout(9000), CircuitBreaker(failure_rate=0.5, window_calls=3),
                    Retry(3, on=ConnectionError, backoff="constant", base=1000, cap=1000))

    @policy
    async def fetch(script):
        return await script.acall()
"""


@pytest.fixture
def passes(pytester: pytest.Pytester):
    def run(source: str, passed: int) -> None:
        lines = (POLICY + source).splitlines()
        pytester.makepyfile("\n".join(line.removeprefix("    ") for line in lines))
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
        result.assert_outcomes(passed=passed)

    return run


def test_virtual_time_and_script(passes):
    passes(
        """
    def test_sync(virtual_time, script):
        assert policy.call(script((1, ConnectionError()), (0, "ok"))) == "ok"
        assert virtual_time.now == 1001

    def test_async(virtual_time, script):
        assert virtual_time.run(fetch(script((1, ConnectionError()), (0, "ok")))) == "ok"
        assert virtual_time.now == 1001
        """,
        2,
    )


def test_instant_and_disabled(passes):
    passes(
        """
    def test_instant(instant_policies, script):
        assert policy.call(script((1, ConnectionError()), (0, "ok"))) == "ok"
        assert asyncio.run(fetch(script((0, ConnectionError()), (0, "ok")))) == "ok"

    def test_disabled(disabled_policies, script):
        once = script((0, ConnectionError()))
        with pytest.raises(ConnectionError):
            policy.call(once)
        assert once.calls == 1
        """,
        2,
    )


def test_one_test_does_not_trip_the_breaker_of_the_next(passes):
    passes(
        """
    @pytest.fixture(autouse=True)
    def instant(instant_policies):
        yield

    @pytest.mark.parametrize("n", range(9))
    def test_failing(script, n):
        with pytest.raises(ConnectionError):
            policy.call(script((0, ConnectionError())))

    def test_last():
        assert policy[CircuitBreaker].state == "closed"
        """,
        10,
    )


def test_a_failing_test_restores_everything(pytester: pytest.Pytester):
    pytester.makepyfile("""
        from backstay import Policy
        from backstay.drivers.ports import REAL

        policy = Policy("p")

        def test_fails(virtual_time, instant_policies, disabled_policies):
            assert policy.ports is REAL

        def test_after():
            assert policy.ports is REAL
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)


def test_a_test_that_would_hang_fails_and_says_so(pytester: pytest.Pytester):
    pytester.makepyfile("""
        import asyncio
        from backstay import Fallback, Policy

        policy = Policy("p", Fallback("hidden"))

        def test_hangs(virtual_time):
            virtual_time.run(policy.acall(asyncio.Event().wait))
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Stuck: every task waits and no timer is set:*"])


@pytest.mark.parametrize("module", ["backstay", "backstay.pytest_plugin"])
def test_the_kit_is_loaded_when_it_is_used(module: str):
    code = f"import sys, {module}; print([name for name in sys.modules if name.startswith('backstay.testing')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
