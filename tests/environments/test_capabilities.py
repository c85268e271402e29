"""The declared matrix is the one of the design, row for row."""

from __future__ import annotations

import pytest

from backstay.environments import EnvironmentCapabilities, RuntimeEnvironment, declared
from backstay_core.environments.capabilities import ADVANCED, BASIC, CAPABILITIES, COLUMNS, SHORT
from backstay_core.failure import ConfigurationError

#  columns OS, Emb, RTOS, Game, Mob, VM, µVM, Cont, K8s, WASM, FaaS, Edge, Chain
DESIGN = """
multiprocessing    1001111110010  process_management 1001111110010
multithreading     1011111111111  system_calls       1011111110010
file_system        1011111111011  interrupts         1111111000010
network            1011111111111  timers             1111111111111
memory_management  1111111111111
logging            1111111111111  snapshots          0000011110000
metrics            1111111111111  live_migration     0000011110000
health_checks      1111111111111  resource_limits    0111111111111
auto_recovery      1111111111111  service_discovery  0000000010000
chaos_engineering  1001011110000  config_management  0000000010000
"""
ROWS = dict(zip(DESIGN.split()[::2], DESIGN.split()[1::2], strict=True))


def test_names_are_those_of_the_specification():
    assert {environment.value for environment in RuntimeEnvironment} == {
        *("operating_system", "embedded_bare_metal", "real_time_os", "game_engine", "mobile", "virtual_machine"),
        *("micro_vm", "container", "kubernetes_pod", "webassembly", "function_as_a_service", "edge_computing"),
        "blockchain",
    }


@pytest.mark.parametrize("name", ROWS)
def test_a_row_is_the_designs(name: str):
    assert "".join(str(int(getattr(declared(column), name))) for column in COLUMNS) == ROWS[name]


def test_no_row_or_column_is_missing():
    assert set(ROWS) == set(CAPABILITIES) == set(BASIC) | set(ADVANCED)
    assert len(COLUMNS) == len(SHORT) == len(set(COLUMNS)) == 13


def test_capabilities_are_values():
    one = EnvironmentCapabilities(network=True)
    assert one == EnvironmentCapabilities(network=True)
    assert one.replace(timers=True).differences(one) == ("timers",)
    assert eval(repr(one)) == one
    with pytest.raises(AttributeError, match="immutable"):
        one.network = False
    with pytest.raises(ConfigurationError, match="did you mean 'network'"):
        EnvironmentCapabilities(netwrk=True)
