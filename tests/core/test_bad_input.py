"""Options that cannot mean anything are refused by name, with what they take, and nothing is made."""

from typing import Any

import pytest

from backstay_core.failure import ConfigurationError, Failure
from backstay_core.policy import Policy
from backstay_core.strategies.budget import Budget
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.retry import Retry
from backstay_core.strategies.timeout import Timeout

NAN, INFINITY = float("nan"), float("inf")
NO_NUMBERS: tuple[Any, ...] = (NAN, INFINITY, -INFINITY, True, False, "1", None, [], 1j)

SECONDS = [
    (Timeout, "seconds"),
    (Retry, "base"),
    (Retry, "cap"),
    (Retry, "pushback_cap"),
    (CircuitBreaker, "open_for"),
]
RATES = [
    (CircuitBreaker, "failure_rate"),
    (CircuitBreaker, "slow_rate"),
    (CircuitBreaker, "open_jitter"),
    (Budget, "ratio"),
]
COUNTS = [
    (Retry, "attempts"),
    (CircuitBreaker, "window_calls"),
    (CircuitBreaker, "probes"),
    (CircuitBreaker, "close_after"),
    (Bulkhead, "limit"),
]


def refused(cls: Any, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        cls(**options)
    message = str(caught.value)
    assert cls.__name__ in message
    for name in options:
        assert name in message
    return message


@pytest.mark.parametrize(("cls", "name"), SECONDS + RATES + COUNTS)
@pytest.mark.parametrize("value", [*NO_NUMBERS, -1, -0.5], ids=repr)
def test_what_is_no_number_or_negative(cls: Any, name: str, value: Any) -> None:
    assert repr(value) in refused(cls, **{name: value})


@pytest.mark.parametrize(("cls", "name"), [*SECONDS, *RATES, (Retry, "attempts"), (CircuitBreaker, "window_calls")])
def test_a_number_beyond_all_sense(cls: Any, name: str) -> None:
    refused(cls, **{name: 10**30})


@pytest.mark.parametrize(("cls", "name"), [*SECONDS, *RATES, *COUNTS])
@pytest.mark.parametrize("value", [10**400, 10**5000, -(10**5000)], ids=["400 digits", "5000 digits", "negative"])
def test_a_number_that_python_cannot_write(cls: Any, name: str, value: int) -> None:
    assert len(refused(cls, **{name: value})) < 500


def test_what_is_nested_too_deeply_to_be_shown() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert "list" in refused(Retry, attempts=nested)


@pytest.mark.parametrize(
    "row",
    [{"kind": "retry", "x" * 1_000_000: 1}, {"kind": "x" * 1_000_000}, {"kind": "retry", 5: 1}, {"kind": ["retry"]}],
    ids=["long option", "long kind", "option that is no text", "kind that is no text"],
)
def test_a_name_that_nobody_could_mean(row: Any) -> None:
    """It is neither compared with the known names, which would take minutes, nor shown in full."""
    with pytest.raises(ConfigurationError) as caught:
        Policy.from_data({"name": "p", "strategies": [row]})
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "data",
    [[], {"kind": []}, {"kind": 5}, {"message": 7}, {"reason": None}, {"domain": []}, {"code": {}}, {5: 1}],
    ids=repr,
)
def test_a_failure_that_is_none(data: Any) -> None:
    with pytest.raises(ConfigurationError):
        Failure.from_data(data)


@pytest.mark.parametrize(("cls", "name"), RATES)
def test_a_rate_above_one(cls: Any, name: str) -> None:
    refused(cls, **{name: 1.5})


@pytest.mark.parametrize(("cls", "name"), COUNTS)
@pytest.mark.parametrize("value", [0, 2.5, 2.0])
def test_a_count_is_a_whole_number_above_zero(cls: Any, name: str, value: float) -> None:
    refused(cls, **{name: value})


@pytest.mark.parametrize("value", [0, 1e-12])
def test_a_timeout_of_nothing(value: float) -> None:
    refused(Timeout, seconds=value)


def test_a_minimum_above_the_window() -> None:
    with pytest.raises(ConfigurationError, match="must be at most window_calls, 4; got 5"):
        CircuitBreaker(window_calls=4, minimum_calls=5)
    in_time = CircuitBreaker(window_calls=4, minimum_calls=5, window_seconds=1)  # then calls do not bound it
    assert in_time.minimum == 5


def test_a_cap_under_the_open_period() -> None:
    with pytest.raises(ConfigurationError, match="open_cap"):
        CircuitBreaker(open_for=10, open_cap=9)


@pytest.mark.parametrize("value", [(), [], "conect", ["conect"], [1], 7, None.__class__], ids=repr)
@pytest.mark.parametrize("cls", [Retry, CircuitBreaker, Fallback])
def test_what_names_no_failures(cls: Any, value: Any) -> None:
    with pytest.raises(ConfigurationError):
        cls(on=value)


@pytest.mark.parametrize("value", [[], [1], 7])
@pytest.mark.parametrize("cls", [Retry, CircuitBreaker, Fallback])
def test_what_names_no_results(cls: Any, value: Any) -> None:
    refused(cls, results=value)


def test_a_backoff_that_does_not_exist() -> None:
    assert "full_jitter" in refused(Retry, backoff="jitter")


def test_what_is_no_flag() -> None:
    refused(Retry, idempotent=1)


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ({"kind": "retri"}, "strategies[0]: unknown kind 'retri'; did you mean 'retry'?"),
        ({"kind": "retry", "atempts": 3}, "strategies[0] (retry): unknown option 'atempts'; did you mean 'attempts'?"),
        ({"kind": "bulkhead"}, "strategies[0] (bulkhead): an option that must be given is missing"),
        ({"kind": "bulkhead", "limit": 0}, "strategies[0] (bulkhead): Bulkhead(limit=…) must be"),
        ({"attempts": 3}, "strategies[0] must be a table with a kind"),
        ("retry", "strategies[0] must be a table with a kind"),
    ],
    ids=repr,
)
def test_a_mistake_in_a_file_is_named_with_its_place(row: Any, hint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Policy.from_data({"name": "p", "strategies": [row]})
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["", None, 7])
def test_a_policy_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        Policy(name)


def test_an_options_value_does_not_change() -> None:
    options: Any = Retry()
    with pytest.raises(AttributeError, match="replace"):
        options.attempts = 5
    with pytest.raises(AttributeError):
        del options.attempts
    assert options == Retry()
