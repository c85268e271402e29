"""Rows about what is seen of policies, and how they are tested, run with the libraries that have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.peers import breaker_makers, retry_makers
from tests.peers.breakers import FAILURES, Boom
from tests.peers.claims import BAD, GOOD, Calls, Lab, Row, bare
from tests.peers.retry_makers import HOUR

Make = Callable[[], Any]


def events(lab: Lab, make: Make) -> None:
    """A listener hears of the retry, and fails."""
    guard, heard = make()
    outcomes: list[Any] = [Boom(), "fine"]

    def call() -> Any:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Boom):
            raise outcome
        return outcome

    try:
        assert guard(call)() == "fine"
    except (Boom, ZeroDivisionError) as error:
        raise AssertionError(f"{type(error).__name__} came out") from error
    assert heard


class Listener:
    """It fails, whatever it is told."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __call__(self, *args: Any, **options: Any) -> None:
        self.heard.append((args, options))
        raise ZeroDivisionError

    on_retry = __call__


def tenacity_events(lab: Lab) -> Any:
    library, listener = lab.library("tenacity"), Listener()
    return library.retry(stop=library.stop_after_attempt(3), before_sleep=listener), listener.heard


def stamina_events(lab: Lab) -> Any:
    listener, settings = Listener(), lab.library("stamina.instrumentation")
    settings.set_on_retry_hooks([listener])
    lab.after.callback(settings.set_on_retry_hooks, None)
    return retry_makers.stamina(lab), listener.heard


def nopanic_events(lab: Lab) -> Any:
    listener = Listener()
    lab.after.callback(lab.library("nopanic.events").subscribe(listener))
    return retry_makers.nopanic(lab), listener.heard


def pyresilience_events(lab: Lab) -> Any:
    library, listener = lab.library("pyresilience"), Listener()
    return library.resilient(retry=library.RetryConfig(delay=0), listeners=[listener]), listener.heard


def interlock_events(lab: Lab) -> Any:
    listener = Listener()
    retry = lab.library("interlock.integrations.tenacity").RetryStrategy(sleep=lab.clock.sleep, listener=listener)
    return lab.library("interlock.pipeline").Pipeline(retry), listener.heard


def redress_events(lab: Lab) -> Any:
    listener = Listener()
    return retry_makers.redress(lab, on_metric=listener), listener.heard


def virtual_time(lab: Lab, make: Make) -> None:
    """An hour's pauses, and an open breaker's hour, pass at once by what the library offers for it."""
    retry, breaker = make()
    patient = Calls(lab, retry)
    assert patient(BAD) == "x"
    assert patient.entered == 3
    calls = Calls(lab, breaker)
    assert calls(BAD, BAD, BAD, GOOD)[-1] == "-"
    lab.clock.now += HOUR
    assert calls(GOOD) == "."


def nopanic_time(lab: Lab) -> Any:
    lab.after.enter_context(lab.library("nopanic.testing").instant())
    library = lab.library("nopanic")
    breaker = library.circuit_breaker(min_calls=FAILURES, reset_timeout=HOUR, clock=lab.clock)
    return library.retry(3, backoff=HOUR), breaker


def interlock_time(lab: Lab) -> Any:
    wait = lab.library("tenacity").wait_fixed(HOUR)
    retry = lab.library("interlock.integrations.tenacity").RetryStrategy(wait=wait, sleep=lab.clock.sleep)
    breaker = breaker_makers.interlock(lab, minimum_number_of_calls=FAILURES, wait_duration_in_open=HOUR)
    return lab.library("interlock.pipeline").Pipeline(retry), breaker


def redress_time(lab: Lab) -> Any:
    strategy = lab.library("redress.testing").DeterministicStrategy([HOUR])
    retry = lab.library("redress").retry(
        strategy=strategy, sleeper=lab.clock.sleep, max_attempts=3, max_unknown_attempts=3, deadline_s=9 * HOUR
    )
    return retry, breaker_makers.redress(lab, recovery_timeout_s=HOUR)


def without_driver(lab: Lab, make: Make) -> None:
    """A breaker is asked, and told of failures, and no call is made by it."""
    allows, failed = make()
    for _ in range(FAILURES):
        assert allows()
        failed()
    assert not allows()


def interlock_machine(lab: Lab) -> Any:
    library = lab.library("interlock")
    machine = lab.library("interlock._state_machine").StateMachine(
        config=library.Config(minimum_number_of_calls=FAILURES), clock=lab.clock
    )
    return machine.acquire, lambda: machine.record(lab.library("interlock.outcome").Outcome.FAILURE)


def pyresilience_machine(lab: Lab) -> Any:
    library = lab.library("pyresilience")
    breaker = library.CircuitBreaker(library.CircuitBreakerConfig(failure_threshold=FAILURES))
    return breaker.allow_request, breaker.record_failure


def redress_machine(lab: Lab) -> Any:
    library = lab.library("redress")
    breaker = library.CircuitBreaker(failure_threshold=FAILURES, clock=lab.clock)
    return lambda: breaker.allow().allowed, lambda: breaker.record_failure(library.ErrorClass.TRANSIENT)


def resilix_machine(lab: Lab) -> Any:
    breaker = lab.library("resilix").CircuitBreaker(failures=FAILURES)
    return breaker.allow, breaker.record_failure


ROWS = (
    Row(
        "events; a failing listener disturbs nobody",
        events,
        {"NP": nopanic_events, "PR": pyresilience_events, "IL": interlock_events, "RD": redress_events},
        {
            "T": (tenacity_events, "ZeroDivisionError came out"),
            "S": (stamina_events, "ZeroDivisionError came out"),
        },
        nothing=lambda lab: (bare, []),
    ),
    Row(
        "virtual time for tests",
        virtual_time,
        {"NP": nopanic_time, "IL": interlock_time, "RD": redress_time},
        nothing=lambda lab: (bare, bare),
    ),
    Row(
        "a core without I/O, usable without a driver",
        without_driver,
        {"PR": pyresilience_machine, "IL": interlock_machine, "RD": redress_machine, "RX": resilix_machine},
        nothing=lambda lab: (lambda: True, lambda: None),
    ),
)
