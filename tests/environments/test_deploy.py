"""What examples/deploy has: the service runs and drains, and what starts it is right and of one mind."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
POD = list(yaml.safe_load_all((DEPLOY / "pod.yaml").read_text("utf-8")))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
RUN = (DEPLOY / "docker-run.sh").read_text("utf-8")


class Unit(configparser.RawConfigParser):
    """A unit file; keys may be there more than once."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, comment_prefixes=("#",), inline_comment_prefixes=None)
        self.read_string(path.read_text("utf-8"))

    def optionxform(self, optionstr: str) -> str:
        return optionstr


UNIT = Unit(DEPLOY / "service.service")
SERVICE = dict(UNIT["Service"])
TEXT = (DEPLOY / "service.service").read_text("utf-8")
VARIABLES = dict(re.findall(r"^Environment=(\w+)=(\S+)$", TEXT, re.MULTILINE))
[DEPLOYMENT] = [each for each in POD if each["kind"] == "Deployment"]
TEMPLATE: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
[CONTAINER] = TEMPLATE["containers"]
ENVIRONMENT = {each["name"]: each.get("value") for each in CONTAINER["env"]}


@pytest.mark.skipif(not hasattr(signal, "SIGTERM") or sys.platform == "win32", reason="needs signals")
def test_the_service_answers_probes_and_drains():
    process = subprocess.Popen(
        [sys.executable, str(DEPLOY / "service.py")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"GRACE_SECONDS": "18", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        for path in ("/startupz", "/livez", "/readyz"):
            with urllib.request.urlopen(f"http://127.0.0.1:{said['probes']}{path}", timeout=60) as answer:
                assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, log
    assert "drained: cache: done; no call is inside" in log


class TestUnit:
    def test_the_drain_ends_before_systemd_kills(self):
        assert float(VARIABLES["GRACE_SECONDS"]) <= float(SERVICE["TimeoutStopSec"])
        assert SERVICE["KillSignal"] == "SIGTERM"
        assert SERVICE["Restart"] == "always"

    def test_limits_and_the_log(self):
        assert {"MemoryMax", "CPUQuota", "TasksMax", "LogRateLimitBurst"} <= SERVICE.keys()
        assert {"SystemMaxUse", "MaxRetentionSec"} <= dict(Unit(DEPLOY / "journald.conf")["Journal"]).keys()

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
    def test_systemd_finds_nothing_wrong(self, tmp_path: Path):
        unit = tmp_path / "service.service"
        text = (DEPLOY / "service.service").read_text("utf-8")
        unit.write_text(text.replace("/opt/service/.venv/bin/python", sys.executable))
        done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
        assert "service.service" not in done.stderr, done.stderr


class TestImage:
    def test_hadolint_finds_nothing_wrong(self):
        hadolint = Path(sys.executable).with_name("hadolint")
        if not hadolint.exists():
            pytest.skip("hadolint has no binary for this system")
        done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")

    def test_two_stages_no_root_a_health_check(self):
        assert DOCKERFILE.count("FROM ") == 2
        assert re.search(r"^USER \d+$", DOCKERFILE, re.MULTILINE)
        assert "/readyz" in DOCKERFILE.partition("HEALTHCHECK")[2]

    def test_its_health_check_is_a_command_that_fails_where_nobody_answers(self):
        [command] = re.findall(r"CMD (\[.*\])", DOCKERFILE)
        arguments = json.loads(command)
        assert "127.0.0.1:8086" in arguments[2]
        done = subprocess.run([sys.executable, "-c", arguments[2].replace("8086", "1")], capture_output=True)
        assert done.returncode != 0

    def test_the_drain_ends_before_the_engine_kills(self):
        [grace] = re.findall(r"GRACE_SECONDS=(\d+)", DOCKERFILE)
        [stop] = re.findall(r"--stop-timeout (\d+)", RUN)
        assert int(grace) < int(stop)

    def test_limits_and_the_log(self):
        for option in ("--memory ", "--cpus ", "--pids-limit ", "max-size=", "max-file=", "--init"):
            assert option in RUN
        assert subprocess.run(["sh", "-n", DEPLOY / "docker-run.sh"]).returncode == 0


class TestPod:
    @pytest.mark.parametrize("resource", POD, ids=lambda each: each["kind"])
    def test_kubernetes_schema_allows_it(self, resource: dict[str, Any]):
        validation = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
        version = validation.latest_version()
        validation.validate(resource, version, strict=True)
        with pytest.raises(validation.ValidationError):
            validation.validate({**resource, "mistake": {}}, version, strict=True)

    def test_the_drain_ends_before_the_kubelet_kills(self):
        assert float(ENVIRONMENT["GRACE_SECONDS"] or 0) < TEMPLATE["terminationGracePeriodSeconds"]

    def test_probes_ask_where_the_service_answers(self):
        [port] = [each["containerPort"] for each in CONTAINER["ports"] if each["name"] == "probes"]
        assert str(port) == ENVIRONMENT["PROBE_PORT"]
        assert ENVIRONMENT["HOST"] == "0.0.0.0"
        for probe, path in (("startup", "/startupz"), ("liveness", "/livez"), ("readiness", "/readyz")):
            assert CONTAINER[f"{probe}Probe"]["httpGet"] == {"path": path, "port": "probes"}

    def test_the_downward_api_gives_what_the_adapter_reads(self):
        from backstay_core.environments.pod import PODINFO
        from backstay_core.environments.questions import questions

        asked = set(questions())
        assert {f"env:{name}" for name in ENVIRONMENT if name.startswith(("POD_", "NODE_", "SERVICE_"))} <= asked
        [mount] = [each for each in CONTAINER["volumeMounts"] if each["name"] == "podinfo"]
        assert mount["mountPath"] == PODINFO
        [volume] = [each for each in TEMPLATE["volumes"] if each["name"] == "podinfo"]
        for item in volume["downwardAPI"]["items"]:
            assert f"{PODINFO}/{item['path']}" in asked

    def test_the_role_is_what_asking_for_endpoints_needs(self):
        [role] = [each for each in POD if each["kind"] == "Role"]
        [rule] = role["rules"]
        assert (rule["apiGroups"], rule["resources"]) == (["discovery.k8s.io"], ["endpointslices"])
        assert "list" in rule["verbs"]

    def test_the_mounted_configuration_is_right(self):
        from backstay import configuration

        [config] = [each for each in POD if each["kind"] == "ConfigMap"]
        import tomllib

        configuration.from_data(tomllib.loads(config["data"]["backstay.toml"]))
