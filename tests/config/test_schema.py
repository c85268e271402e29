"""The tables of the schema are those of the code."""

import inspect

import pytest

from backstay_core.config.rows import BUDGET_ROWS, TYPES, defaults_of, rows_of
from backstay_core.config.tables import ENVIRONMENTS, shareable
from backstay_core.options import CHECKS
from backstay_core.policy import STRATEGIES
from backstay_core.strategies.budget import Budget

#  as the specification names them
RUNTIME_ENVIRONMENTS = (
    "operating_system", "embedded_bare_metal", "real_time_os", "game_engine", "mobile", "virtual_machine", "micro_vm",
    "container", "kubernetes_pod", "webassembly", "function_as_a_service", "edge_computing", "blockchain",
)  # fmt: skip


@pytest.mark.parametrize("cls", [*STRATEGIES.values(), Budget])
def test_rows_are_the_signature(cls):
    parameters = list(inspect.signature(cls).parameters.values())
    rows = rows_of(cls)
    assert [row.name for row in rows] == [parameter.name for parameter in parameters]
    for row, parameter in zip(rows, parameters, strict=True):
        assert row.required == (parameter.default is inspect.Parameter.empty)
        assert row.default == (None if row.required else parameter.default)
        assert row.doc
        assert row.type in TYPES
        assert row.field.type in CHECKS
    assert defaults_of(cls).keys() == {row.name for row in rows if not row.required}


@pytest.mark.parametrize("cls", [*STRATEGIES.values(), Budget])
def test_defaults_keep_their_own_bounds(cls):
    for row in rows_of(cls):
        if row.default is not None:
            cls.CHECKS[row.field.type]("", row.field, row.default)


def test_environments_are_the_thirteen():
    assert tuple(table.environment for table in ENVIRONMENTS) == RUNTIME_ENVIRONMENTS
    assert len({table.key for table in ENVIRONMENTS}) == len(ENVIRONMENTS)
    keys = {table.key: [row.name for row in table.rows] for table in ENVIRONMENTS}
    assert keys["os"] == ["enabled", "monitor_processes", "monitor_network"]
    assert keys["embedded"] == ["enabled", "total_memory", "total_cpu_cores"]
    assert keys["container"] == ["enabled", "monitor_resource_limits"]


@pytest.mark.parametrize("table", ENVIRONMENTS, ids=lambda table: table.key)
def test_rows_of_environments(table):
    for row in table.rows:
        assert not row.required
        assert row.doc
        assert (row.default is None) == row.field.optional
        if row.default is not None:
            CHECKS[row.field.type]("", row.field, row.default)


def test_units():
    units = {row.name: row.unit for table in ENVIRONMENTS for row in table.rows}
    assert (units["total_memory"], units["tick"], units["enabled"]) == ("bytes", "s", "")
    assert {row.name: row.unit for row in rows_of(STRATEGIES["timeout"])} == {"seconds": "s"}


def test_what_can_be_shared():
    assert sorted(shareable(STRATEGIES)) == [
        *("budget", "bulkhead", "circuit_breaker", "concurrency_limit", "rate_limit", "throttle"),
    ]


def test_expectations_in_words():
    words = {row.name: row.expects() for row in rows_of(STRATEGIES["retry"])}
    assert words["attempts"] == "a whole number, 1 to 1000000"
    assert words["base"] == "seconds, at least 0"
    assert words["backoff"] == "one of full_jitter, exponential, constant, linear, decorrelated"
    assert words["idempotent"] == "true or false"
    assert {row.name: row.expects() for row in BUDGET_ROWS}["ratio"] == "a number, 0 to 1"
