"""What users teach the classifier: who is asked first, and what happens when a rule answers nonsense."""

from typing import Any

import pytest

from backstay import CircuitOpen, ConfigurationError
from backstay_core.errors.classifier import MOST_CLASSES, Classifier
from backstay_core.failure import Failure
from tests.errors.library import WithAttributes, os_error


class Base(Exception):
    pass


class Derived(Base):
    pass


def test_the_nearest_class_decides_and_the_latest_rule(classifier: Classifier):
    classifier.register(Derived, "throttle")
    classifier.register(Base, "missing")
    assert [classifier.kind(error) for error in (Base(), Derived())] == ["missing", "throttle"]
    classifier.register(Derived, "auth")
    assert classifier.kind(Derived()) == "auth"
    classifier.register(Derived, "throttle")  # twice is once, and the latest
    assert classifier.kind(Derived()) == "throttle"


def test_a_rule_is_asked_each_time_and_may_have_no_opinion(classifier: Classifier):
    classifier.register(Base, "conflict")
    classifier.register(Derived, lambda error: "data" if error.args else None)
    assert [classifier.kind(error) for error in (Derived(1), Derived())] == ["data", "conflict"]
    assert classifier.rule_errors == 0


def test_a_rule_comes_before_everything_else(classifier: Classifier):
    classifier.register(ConnectionResetError, "state")
    classifier.register(CircuitOpen, "state")
    classifier.register(ExceptionGroup, "state")
    for error in (os_error("ECONNRESET"), CircuitOpen("p", "CIRCUIT_OPEN", 1), ExceptionGroup("g", [ValueError()])):
        assert classifier.kind(error) == "state"


def test_what_a_rule_returns_may_be_shared(classifier: Classifier):
    shared = Failure("throttle", "one for all", retry_after=7)
    classifier.register(Base, lambda _: shared)
    one, two = Base(), Base()
    first, second = classifier.classify(one), classifier.classify(two)
    assert (first.cause, second.cause, shared.cause) == (one, two, None)
    assert first == second == shared


@pytest.mark.parametrize("answer", [7, "no such kind", object(), ""])
def test_a_nonsensical_rule_has_no_opinion(classifier: Classifier, answer: Any):
    classifier.register(Base, lambda _: answer)
    assert classifier.kind(Base()) == "unknown"
    assert classifier.rule_errors == 1


def test_a_rule_that_raises_has_no_opinion(classifier: Classifier):
    classifier.register(TimeoutError, lambda error: getattr(error, "no_such_attribute"))  # noqa: B009
    assert classifier.kind(TimeoutError()) == "timeout"
    classifier.register(Derived, classifier.classify)  # asks itself without end
    assert classifier.kind(Derived()) == "unknown"
    assert classifier.rule_errors > 1


def test_predicates_are_asked_last(classifier: Classifier):
    asked = []

    def busy_means_throttled(error: BaseException) -> str | None:
        asked.append(error)
        return "throttle" if "busy" in str(error) else None

    classifier.otherwise(busy_means_throttled)
    busy = ValueError("busy")
    assert [classifier.kind(error) for error in (busy, ValueError("x"), TimeoutError("busy"))] == [
        "throttle",
        "unknown",
        "timeout",
    ]
    assert classifier.kind(WithAttributes("busy", status_code=404)) == "missing"
    assert classifier.kind(WithAttributes("busy", status_code=0)) == "throttle"
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("cls", "rule"), [("TimeoutError", "timeout"), (int, "timeout"), (Base, "no such kind"), (Base, 7), (Base, None)]
)
def test_registrations_that_mean_nothing_are_refused(classifier: Classifier, cls: Any, rule: Any):
    with pytest.raises(ConfigurationError):
        classifier.register(cls, rule)
    assert classifier.kind(Base()) == "unknown"


@pytest.mark.parametrize("rule", ["timeout", None, 3])
def test_predicates_that_mean_nothing_are_refused(classifier: Classifier, rule: Any):
    with pytest.raises(ConfigurationError):
        classifier.otherwise(rule)


def test_a_registration_is_heard_after_the_class_was_met(classifier: Classifier):
    assert classifier.kind(Derived()) == "unknown"
    classifier.register(Base, "timeout")
    assert classifier.kind(Derived()) == "timeout"


def test_classes_made_at_run_time_do_not_pile_up(classifier: Classifier):
    for i in range(MOST_CLASSES + 10):
        classifier.classify(type(f"E{i}", (Exception,), {})())
    assert len(classifier._decisions) <= MOST_CLASSES
