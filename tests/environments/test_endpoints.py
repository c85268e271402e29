"""Probe endpoints answer a kubelet, and draining keeps to the grace period."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest

from backstay import Bulkhead, ConcurrencyLimit, Policy, forking
from backstay.environments import HealthLevel, Recorded, RuntimeEnvironmentManager, draining
from backstay.environments.draining import Drain, inside
from backstay.environments.endpoints import MOST_CLIENTS, ProbeEndpoints
from backstay_core.failure import ConfigurationError
from tests.environments.answers import CGROUP_2, EVERYTHING, OWN

PATIENCE = 60  # real seconds after which a test that hangs fails


def get(endpoints: ProbeEndpoints, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoints.port}{path}", timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture
def answers() -> dict[str, Any]:
    return {**EVERYTHING, **CGROUP_2}


@pytest.fixture
def endpoints(answers: dict[str, Any]):
    with (
        RuntimeEnvironmentManager(Recorded(answers), override="kubernetes_pod") as manager,
        ProbeEndpoints(manager, patience=PATIENCE) as served,
    ):
        yield served


def has_ipv6() -> bool:
    """Also where the system knows IPv6, its loopback may have no address of it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return socket.has_dualstack_ipv6()


class TestEndpoints:
    def test_from_start_to_drain(self, endpoints: ProbeEndpoints):
        assert [get(endpoints, path)[0] for path in ("/startupz", "/livez", "/readyz")] == [503, 200, 503]
        endpoints.started()
        assert [get(endpoints, path)[0] for path in ("/startupz", "/livez", "/readyz")] == [200, 200, 200]
        endpoints.draining = True
        assert get(endpoints, "/readyz") == (503, {"status": "failing", "why": ["draining"]})
        assert get(endpoints, "/livez?verbose") == (200, {"status": "ok"})

    def test_full_memory_is_unready_and_no_reason_to_kill(self, endpoints: ProbeEndpoints, answers: dict[str, Any]):
        endpoints.started()
        answers[f"{OWN}/memory.current"] = f"{(512 + 32) << 20}\n"
        status, body = get(endpoints, "/readyz")
        assert (status, body["why"]) == (503, ["memory_usage_percent is 100.0 %, not under 97.0"])
        assert get(endpoints, "/livez")[0] == 200

    def test_the_level_can_be_chosen(self, endpoints: ProbeEndpoints, answers: dict[str, Any]):
        endpoints.started()
        answers[f"{OWN}/memory.current"] = f"{(440 + 32) << 20}\n"  # 86 %: a warning
        assert get(endpoints, "/readyz")[0] == 200
        endpoints.unready_at = HealthLevel.WARNING
        assert get(endpoints, "/readyz")[0] == 503

    @pytest.mark.parametrize(
        ("check", "why"),
        [
            (lambda: False, "db says no"),
            (lambda: 1 / 0, "db raised ZeroDivisionError"),
        ],
    )
    def test_checks_of_the_programs_own(self, endpoints: ProbeEndpoints, check: Any, why: str):
        endpoints.started()
        endpoints.add_liveness("loop", lambda: None)
        endpoints.add_readiness("db", check)
        assert get(endpoints, "/readyz") == (503, {"status": "failing", "why": [why]})
        assert get(endpoints, "/livez")[0] == 200
        endpoints.add_liveness("db", check)
        assert get(endpoints, "/livez") == (503, {"status": "failing", "why": [why]})

    def test_a_check_that_is_not_over_in_time(self, endpoints: ProbeEndpoints):
        leave = threading.Event()
        endpoints.started()
        endpoints.add_readiness("db", leave.wait)
        endpoints.patience = 0.2
        try:
            why = ["db was not over after 0.2 s"]
            assert get(endpoints, "/readyz") == (503, {"status": "failing", "why": why})
            assert get(endpoints, "/livez")[0] == 200
        finally:
            leave.set()

    def test_other_paths(self, endpoints: ProbeEndpoints):
        assert get(endpoints, "/")[0] == 404

    def test_it_listens_on_the_loopback_alone(self, endpoints: ProbeEndpoints):
        assert endpoints._server.server_address[0] == "127.0.0.1"

    def test_a_place_that_is_taken(self, endpoints: ProbeEndpoints):
        for port in (endpoints.port, 99999):
            with pytest.raises(ConfigurationError, match="probes cannot listen"):
                ProbeEndpoints(endpoints.manager, port=port)

    def test_a_check_that_hangs_takes_one_thread_however_often_it_is_asked(self, endpoints: ProbeEndpoints):
        begun: list[int] = []
        entered, leave = threading.Event(), threading.Event()

        def hang() -> None:
            begun.append(1)
            entered.set()
            leave.wait()

        endpoints.add_liveness("stuck", hang)
        endpoints.patience = 0.2
        try:
            for _ in range(3):
                assert endpoints.answer("/livez") == (
                    503,
                    {"status": "failing", "why": ["stuck was not over after 0.2 s"]},
                )
            assert entered.wait(PATIENCE)
            assert begun == [1]
        finally:
            leave.set()
        endpoints.patience = PATIENCE
        assert endpoints.answer("/livez")[0] == 200  # it goes on when the check does

    def test_what_an_exception_says_is_logged_once_and_not_told(
        self, endpoints: ProbeEndpoints, caplog: pytest.LogCaptureFixture
    ):
        def refused() -> None:
            raise ConnectionError("postgres://shop:hush@db")

        endpoints.add_liveness("db", refused)
        for _ in range(2):
            assert get(endpoints, "/livez") == (503, {"status": "failing", "why": ["db raised ConnectionError"]})
        assert [record.name for record in caplog.records if "hush" in record.getMessage()] == ["backstay.environments"]

    def test_clients_that_say_nothing_keep_nobody_out(self, endpoints: ProbeEndpoints):
        """Nor do their threads add up: the oldest is dropped."""
        idle = [socket.create_connection(("127.0.0.1", endpoints.port)) for _ in range(MOST_CLIENTS)]
        try:
            for client in idle:
                client.settimeout(PATIENCE)
                client.sendall(b"GET /livez HTTP/1.1\r\nX: ")
            assert get(endpoints, "/livez")[0] == 200
            try:
                assert idle[0].recv(1) == b""
            except ConnectionResetError:
                pass  # it was sent away before what it had said was read
            assert len(endpoints._server._clients) <= MOST_CLIENTS
        finally:
            for client in idle:
                client.close()

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
            (b"GET /livez HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
            (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", b"404"),
            (b"GET /livez/../readyz HTTP/1.1\r\n\r\n", b"404"),
            (b"POST /livez HTTP/1.1\r\n\r\n", b"501"),
            (b"\xff\x00 nonsense\r\n\r\n", b"400"),
        ],
    )
    def test_requests_that_no_kubelet_makes(
        self, endpoints: ProbeEndpoints, request_: bytes, status: bytes, capfd: pytest.CaptureFixture[str]
    ):
        answer = b""
        with socket.create_connection(("127.0.0.1", endpoints.port), timeout=PATIENCE) as client:
            try:
                client.sendall(request_)
                while piece := client.recv(1 << 16):
                    answer += piece
            except ConnectionError:
                pass  # it answered, and closed before all had been sent
        assert status in answer.partition(b"\r\n")[0] + answer[:400]
        assert b"Python" not in answer
        assert capfd.readouterr() == ("", "")
        assert get(endpoints, "/livez")[0] == 200

    @pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6")
    @pytest.mark.parametrize(("host", "asked"), [("::1", ["::1"]), ("", ["::1", "127.0.0.1"])])
    def test_a_cluster_of_ipv6(self, endpoints: ProbeEndpoints, host: str, asked: list[str]):
        with ProbeEndpoints(endpoints.manager, host) as served:
            for address in asked:
                with socket.create_connection((address, served.port), timeout=PATIENCE) as client:
                    client.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
                    assert b" 200 " in client.makefile("rb").readline()

    def test_nobody_is_asked_for_its_name(self, endpoints: ProbeEndpoints, monkeypatch: pytest.MonkeyPatch):
        """A resolver that is down would make the start wait."""
        monkeypatch.setattr(socket, "getfqdn", None)
        ProbeEndpoints(endpoints.manager).close()

    def test_closing_again_is_no_harm(self, endpoints: ProbeEndpoints):
        endpoints.close()
        endpoints.close()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals")
class TestDrain:
    @pytest.fixture(autouse=True)
    def _alone(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Calls that other tests have left inside their policies are not waited for."""
        everything, others = forking.policies, list(forking.policies())
        mine = lambda: [one for one in everything() if not any(one is other for other in others)]  # noqa: E731
        monkeypatch.setattr(forking, "policies", mine)
        return (yield)

    def drain(self, **options: Any) -> Drain:
        return Drain(signum=signal.SIGUSR1, **{"settle": 0.0, "then": lambda: None, **options})

    def test_unready_first_then_the_steps_then_the_calls(self, endpoints: ProbeEndpoints):
        endpoints.started()
        policy = Policy("work", Bulkhead(2))
        entered, leave = threading.Event(), threading.Event()
        order: list[str] = []

        def work() -> None:
            entered.set()
            leave.wait()
            order.append("call")

        ended = threading.Event()
        drain = self.drain(endpoints=endpoints, then=ended.set, grace=2.0 * PATIENCE)
        try:
            drain.register("stop accepting", lambda: order.append(f"step, ready {endpoints.answer('/readyz')[0]}"))
            drain.register("flush", leave.set)
            worker = threading.Thread(target=policy.call, args=(work,))
            worker.start()
            assert entered.wait(PATIENCE)
            assert inside() >= 1
            os.kill(os.getpid(), signal.SIGUSR1)
            assert drain.wait(PATIENCE)
            assert ended.wait(PATIENCE)
            worker.join(PATIENCE)
        finally:
            drain.remove()
        assert order == ["step, ready 503", "call"]
        assert drain.report == ["stop accepting: done", "flush: done", "no call is inside"]

    def test_calls_inside_any_gate_with_places_count(self):
        tenants = Policy("tenants", Bulkhead(2)).keyed(lambda tenant: tenant)
        before = inside()
        assert tenants.call(lambda tenant: inside(), "a") == before + 1
        assert Policy("adaptive", ConcurrencyLimit()).call(inside) == before + 1
        assert inside() == before

    def test_the_time_is_bounded(self, monkeypatch: pytest.MonkeyPatch):
        clock = chain((0.0, 0.0), repeat(0.2))  # as it begins, before the first step, and after
        monkeypatch.setattr(draining, "monotonic", lambda: next(clock))
        policy = Policy("stuck", Bulkhead(1))
        entered, leave = threading.Event(), threading.Event()

        def work() -> None:
            entered.set()
            leave.wait()

        drain = self.drain(grace=0.4, reserve=0.2)
        try:
            drain.register("hangs", leave.wait)
            drain.register("late", lambda: None)
            worker = threading.Thread(target=policy.call, args=(work,))
            worker.start()
            assert entered.wait(PATIENCE)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert drain.wait(PATIENCE)
        finally:
            drain.remove()
            leave.set()
        worker.join(PATIENCE)
        assert "hangs: hangs was not over after" in drain.report[0]
        assert drain.report[1] == "late: not begun, the time is up"
        assert drain.report[2].endswith("still inside")

    def test_a_second_signal_ends_the_wait(self):
        """Neither the time to settle nor a call that is still inside holds it up any more."""
        policy = Policy("stuck", Bulkhead(1))
        entered, leave = threading.Event(), threading.Event()

        def work() -> None:
            entered.set()
            leave.wait()

        drain = self.drain(grace=1000.0, settle=900.0)
        worker = threading.Thread(target=policy.call, args=(work,))
        worker.start()
        try:
            assert entered.wait(PATIENCE)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not drain.wait(0)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert drain.wait(PATIENCE)
        finally:
            drain.remove()
            leave.set()
            worker.join(PATIENCE)
        assert drain.report[-1].endswith("still inside")

    def test_a_step_that_raises_does_not_stop_the_others(self):
        done: list[int] = []
        drain = self.drain()
        try:
            drain.register("broken", lambda: 1 / 0)
            drain.register("good", lambda: done.append(1))
            os.kill(os.getpid(), signal.SIGUSR1)
            assert drain.wait(PATIENCE)
        finally:
            drain.remove()
        assert done == [1]
        assert "ZeroDivisionError" in drain.report[0]

    def test_the_handler_of_before_is_put_back(self):
        before = signal.getsignal(signal.SIGUSR1)
        drain = self.drain()
        assert signal.getsignal(signal.SIGUSR1) != before
        drain.remove()
        assert signal.getsignal(signal.SIGUSR1) == before

    @pytest.mark.parametrize(
        "options", [{"grace": -1}, {"grace": "x"}, {"grace": True}, {"grace": 1.0, "settle": 5.0}, {"signum": 9999}]
    )
    def test_what_makes_no_sense(self, options: dict[str, Any]):
        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(ConfigurationError, match="Drain"):
            Drain(**options)
        assert signal.getsignal(signal.SIGTERM) == before


PROGRAM = """
import os, signal, sys, threading
from backstay.environments.draining import Drain

if sys.argv[1] == "handler":
    signal.signal(signal.SIGTERM, lambda *_: (print("handler of before", flush=True), os._exit(7)))
drain = Drain(grace=20.0, settle=0.0)
drain.register("flush", lambda: print("flushed", flush=True))
print("ready", flush=True)
while True:
    threading.Event().wait(0.05)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize(
    ("before", "said", "code"), [("none", "", -signal.SIGTERM), ("handler", "handler of before\n", 7)]
)
def test_a_process_ends_as_it_would_have(before: str, said: str, code: int):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, before], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert out == "flushed\n" + said
    assert process.returncode == code
