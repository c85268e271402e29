"""What a pod knows of itself, and how services are found."""

from __future__ import annotations

import json
import socket
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from backstay import configuration
from backstay.environments import Recorded, adapter_for
from backstay.environments.bounded import AdapterError
from backstay.environments.cluster import Cluster
from backstay_core.environments.pod import domain, pairs, service_address, service_name
from backstay_core.environments.signals import SERVICE_ACCOUNT
from backstay_core.failure import ConfigurationError
from tests.environments.answers import CGROUP_2, EVERYTHING

POD = {**EVERYTHING, **CGROUP_2, f"{SERVICE_ACCOUNT}/token": "secret-token\n", f"{SERVICE_ACCOUNT}/namespace": "shop"}


class TestDownward:
    def test_all_of_it(self):
        info = adapter_for("kubernetes_pod", Recorded(POD)).get_system_info()
        assert (info.pod_name, info.pod_namespace, info.pod_ip, info.node_name) == (
            *("shop-7d4b", "shop", "10.1.2.3", "node-1"),
        )
        assert info.labels == {"app": "shop", "tier": "front"}
        assert info.annotations == {"note": 'a "quoted" word'}
        assert (info.api_server, info.cluster_domain, info.can_ask_api) == ("10.96.0.1:443", "cluster.local", True)
        assert info.memory_limit == 512 << 20

    def test_without_it_the_service_account_tells_the_namespace(self):
        bare = {name: answer for name, answer in POD.items() if "POD" not in name and "podinfo" not in name}
        info = adapter_for("kubernetes_pod", Recorded(bare)).get_system_info()
        assert info["pod_namespace"].source == f"{SERVICE_ACCOUNT}/namespace"
        assert info["pod_name"].source == "/proc/sys/kernel/hostname"
        assert info.labels is None

    @pytest.mark.parametrize("text", ['a=b"', "a=", 'a="', "a=b"])
    def test_half_written_labels(self, text: str):
        with pytest.raises(ValueError, match="no quoted value"):
            pairs(text)
        info = adapter_for("kubernetes_pod", Recorded({**POD, "/etc/podinfo/labels": text})).get_system_info()
        assert (info.labels, info["labels"].source) == (None, "/etc/podinfo/labels")

    def test_a_token_is_no_reading(self):
        adapter = adapter_for("kubernetes_pod", Recorded(POD))
        shown = json.dumps([adapter.get_system_info().to_data(), adapter.get_resource_usage().to_data()])
        assert "secret-token" not in shown

    def test_limits_and_health_are_the_containers(self):
        usage = adapter_for("kubernetes_pod", Recorded(POD)).get_resource_usage()
        assert usage.memory_usage_percent == 18.75


class TestDiscovery:
    def test_by_variables(self):
        probe = Recorded({"env:MY_DB_SERVICE_HOST": "10.96.7.7", "env:MY_DB_SERVICE_PORT": "5432"})
        assert service_address("my-db", probe) == ("10.96.7.7", 5432)
        assert service_address("other", probe) is None

    @pytest.mark.parametrize("port", ["", "x", "0", "65536", "tcp://10.0.0.1:80"])
    def test_a_port_that_is_none(self, port: str):
        probe = Recorded({"env:DB_SERVICE_HOST": "10.96.7.7", "env:DB_SERVICE_PORT": port})
        assert service_address("db", probe) is None

    def test_by_name(self):
        info = {"pod_namespace": "shop", "cluster_domain": "cluster.local"}
        assert service_name("db", info) == "db.shop.svc.cluster.local"
        assert service_name("db", info, "data") == "db.data.svc.cluster.local"
        assert service_name("db", {}) is None
        assert domain("search example.org\n") is None


SLICES = {
    "items": [
        {
            "ports": [{"name": "http", "port": 8080}],
            "endpoints": [
                {"addresses": ["10.1.0.2"], "conditions": {"ready": True}},
                {"addresses": ["10.1.0.9"], "conditions": {"ready": False}},
                {"addresses": ["10.1.0.1"], "conditions": {}},
            ],
        },
        {"ports": None, "endpoints": None},
    ]
}


class Api:
    """An API server on the loopback that answers what it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, json.dumps(SLICES).encode(), []  # type: ignore[var-annotated]
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked.append((self.path, self.headers.get("Authorization")))
                self.send_response(api.status)
                self.send_header("Content-Length", str(len(api.body)))
                self.end_headers()
                self.wfile.write(api.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def api():
    server = Api()
    yield server
    server.close()


PATIENCE = 60.0  # real seconds after which a test that hangs fails


def cluster_of(answers: dict[str, Any], address: str, timeout: float = PATIENCE) -> Cluster:
    return Cluster(Recorded(answers), address, secure=False, timeout=timeout)


class TestApiServer:
    def test_ready_endpoints(self, api: Api):
        cluster = cluster_of(POD, api.address)
        assert cluster.endpoints("db") == (("10.1.0.1", 8080), ("10.1.0.2", 8080))
        [(path, token)] = api.asked
        assert path == (
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Ddb"
        )
        assert token == "Bearer secret-token"

    def test_a_token_that_was_renewed_is_used(self, api: Api):
        answers: dict[str, Any] = dict(POD)
        cluster = cluster_of(answers, api.address)
        cluster.endpoints("db")
        answers[f"{SERVICE_ACCOUNT}/token"] = "another\n"
        cluster.endpoints("db", "data")
        assert api.asked[1] == (api.asked[0][0].replace("/shop/", "/data/"), "Bearer another")

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(401, "auth"), (403, "permission"), (404, "missing"), (429, "throttle"), (500, "unavailable")],
    )
    def test_what_the_server_refuses(self, api: Api, status: int, kind: str):
        api.status = status
        with pytest.raises(AdapterError, match=f"status {status}") as error:
            cluster_of(POD, api.address).endpoints("db")
        assert error.value.failure.kind == kind
        assert "secret-token" not in str(error.value)

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b"{}", b'{"items": 7}', b'{"items": [7]}', b'{"items": [{"endpoints": [{}]}]}', b"\xff"],
    )
    def test_what_makes_no_sense(self, api: Api, body: bytes):
        api.body = body
        with pytest.raises(AdapterError) as error:
            cluster_of(POD, api.address).endpoints("db")
        assert error.value.failure.kind == "data"

    def test_an_answer_that_drips(self, monkeypatch: pytest.MonkeyPatch):
        """Each byte comes in time, and the whole never."""
        over = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def drip() -> None:
                peer, _ = server.accept()
                with peer:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                    while not over.wait(0.02):
                        try:
                            peer.sendall(b" ")
                        except OSError:
                            return

            thread = threading.Thread(target=drip)
            thread.start()
            cluster = cluster_of(POD, f"127.0.0.1:{server.getsockname()[1]}", timeout=0.2)
            monkeypatch.setattr(cluster, "_connection", lambda: HTTPConnection(cluster.address, timeout=PATIENCE))
            with pytest.raises(AdapterError, match="was not over after") as error:
                cluster.endpoints("db")
            over.set()
            thread.join(PATIENCE)
        assert error.value.failure.kind == "timeout"

    def test_nobody_there(self):
        with socket.socket() as taken:  # and nobody listens
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(AdapterError, match="does not answer") as error:
                cluster_of(POD, f"127.0.0.1:{taken.getsockname()[1]}").endpoints("db")
        assert error.value.failure.kind == "connect"

    def test_a_token_goes_nowhere_without_tls(self):
        with pytest.raises(ConfigurationError, match="over TLS only"):
            Cluster(Recorded(POD), "10.96.0.1:80", secure=False)

    @pytest.mark.parametrize("certificate", [None, "no certificate"])
    def test_without_the_clusters_certificate_nothing_is_asked(self, certificate: str | None):
        answers = dict(POD)
        if certificate:
            answers[f"{SERVICE_ACCOUNT}/ca.crt"] = certificate
        with pytest.raises(AdapterError, match="the cluster's certificate"):
            Cluster(Recorded(answers)).endpoints("db")

    def test_outside_a_cluster(self):
        with pytest.raises(ConfigurationError, match="no API server is known"):
            Cluster(Recorded({}))


def test_a_mounted_configuration_is_taken_over_when_the_kubelet_swaps_it(tmp_path: Any):
    """A ConfigMap is a directory of links through ``..data``, which the kubelet replaces as a whole."""

    def release(number: int, attempts: int) -> None:
        directory = tmp_path / f"..{number}"
        directory.mkdir()
        (directory / "backstay.toml").write_text(f'[[policies.db.strategies]]\nkind = "retry"\nattempts = {attempts}\n')
        (tmp_path / "..data_tmp").symlink_to(directory.name)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    release(1, 3)
    (tmp_path / "backstay.toml").symlink_to("..data/backstay.toml")
    live = configuration.load(tmp_path / "backstay.toml")
    policy: Any = live.policies["db"]
    assert policy.strategies[0].attempts == 3
    reports: list[Any] = []
    watcher = live.watch(3600.0, reports.append)
    try:
        release(2, 5)
        watcher.look()
    finally:
        watcher.stop()
    assert policy.strategies[0].attempts == 5
    assert len(reports) == 1
