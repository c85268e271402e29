"""Every signal and every veto matters: it holds somewhere, it holds not on an ordinary server, and it changes what is
found."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.environments import Recorded, RuntimeEnvironment
from backstay_core.environments import detection
from backstay_core.environments.signals import SIGNALS, Signal, Veto
from tests.environments.recordings import NAMES, data_of, recorded

ORDINARY = "metal_debian"
#  for signals that no recording has: answers with which they hold
MORE: list[dict[str, Any]] = [
    {"fact:system": "QNX"},
    {"env:ANDROID_ARGUMENT": "/data"},
    {"env:FC_FUNCTION_NAME": "f", "env:FC_FUNCTION_HANDLER": "h", "env:FN_FN_ID": "1"},
    {"env:__OW_ACTION_NAME": "a", "env:VERCEL": "1", "env:VERCEL_REGION": "arn1"},
    {"env:FUNCTION_TARGET": "f"},
    {"env:IOTEDGE_DEVICEID": "d", "env:IOTEDGE_MODULEID": "m", "env:IOTEDGE_GATEWAYHOSTNAME": "g"},
    {"env:EDGEX_SECURITY_SECRET_STORE": "true"},
    {"env:container": "podman", "exists:/run/.containerenv": True, "/run/systemd/container": "lxc\n"},
    {"/proc/self/cgroup": "0::/docker/0123456789abcdef\n"},
    {"/proc/self/mountinfo": "1 2 0:3 /var/lib/kubelet/pods/x/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"},
    {"names:/sys/bus/acpi/devices": ["LNRO0005:00"], "exists:/sys/class/dmi/id": False},
    {"/proc/device-tree/compatible": "linux,dummy-virt\x00"},
]


def holds(signal: Signal, probe: Recorded) -> bool:
    return bool(signal.test(*[probe(question).value for question in signal.questions]))


def worlds() -> list[Recorded]:
    return [recorded(name) for name in NAMES] + [recorded(ORDINARY, **answers) for answers in MORE]


WORLDS = worlds()
NAMED = [pytest.param(signal, id=f"{signal.environment}-{signal.says[:40]}-{i}") for i, signal in enumerate(SIGNALS)]


@pytest.mark.parametrize("signal", NAMED)
def test_it_holds_somewhere_and_not_everywhere(signal: Signal):
    assert any(holds(signal, world) for world in WORLDS), "no recording has it"
    if signal.environment is not RuntimeEnvironment.OPERATING_SYSTEM and "host's pid namespace" not in signal.says:
        assert not holds(signal, recorded(ORDINARY))


@pytest.mark.parametrize("signal", NAMED)
def test_without_it_something_else_is_found(signal: Signal, monkeypatch: pytest.MonkeyPatch):
    before = [considered(world, signal.environment) for world in WORLDS]
    monkeypatch.setattr(detection, "SIGNALS", tuple(other for other in SIGNALS if other is not signal))
    after = [considered(world, signal.environment) for world in WORLDS]
    assert before != after
    if isinstance(signal, Veto):
        assert any(new[0] > old[0] for old, new in zip(before, after, strict=True)), "it rules nothing out"


def considered(world: Recorded, environment: RuntimeEnvironment) -> tuple[float, tuple[str, ...]]:
    found = detection.detect(world)
    for layer in found.layers + found.ruled_out:
        if layer.environment is environment:
            return layer.confidence, layer.evidence
    return 0.0, ()


def test_each_question_is_asked_once():
    asked: list[str] = []
    world = recorded("kata_pod")

    def probe(question: str):
        asked.append(question)
        return world(question)

    detection.detect(probe)
    assert len(asked) == len(set(asked)) < 80


def test_recordings_say_nothing_of_this_machine():
    for name in NAMES:
        text = str(data_of(name))
        assert "/work" not in text
        assert "/tmp/" not in text
