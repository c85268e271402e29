"""Defaults that fit the environment, only where the user set nothing."""

from __future__ import annotations

from typing import Any

import pytest

from backstay import configuration
from backstay.environments import (
    EnvironmentCapabilities,
    RuntimeEnvironment,
    adjust_reliability_strategy,
    declared,
)
from backstay_core.environments.adjustment import INTERVALS, RULES
from backstay_core.failure import ConfigurationError


def document(*strategies: dict[str, Any]) -> dict[str, Any]:
    return {"policies": {"quotes": {"strategies": list(strategies)}}}


def adjusted(capabilities: EnvironmentCapabilities, *strategies: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = adjust_reliability_strategy(capabilities, document(*strategies)).config["policies"][
        "quotes"
    ]["strategies"]
    return rows


BREAKER = {"kind": "circuit_breaker"}


@pytest.mark.parametrize(
    ("environment", "threshold"),
    [("operating_system", 10), ("kubernetes_pod", 10), ("webassembly", 5), ("real_time_os", 5)],
)
def test_consecutive_failures_of_a_breaker(environment: str, threshold: int):
    [row] = adjusted(declared(environment), BREAKER)
    assert row == {
        "kind": "circuit_breaker",
        "failure_rate": 1.0,
        "window_calls": threshold,
        "minimum_calls": threshold,
    }
    made: Any = configuration.from_data(document(row)).policies["quotes"].strategies[0]
    assert made.window_calls == threshold


def test_without_network_nothing_is_tried_again():
    [row] = adjusted(declared("embedded_bare_metal"), {"kind": "retry"})
    assert row["attempts"] == 1


@pytest.mark.parametrize("environment", RuntimeEnvironment)
@pytest.mark.parametrize(
    "row",
    [
        {"kind": "circuit_breaker", "failure_rate": 0.3},
        {"kind": "circuit_breaker", "window_calls": 7},
        {"kind": "circuit_breaker", "window_seconds": 7.0},
        {"kind": "retry", "attempts": 4, "base": 0.2, "cap": 1.5},
        {"kind": "bulkhead", "limit": 3, "queue": 9},
        {"kind": "timeout", "seconds": 1.0},
        {"shared": "db"},
    ],
)
def test_what_the_user_set_stands(environment: str, row: dict[str, Any]):
    assert adjusted(declared(environment), row) == [row]


@pytest.mark.parametrize("environment", RuntimeEnvironment)
def test_what_comes_out_can_be_loaded(environment: str):
    config = {
        **document(BREAKER, {"kind": "retry"}, {"kind": "bulkhead", "limit": 2}),
        "shared": {"db": dict(BREAKER)},
    }
    result = adjust_reliability_strategy(declared(environment), config)
    configuration.from_data(result.config)
    assert result.changes
    assert any("shared.db" in line for line in result.changes)


def test_the_document_given_is_not_changed():
    config = document(dict(BREAKER))
    adjust_reliability_strategy(declared("container"), config)
    assert config == document(BREAKER)


def test_changes_say_what_and_why():
    [line] = adjust_reliability_strategy(declared("webassembly"), document(BREAKER)).changes
    assert line.startswith("policies.quotes.strategies[0] (circuit_breaker): failure_rate = 1.0, window_calls = 5")
    assert "without multiprocessing" in line


@pytest.mark.parametrize("config", [None, 7, {"policies": []}])
def test_what_is_no_configuration_is_refused(config: Any):
    with pytest.raises(ConfigurationError, match="table"):
        adjust_reliability_strategy(declared("container"), config)


@pytest.mark.parametrize("rows", [[None], [{"kind": 7}], ["x"], [{}]])
def test_what_is_wrong_in_it_is_left_to_loading(rows: list[Any]):
    config = {"policies": {"p": {"strategies": rows}, "q": None}}
    assert adjust_reliability_strategy(declared("container"), config).config["policies"] == config["policies"]


def test_every_rule_applies_somewhere():
    known = [declared(environment) for environment in RuntimeEnvironment]
    known += [each.replace(multithreading=False) for each in known]  # as Pyodide is found to be
    for rule in RULES:
        assert any(rule.when(capabilities) for capabilities in known), rule.where


def test_every_environment_has_intervals():
    assert set(INTERVALS) == set(RuntimeEnvironment)
    assert all(usage <= health for usage, health, _ in INTERVALS.values())
