"""Rows about retries, run with the libraries that have them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tests.peers import scenarios
from tests.peers.breakers import Boom
from tests.peers.claims import Decorate, Lab, Row
from tests.peers.retry_makers import pyresilience, redress, those

Make = Callable[[], Any]


def on_exceptions(lab: Lab, make: Make) -> None:
    """Named errors are tried again, others are not, and in the end an error comes out."""
    raised: list[Exception] = [Boom(), Boom()]
    tries = 0

    def call() -> str:
        nonlocal tries
        tries += 1
        if raised:
            raise raised.pop(0)
        return "fine"

    guarded = make()(call)

    def outcome(*errors: Exception) -> tuple[str, int]:
        nonlocal tries
        raised[:], tries = errors, 0
        try:
            return guarded(), tries
        except Exception as error:
            return type(error).__name__, tries

    assert outcome(Boom(), Boom()) == ("fine", 3)
    assert outcome(KeyError("no reason to try again")) == ("KeyError", 1)
    ended, tried = outcome(Boom(), Boom(), Boom(), Boom())
    assert ended != "fine"
    assert tried == 3


def on_results(lab: Lab, make: Make) -> None:
    results = ["not yet", "not yet", "fine"]
    assert make()(lambda: results.pop(0))() == "fine"


def own_backoff(lab: Lab, make: Make) -> None:
    """Two calls at once, each failing twice, pause 1 s and then 2 s each."""
    scenarios.two_callers_wait_alike(make())


class Busy(Exception):
    """What an HTTP library raises for a 429 that says when to come back."""

    def __init__(self, retry_after: int) -> None:
        self.status_code = 429
        self.headers = {"Retry-After": str(retry_after)}


class BusyFor(Busy):
    """… and one that says it as a number."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


def retry_after(kind: type[Busy]) -> Callable[[Lab, Make], None]:
    """The pause is as long as the server asked, with what the library ships."""

    def scenario(lab: Lab, make: Make) -> None:
        answers: list[Any] = [kind(7), "fine"]

        def call() -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        try:
            assert make()(call)() == "fine"
        except Busy as error:
            raise AssertionError("it was not tried again") from error
        assert 7 <= sum(lab.clock.slept) < 9, lab.clock.slept

    return scenario


def nopanic_pushback(lab: Lab) -> Decorate:
    return lab.library("nopanic", nopanic___core="time").retry(3, backoff=0)


def hyx_expo(lab: Lab) -> Decorate:
    waits = lab.library("hyx.retry.backoffs").expo(min_delay_secs=1, base=2)
    return lab.library("hyx.retry").retry(on=Boom, attempts=3, backoff=waits)


def decorrelated(lab: Lab, make: Make) -> None:
    """Each pause is drawn between the first one and three times the last one."""
    pauses = [pause for _ in range(20) for pause in make()]
    assert len(set(pauses)) == 100
    assert max(pauses) > 3, "it grows"
    for at in range(0, 100, 5):
        for last, pause in pairwise([1.0, *pauses[at : at + 5]]):
            assert 1 <= pause <= 3 * last + 1e-6


def slept(decorate: Decorate, lab: Lab) -> list[float]:
    """The five pauses of a call that fails."""

    def call() -> None:
        raise Boom

    del lab.clock.slept[:]
    try:
        decorate(call)()
    except Boom:
        pass
    return lab.clock.slept[:5]


def nopanic_decorrelated(lab: Lab) -> list[float]:
    library = lab.library("nopanic", nopanic___core="time")
    waits = lab.library("nopanic.backoff").decorrelated_jitter(base=1, cap=1e9)
    return slept(library.retry(6, on=Boom, backoff=waits), lab)


def redress_decorrelated(lab: Lab) -> list[float]:
    strategy = lab.library("redress").decorrelated_jitter(1, 1e9)
    return slept(redress(lab, strategy=strategy, max_attempts=6, deadline_s=1e9), lab)


def hyx_decorrelated(lab: Lab) -> list[float]:
    waits = lab.library("hyx.retry.backoffs").decorrexp(min_delay_secs=1, max_delay_secs=1e9)
    return [next(waits) for _ in range(5)]


def own_breaker(lab: Lab, make: Make) -> None:
    """Nine attempts around a breaker that opens after two: once it refuses, nothing waits for another try."""
    made, guard = 0, make()

    def call() -> None:
        nonlocal made
        made += 1
        raise Boom

    try:
        guard(call)()
    except Exception:
        pass
    assert made == 2, f"{made} calls were made"
    assert len(lab.clock.slept) <= 2, f"it paused {len(lab.clock.slept)} times"


def nopanic_breaker(lab: Lab) -> Decorate:
    library = lab.library("nopanic", nopanic___core="time")
    breaker = library.circuit_breaker(min_calls=2, reset_timeout=1000, clock=lab.clock)
    return library.compose(library.retry(9, backoff=1), breaker)


def pyresilience_breaker(lab: Lab) -> Decorate:
    library = lab.library("pyresilience", pyresilience___executor="time", pyresilience___circuit_breaker="_monotonic")
    return library.resilient(
        retry=library.RetryConfig(max_attempts=9, jitter=False),
        circuit_breaker=library.CircuitBreakerConfig(failure_threshold=2, recovery_timeout=1000),
    )


def interlock_breaker(lab: Lab) -> Decorate:
    library, pipeline = lab.library("interlock"), lab.library("interlock.pipeline")
    retry = lab.library("interlock.integrations.tenacity").RetryStrategy(attempts=9, sleep=lab.clock.sleep)
    breaker = library.CircuitBreaker(name="b", clock=lab.clock, config=library.Config(minimum_number_of_calls=2))
    return pipeline.Pipeline(retry, pipeline.CircuitBreakerStrategy(breaker))


def redress_breaker(lab: Lab) -> Decorate:
    library = lab.library("redress", redress__policy__retry_helpers="time", redress__policy__state="time")
    retry = library.Retry(
        classifier=library.default_classifier, strategy=lambda context: 1.0, max_attempts=9, max_unknown_attempts=9
    )
    breaker = library.CircuitBreaker(failure_threshold=2, trip_on=set(library.ErrorClass), clock=lab.clock)
    return lambda function: lambda: library.Policy(retry=retry, circuit_breaker=breaker).call(function)


def resilix_breaker(lab: Lab) -> Decorate:
    protect = lab.library("resilix", resilix__engine__sync="time", resilix__dsl__circuit="time").protect
    return lambda function: protect.when(Exception, retry=9, delay=1)(
        protect.circuit(failures=2, reset_timeout=1000)(function)
    )


ROWS = (
    Row("on exceptions, or a predicate", on_exceptions, those("T S B HX NP PR IL RD RX")),
    Row("on results", on_results, those("T B NP PR IL RD RX", results=True)),
    Row(
        "Retry-After, gRPC pushback",
        retry_after(Busy),
        {
            "PR": lambda lab: pyresilience(
                lab, retry_on=(Busy,), delay_func=lab.library("pyresilience.contrib.http").retry_after_delay()
            ),
            "RD": lambda lab: redress(
                lab,
                classifier=lab.library("redress").http_retry_after_classifier,
                strategy=lab.library("redress").retry_after_or(lambda context: 0.0),
            ),
        },
        {"NP": (nopanic_pushback, r"\[0.0\]")},
    ),
    Row("Retry-After, gRPC pushback", retry_after(BusyFor), {"NP": nopanic_pushback}),
    Row(
        "decorrelated jitter",
        decorrelated,
        {"HX": hyx_decorrelated, "NP": nopanic_decorrelated, "RD": redress_decorrelated},
        nothing=lambda lab: [1.0] * 5,
    ),
    Row(
        "each call has a backoff of its own",
        own_backoff,
        those("T S B NP PR IL RD RX", first=1),
        {"HX": (hyx_expo, "'one'")},
    ),
    Row(
        "a refusal of the own breaker is not repeated",
        own_breaker,
        {"PR": pyresilience_breaker, "IL": interlock_breaker},
        {
            "NP": (nopanic_breaker, "paused 8 times"),
            "RD": (redress_breaker, "9 calls were made"),
            "RX": (resilix_breaker, "paused 8 times"),
        },
    ),
)
