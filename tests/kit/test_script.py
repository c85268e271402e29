import asyncio

import pytest

from backstay import ConfigurationError
from backstay.testing import Script, Stuck, VirtualTime

BOOM = ConnectionError("refused")


def test_steps_come_in_order_and_the_last_one_stays():
    script = Script((0, BOOM), (0.0, KeyError), (0, "ok"))
    with pytest.raises(ConnectionError, match="refused"):
        script("a", n=1)
    with pytest.raises(KeyError):
        script()
    assert [script(), script()] == ["ok", "ok"]
    assert script.calls == 4
    assert (script.history[0].args, script.history[0].kwargs) == (("a",), {"n": 1})


def test_a_readable_record():
    script = Script((0.25, BOOM), (1, [1, 2]), (float("inf"), None))
    assert str(script) == "no calls"

    async def main() -> None:
        assert await script.acall("ACME", day=2) == [1, 2]
        task = asyncio.create_task(script.acall())
        await asyncio.sleep(0.5)
        assert str(script.history[-1]) == "1.25 s  call 3 (): under way"
        task.cancel()
        await asyncio.wait([task])

    with VirtualTime() as time:
        with pytest.raises(ConnectionError):
            script("ACME")
        time.run(main())
    assert str(script).splitlines() == [
        "0 s     call 1 ('ACME'): raised ConnectionError: refused after 0.25 s",
        "0.25 s  call 2 ('ACME', day=2): returned [1, 2] after 1 s",
        "1.25 s  call 3 (): cancelled after 0.5 s",
    ]
    assert repr(script.history[2]) == "<1.25 s  call 3 (): cancelled after 0.5 s>"
    assert script.began == [0, 0.25, 1.25]


def test_it_takes_no_real_time():
    with pytest.raises(Stuck, match=r"takes 3 s: use it inside VirtualTime\(\) or instant\(\)"):
        Script((3, "ok"))()
    with pytest.raises(Stuck, match="takes 3 s"):
        asyncio.run(Script((3, "ok")).acall())


def test_a_thread_cannot_wait_for_what_never_ends():
    with VirtualTime(), pytest.raises(Stuck, match="never ends"):
        Script((float("inf"), None))()


@pytest.mark.parametrize("step", ["ok", (1,), (-1, "ok"), (float("nan"), "ok"), ("1", "ok"), None])
def test_a_step_has_seconds_and_an_outcome(step):
    with pytest.raises(ConfigurationError, match="a step of a script is"):
        Script(step)


def test_at_least_one_step():
    with pytest.raises(ConfigurationError, match="at least one step"):
        Script()
