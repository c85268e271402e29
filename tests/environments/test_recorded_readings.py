"""In recordings of real environments the adapter reads what it read there, where the limits were known."""

from __future__ import annotations

import pytest

from backstay.environments import adapter_for
from tests.environments.recordings import NAMES, expected, recorded

REAL = [name for name in NAMES if expected(name).get("readings")]


def test_there_are_some():
    assert {"docker_container", "cri_pod", "qemu_pc", "qemu_microvm", "qemu_rt"} <= set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_readings_are_what_they_were_inside(name: str):
    wanted = expected(name)
    adapter = adapter_for(wanted["primary"], recorded(name))
    known = {**adapter.get_resource_usage().to_data(), **adapter.get_system_info().to_data()}
    assert {each: known[each]["value"] for each in wanted["readings"]} == wanted["readings"]
