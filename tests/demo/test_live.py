"""The demo over real sockets. Nothing here depends on how long anything takes."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backstay.demo import report, virtual
from backstay.demo.client import BadAnswer, answer_to, get
from backstay.demo.scenario import QUICK, Phase, Scenario
from backstay.demo.server import Server
from backstay.demo.upstream import Upstream

LONG_AGO = 1e6  # seconds: all phases are over at once


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 300))


def shape(value: object) -> object:
    """The structure of JSON: its names and the types of its values; a list has its first item's."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def test_the_demo_runs_and_prints_json():
    command = [sys.executable, "-W", "error", "-m", "backstay", "demo", "--json", "--quick", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    expected = report.to_data(virtual.run(QUICK, 1)) | {"component": None}
    assert data["verdict"] in ("kept", "not judged")
    assert list(data) == list(expected)
    for name in ("schema", "seed", "rate_per_second", "patience_ms"):
        assert data[name] == expected[name]
    assert data["virtual"] is False
    assert data["recovery_ms"].keys() == expected["recovery_ms"].keys()
    assert [promise["name"] for promise in data["promises"]] == ["goodput", "load", "recovery"]
    for phase, planned in zip(data["phases"], expected["phases"], strict=True):
        assert shape(phase) == shape(planned)
        assert phase["requests"] == planned["requests"] > 0  # the load is the same whatever the machine does
        for side in ("unprotected", "policy"):
            assert sum(phase[side][got] for got in ("useful", "fallbacks", "failed")) == phase["requests"]
    for side in ("unprotected", "policy"):
        assert sum(phase[side]["reached"] for phase in data["phases"]) > 0
        assert sum(phase[side]["useful"] for phase in data["phases"]) > 0 or data["verdict"] == "not judged"


@asynccontextmanager
async def serving(*phases: Phase) -> AsyncIterator[Server]:
    """A server that has gone through these phases and is in the last one."""
    server = Server(Upstream(Scenario(phases=phases), 1))
    try:
        await server.run(asyncio.get_running_loop().time() - LONG_AGO)
        yield server
    finally:
        await server.close()


HEALTHY, DOWN, FAILING = Phase("healthy", 1), Phase("down", 1, listens=False), Phase("failing", 1, errors=100)


def test_a_healthy_server_answers():
    async def main() -> None:
        async with serving(HEALTHY) as server:
            assert await get(server.port, 7) == answer_to(7)
            assert server.upstream.reached == [1]

    run(main())


def test_a_failing_server_answers_503():
    async def main() -> None:
        async with serving(FAILING) as server:
            with pytest.raises(BadAnswer, match="HTTP 503") as caught:
                await get(server.port, 7)
            assert caught.value.failure.kind == "unavailable"

    run(main())


def test_a_server_that_is_down_refuses_connections_and_keeps_its_port():
    async def main() -> None:
        async with serving(HEALTHY, DOWN) as server:
            with pytest.raises(ConnectionRefusedError):
                await get(server.port, 7)
        async with serving(HEALTHY, DOWN, HEALTHY) as server:
            assert await get(server.port, 7) == answer_to(7)

    run(main())


def test_a_hanging_server_takes_requests_in_and_does_not_answer():
    async def main() -> None:
        server = Server(Upstream(Scenario(phases=(Phase("hanging", 1_000_000, answers=False), HEALTHY)), 1))
        going = asyncio.ensure_future(server.run(asyncio.get_running_loop().time()))
        asking = asyncio.ensure_future(get(server.port, 7))
        try:
            while not server.upstream.reached[0]:
                assert not asking.done() or isinstance(asking.exception(), ConnectionRefusedError)
                if asking.done():  # it asked before the server listened
                    asking = asyncio.ensure_future(get(server.port, 7))
                await asyncio.sleep(0)
            assert not asking.done()
        finally:
            going.cancel()
            asking.cancel()
            await server.close()
            await asyncio.gather(going, asking, return_exceptions=True)

    run(main())


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", b"GET\r\n\r\n", b"GET /x HTTP/1.1\r\n\r\n", b"\xff\x00\r\n\r\n", b"x" * 100_000 + b"\r\n\r\n"],
    ids=["nothing", "half a line", "no path", "no number", "bytes", "too long"],
)
def test_a_stranger_gets_no_answer_and_does_no_harm(sent: bytes):
    async def main() -> None:
        async with serving(HEALTHY) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(sent)
            writer.write_eof()
            try:
                assert await reader.read() == b""
            except ConnectionError:
                pass  # what it sent was not read to its end
            writer.close()
            assert server.upstream.reached == [0]
            assert await get(server.port, 7) == answer_to(7)

    run(main())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", ConnectionResetError),
        (b"HTTP/1.1 200 OK\r\n\r\nanswer 8", BadAnswer),
        (b"HTTP/1.1 200 OK\r\n\r\n", BadAnswer),
        (b"nonsense", BadAnswer),
        (b"\xff\xff \xff", BadAnswer),
    ],
    ids=["nothing", "another one", "empty", "no status", "bytes"],
)
def test_the_client_takes_only_the_right_answer(answer: bytes, error: type[Exception]):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            with pytest.raises(error):
                await get(server.sockets[0].getsockname()[1], 7)
        finally:
            server.close()

    run(main())


def test_an_interrupt_ends_the_live_demo_with_one_line():
    """A real signal, sent from inside once the load runs."""
    code = """
import os, signal, sys
from backstay.demo import live

async def interrupt(run):
    os.kill(os.getpid(), signal.SIGINT)

live.watch = interrupt
from backstay.cli import main
sys.exit(main(["demo"]))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("", "backstay: interrupted\n", 130)


def test_nothing_is_left_listening():
    async def main() -> None:
        async with serving(HEALTHY) as server:
            port = server.port
        with pytest.raises(ConnectionRefusedError):
            await get(port, 7)

    run(main())


pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and refused connections without delay")
