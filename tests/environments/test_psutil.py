"""Where there is no /proc, psutil is asked; here its answers are compared with what /proc says."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from backstay.environments import Reading, SystemProbe, adapter_for
from backstay.environments.psutil_answers import ANSWERS, ask

pytest.importorskip("psutil", reason="the extra `monitor` is not installed")


class Elsewhere:
    """This system, as it would be asked if it had no /proc."""

    def __init__(self) -> None:
        self.system = SystemProbe()

    def __call__(self, question: str) -> Reading[Any]:
        kind, _, rest = question.partition(":")
        if kind == "psutil":
            try:
                return Reading(ask(rest), question)
            except ValueError as error:
                return Reading(None, question, str(error))
        if "/proc" in question or "/sys" in question:
            return Reading(None, question, "not there")
        return self.system(question)


@pytest.mark.skipif(sys.platform != "linux", reason="compares with /proc")
def test_both_see_the_same_machine():
    here, elsewhere = (adapter_for("operating_system", probe) for probe in (SystemProbe(), Elsewhere()))
    for adapter in (here, elsewhere):
        adapter.initialize()
    known, other = here.get_system_info(), elsewhere.get_system_info()
    assert known.total_memory == other.total_memory
    assert other["total_memory"].source == "psutil:virtual_memory"
    assert abs(known.uptime - other.uptime) < 60
    usage = elsewhere.get_resource_usage()
    for name in ("memory_usage_bytes", "memory_usage_percent", "network_rx_bytes", "process_count", "load"):
        assert usage[name].value is not None, usage[name]
        assert usage[name].source.startswith("psutil:")


def test_a_battery_that_is_not_there_is_none():
    import psutil

    if psutil.sensors_battery() is None:
        with pytest.raises(ValueError, match="psutil"):
            ask("battery")


def test_what_is_not_known(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="nobody asks"):
        ask("weather")
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(ValueError, match=r"backstay\[monitor\]"):
        ask(next(iter(ANSWERS)))
