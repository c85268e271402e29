"""Three attempts by other libraries; pauses of `first` seconds, then twice as much."""

from __future__ import annotations

from typing import Any

from tests.peers.breakers import Boom
from tests.peers.claims import Decorate, Lab, blocking

HOUR = 3600.0


def not_yet(value: Any) -> bool:
    return value == "not yet"


def tenacity(lab: Lab, first: float = 0, results: bool = False) -> Decorate:
    library = lab.library("tenacity", tenacity__nap="time")
    when = library.retry_if_exception_type(Boom)
    if results:
        when |= library.retry_if_result(not_yet)
    stop, wait = library.stop_after_attempt(3), library.wait_exponential(multiplier=first)
    return library.retry(stop=stop, retry=when, wait=wait, reraise=True)


def stamina(lab: Lab, first: float = 0, results: bool = False) -> Decorate:
    library = lab.library("stamina", tenacity__nap="time")
    return library.retry(on=Boom, attempts=3, timeout=None, wait_initial=first, wait_max=first * 9, wait_jitter=0)


def backoff(lab: Lab, first: float = 0, results: bool = False) -> Decorate:
    library = lab.library("backoff", backoff___sync="time")
    options = {"max_tries": 3, "factor": first, "jitter": None}
    by_error = library.on_exception(library.expo, Boom, **options)
    by_result = library.on_predicate(library.expo, not_yet, **options)
    return (lambda function: by_result(by_error(function))) if results else by_error


def hyx(lab: Lab, first: float = 0, results: bool = False) -> Decorate:
    return blocking(lab.library("hyx.retry").retry(on=Boom, attempts=2, backoff=first))


def nopanic(lab: Lab, first: float = 0, results: bool = False, **options: Any) -> Decorate:
    library = lab.library("nopanic", nopanic___core="time")
    waits = lab.library("nopanic.backoff").exponential(base=first, factor=2, cap=first * 9)
    return library.retry(3, on=Boom, backoff=waits, on_result=not_yet if results else None, **options)


def pyresilience(lab: Lab, first: float = 0, results: bool = False, **options: Any) -> Decorate:
    library = lab.library("pyresilience", pyresilience___executor="time")
    when = not_yet if results else None
    retry = library.RetryConfig(
        **{"delay": first, "jitter": False, "retry_on": (Boom,), "retry_on_result": when, **options}
    )
    return library.resilient(retry=retry)


def interlock(lab: Lab, first: float = 0, results: bool = False) -> Decorate:
    library, waits = lab.library("tenacity"), lab.library("interlock.integrations.tenacity")
    when = waits.retry_unless_open(Boom)
    if results:
        when |= library.retry_if_result(not_yet)
    wait = library.wait_exponential(multiplier=first)
    retry = waits.RetryStrategy(attempts=3, retry=when, wait=wait, sleep=lab.clock.sleep)
    return lab.library("interlock.pipeline").Pipeline(retry)


def redress(lab: Lab, first: float = 0, results: bool = False, **options: Any) -> Decorate:
    library = lab.library("redress", redress__policy__retry_helpers="time", redress__policy__state="time")
    transient, permanent = library.ErrorClass.TRANSIENT, library.ErrorClass.PERMANENT
    settings = {
        "classifier": lambda error: transient if isinstance(error, Boom) else permanent,
        "result_classifier": (lambda value: transient if not_yet(value) else None) if results else None,
        "strategy": lambda context: first * 2.0 ** (context.attempt - 1),
        "max_attempts": 3,
        **options,
    }
    return library.retry(**settings)


def resilix(lab: Lab, first: float = 0, results: bool = False) -> Decorate:
    library = lab.library("resilix", resilix__engine__sync="time")
    options = {"retry": 3, "delay": first, "backoff": "exponential"}
    if results:
        return library.protect.when_result(not_yet, return_="gave up", **options)
    return library.protect.when(Boom, **options)


BY = {
    "T": tenacity,
    "S": stamina,
    "B": backoff,
    "HX": hyx,
    "NP": nopanic,
    "PR": pyresilience,
    "IL": interlock,
    "RD": redress,
    "RX": resilix,
}


def those(names: str, **options: Any) -> dict[str, Any]:
    """The retries of some of them."""
    return {name: lambda lab, make=BY[name]: make(lab, **options) for name in names.split()}
