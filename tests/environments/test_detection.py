"""Where a program runs: decided right in every recorded environment, and in this one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backstay.environments import RuntimeEnvironment, SystemProbe, detect
from backstay_core.environments.signals import INITIAL_PID_NAMESPACE, PID_NAMESPACE
from backstay_core.failure import ConfigurationError
from tests.dialect.test_import_budget import imported
from tests.environments.recordings import NAMES, data_of, expected, recorded


@pytest.mark.parametrize("name", NAMES)
def test_decides_right(name: str):
    found = detect(recorded(name))
    wanted = expected(name)
    assert {"primary": found.primary, "layers": list(found.environments)} == {
        "primary": wanted["primary"],
        "layers": wanted["layers"],
    }


def test_all_environments_are_decided_by_some_recording():
    assert {expected(name)["primary"] for name in NAMES} == set(RuntimeEnvironment)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_says_where_it_is_from(name: str):
    data = data_of(name)
    assert data["about"]
    assert data["origin"] == "captured" or (data["origin"] == "documented" and data["sources"])


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_has_its_evidence(name: str):
    found = detect(recorded(name))
    json.dumps(found.to_data())
    for layer in found.layers:
        assert 0.5 <= layer.confidence <= 1
        assert layer.evidence
        assert not layer.against


def test_a_stale_marker_is_no_container():
    found = detect(recorded("firecracker_host"))
    [container] = [layer for layer in found.ruled_out if layer.environment is RuntimeEnvironment.CONTAINER]
    assert "docker's marker" in container.evidence[0]
    assert "stale" in container.against[0]


def test_the_pid_namespace_decides():
    """The same machine in a pid namespace of its own is a container."""
    inside = recorded("firecracker_host", **{PID_NAMESPACE: "pid:[4026532201]"})
    assert detect(inside).primary is RuntimeEnvironment.CONTAINER
    assert detect(recorded("firecracker_host", **{PID_NAMESPACE: INITIAL_PID_NAMESPACE})).primary == "micro_vm"


@pytest.mark.parametrize(
    ("name", "changes", "primary"),
    [
        ("firecracker_host", {"fact:version": "#1 SMP PREEMPT_DYNAMIC PREEMPT_RT"}, "real_time_os"),
        (
            "linux_rt_metal",
            {"/sys/kernel/realtime": "0\n", "fact:version": "#1 SMP PREEMPT_DYNAMIC"},
            "operating_system",
        ),
        ("metal_debian", {"env:AWS_EXECUTION_ENV": "AWS_Lambda_python3.12"}, "operating_system"),
        ("metal_debian", {"env:AWS_LAMBDA_FUNCTION_NAME": "f"}, "operating_system"),
        ("aws_lambda", {"env:AWS_LAMBDA_RUNTIME_API": ""}, "function_as_a_service"),
        ("aws_lambda", {"env:AWS_LAMBDA_RUNTIME_API": "", "env:AWS_EXECUTION_ENV": ""}, "micro_vm"),
        ("ec2", {"/sys/class/dmi/id/product_name": "m5.metal", "head:/proc/cpuinfo": ""}, "operating_system"),
        ("firecracker_host", {"exists:/sys/class/dmi/id": True}, "micro_vm"),  # the firmware says Firecracker
        ("metal_debian", {"/proc/cmdline": "kata_containers.config=x"}, "operating_system"),
        ("pygame_desktop", {"fact:game_engine": ""}, "operating_system"),
    ],
)
def test_what_tips_the_scales(name: str, changes: dict[str, Any], primary: str):
    assert detect(recorded(name, **changes)).primary == primary


def test_without_any_answer_it_is_an_operating_system_with_no_certainty():
    found = detect(lambda question: recorded("windows")("nothing of that"))
    assert found.primary is RuntimeEnvironment.OPERATING_SYSTEM
    assert [(layer.confidence, layer.evidence) for layer in found.layers] == [(0.0, ("nothing else was recognised",))]


class TestOverride:
    def test_who_says_so_is_believed(self):
        found = detect(recorded("metal_debian"), "container")
        assert found.primary is RuntimeEnvironment.CONTAINER
        assert found.layers[0].evidence == ("the caller says so",)
        assert found.environments[1:] == (RuntimeEnvironment.OPERATING_SYSTEM,)

    def test_the_variable_does_the_same(self):
        probe = recorded("metal_debian", **{"env:BACKSTAY_ENVIRONMENT": "edge_computing"})
        assert detect(probe).primary is RuntimeEnvironment.EDGE_COMPUTING
        assert detect(probe, "mobile").primary is RuntimeEnvironment.MOBILE

    @pytest.mark.parametrize(
        ("value", "hint"), [("micro_v", "did you mean 'micro_vm'?"), ("moon", "there are"), ("x" * 1000, "there are")]
    )
    def test_a_wrong_one_is_refused(self, value: str, hint: str):
        probe = recorded("metal_debian", **{"env:BACKSTAY_ENVIRONMENT": value})
        with pytest.raises(ConfigurationError, match="BACKSTAY_ENVIRONMENT: no runtime environment") as error:
            detect(probe)
        assert hint in str(error.value)
        assert len(str(error.value)) < 600

    def test_an_empty_one_is_none(self):
        assert detect(recorded("metal_debian", **{"env:BACKSTAY_ENVIRONMENT": ""})).primary == "operating_system"

    def test_what_is_not_allowed_is_no_primary(self):
        found = detect(recorded("kata_pod"), not_allowed=[RuntimeEnvironment.KUBERNETES_POD])
        assert found.primary is RuntimeEnvironment.CONTAINER
        assert found.environments[0] is RuntimeEnvironment.KUBERNETES_POD


def test_import_backstay_loads_nothing_of_it():
    _, added = imported("backstay")
    assert not [name for name in added if "environments" in name]


def test_this_machine_is_decided_without_a_process(monkeypatch: pytest.MonkeyPatch):
    import os
    import subprocess

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("detection starts no process")

    for module, name in ((subprocess, "Popen"), (os, "system"), (os, "fork"), (os, "posix_spawn"), (os, "popen")):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, refuse)
    found = detect(SystemProbe(environ={}))
    assert found.layers
    assert found.primary in found.environments
