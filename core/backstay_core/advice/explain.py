"""What a policy does, in plain words: a sentence a strategy, and the worst case."""

from backstay_core.advice.bounds import Bounds, longest_pauses, worst_case
from backstay_core.clock import to_seconds
from backstay_core.failure import NEVER
from backstay_core.options import PPM
from backstay_core.printable import printable
from backstay_core.strategies.bulkhead import Bulkhead
from backstay_core.strategies.cache import Cache
from backstay_core.strategies.circuit_breaker import CircuitBreaker
from backstay_core.strategies.concurrency_limit import ConcurrencyLimit
from backstay_core.strategies.fallback import Fallback
from backstay_core.strategies.hedge import Hedge
from backstay_core.strategies.idempotency import Idempotency
from backstay_core.strategies.inject import Inject
from backstay_core.strategies.pacing import TOKEN_BUCKET
from backstay_core.strategies.rate_limit import RateLimit
from backstay_core.strategies.retry import CONSTANT, DECORRELATED, FULL_JITTER, Retry
from backstay_core.strategies.throttle import Throttle
from backstay_core.strategies.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.options import Options

    Strategies = tuple[Options, ...]


def seconds(ns: "int | None") -> str:
    """``1.5 s``, ``200 ms``, ``for ever``."""
    if ns is None or ns >= NEVER:
        return "for ever"
    if ns < 1_000_000_000:
        return f"{ns / 1_000_000:g} ms"
    return f"{to_seconds(ns):g} s"


def share(ppm: int) -> str:
    return f"{ppm * 100 / PPM:g} %"


def explain(strategies: "Strategies") -> "list[str]":
    """A sentence for each strategy, outermost first."""
    return [printable(SENTENCES[options.KIND](options, strategies[:i])) for i, options in enumerate(strategies)]


def explain_worst_case(strategies: "Strategies") -> "list[str]":
    """What a call may cost at worst, in sentences."""
    bounds = worst_case(strategies)
    asked = worst_case(strategies, pushback=True)
    lines = [f"At worst a call makes {_attempts(bounds)} and takes {seconds(bounds.ns)}."]
    if asked.ns != bounds.ns:
        lines.append(f"If the server asks for pauses, it takes up to {seconds(asked.ns)}.")
    if bounds.ns < NEVER:
        lines.append("A function that cannot be interrupted (sync code) is not cut short: its own time comes on top.")
    return lines


def _attempts(bounds: Bounds) -> str:
    return f"{bounds.attempts} attempt{'' if bounds.attempts == 1 else 's'}"


def _named(value: "Any", default: str) -> str:
    """What `on` or `results` names, in words."""
    if value is None:
        return default
    if isinstance(value, str):
        return value
    if isinstance(value, (tuple, list)):
        return ", ".join(_named(item, default) for item in value)
    return getattr(value, "__name__", "what your function says")


def _timeout(options: Timeout, around: "Strategies") -> str:
    inner = any(isinstance(other, Retry) for other in around)
    what = "Each attempt" if inner else "The call, with all that is inside,"
    return f"{what} is cut short after {seconds(options.seconds_ns)}."


def _retry(options: Retry, around: "Strategies") -> str:
    if options.attempts == 1:
        return "One attempt is made: this Retry does nothing."
    tried = _named(options.values()["on"], "")
    if not tried:
        tried = (
            "failures that can pass" if options.idempotent else "failures that can pass and were surely not executed"
        )
    pauses = longest_pauses(options)
    growth = {
        FULL_JITTER: f"random, up to {seconds(pauses[0])} at first and {seconds(pauses[-1])} in the end",
        DECORRELATED: f"random, from {seconds(options.base_ns)} to {seconds(pauses[-1])}",
        CONSTANT: f"{seconds(pauses[0])} each",
    }.get(options.backoff, f"{seconds(pauses[0])} at first, {seconds(pauses[-1])} in the end")
    text = f"Up to {options.attempts} attempts are made; tried again: {tried}. Pauses: "
    text += growth if options.base_ns else "none"
    if options.results_match is not None:
        text += f"; results tried again: {_named(options.values()['results'], '')}"
    if options.total_ns is not None:
        text += f"; no attempt begins after {seconds(options.total_ns)}"
    budget = options.values()["budget"]
    if budget is not None:
        rules = getattr(budget, "options", budget)
        text += f"; retries stay within {share(rules.ratio_ppm)} of the calls, {rules.burst:g} saved up at most"
    return text + "."


def _breaker(options: CircuitBreaker, around: "Strategies") -> str:
    window = (
        f"the last {options.window_calls} calls"
        if options.window_seconds_ns is None
        else f"the calls of the last {seconds(options.window_seconds_ns)}"
    )
    text = f"When {share(options.failure_rate_ppm)} of {window} have failed (of {options.minimum} at least)"
    if options.slow_call_ns is not None:
        text += f", or {share(options.slow_rate_ppm)} took {seconds(options.slow_call_ns)} or longer"
    text += f", calls are refused for {seconds(options.open_for_ns)}"
    if options.open_cap_ns > options.open_for_ns and options.open_growth_ppm > PPM:
        text += f" (longer each time in a row, up to {seconds(options.open_cap_ns)})"
    return text + f"; then {options.close_after} must succeed, {options.probes} at a time, to let all through again."


def _bulkhead(options: Bulkhead, around: "Strategies") -> str:
    text = f"At most {options.limit} calls are inside at once; "
    if not options.queue:
        return text + f"others are refused{_whose(options)}."
    wait = "as long as the deadline allows" if options.wait_ns is None else f"{seconds(options.wait_ns)} at most"
    return text + f"{options.queue} more may wait, {wait}; others are refused{_whose(options)}."


def _rate_limit(options: RateLimit, around: "Strategies") -> str:
    text = f"{options.limit} calls enter in {seconds(options.per_ns)} ({options.algorithm.replace('_', ' ')}"
    text += f", {options.room} at once); " if options.algorithm == TOKEN_BUCKET else "); "
    if options.queue:
        wait = "as long as the deadline allows" if options.wait_ns is None else f"{seconds(options.wait_ns)} at most"
        text += f"{options.queue} more may wait for their turn, {wait}; "
    text += "others are refused"
    if options.decrease_ppm is not None:
        text += f"; when the server pushes back, {share(options.decrease_ppm)} of that enter, and again all of it "
        text += f"within {seconds(options.recovery_ns)}"
    return text + _whose(options) + "."


def _concurrency_limit(options: ConcurrencyLimit, around: "Strategies") -> str:
    text = f"As many calls are inside at once as the dependency bears ({options.algorithm}): "
    text += f"{options.initial} at first, then {options.least} to {options.most}; "
    if options.queue:
        wait = "as long as the deadline allows" if options.wait_ns is None else f"{seconds(options.wait_ns)} at most"
        text += f"{options.queue} more may wait, {wait}; "
    return text + f"others are refused{_whose(options)}."


def _throttle(options: Throttle, around: "Strategies") -> str:
    text = f"When the server accepts less than one of {options.ratio:g} requests of the last "
    return text + f"{seconds(options.window_ns)}, calls are refused at random, the more the less it accepts."


def _whose(options: "Any") -> str:
    """What `shed` and `fair` mean."""
    text = f"; {share(options.shed_ppm)} of it is kept from the least important calls" if options.shed_ppm else ""
    return text + ("; tenants are served by turns" if options.fair else "")


def _fallback(options: Fallback, around: "Strategies") -> str:
    what = _named(options.values()["on"], "whatever fails or is refused inside")
    value = options.values()["value"]
    made = getattr(value, "__name__", "your function") + "(failure)" if callable(value) else repr(value)
    text = f"Answers with {made}: {what}"
    if options.results_match is not None:
        text += f"; and results: {_named(options.values()['results'], '')}"
    return text + "."


def _hedge(options: Hedge, around: "Strategies") -> str:
    if not options.idempotent or options.attempts == 1:
        return "One attempt is made at a time: this Hedge does nothing" + (
            "." if options.idempotent else ", since calls are not declared idempotent."
        )
    text = f"After {seconds(options.after_ns)}"
    if options.quantile_ppm is not None:
        text = f"After the time that {share(options.quantile_ppm)} of calls do not exceed (at first {text[6:]})"
    text += f" without a result another attempt begins beside it, {options.attempts} in all; the first result counts"
    if options.results_match is not None:
        text += f", but not {_named(options.values()['results'], '')}"
    return text + "."


def _inject(options: Inject, around: "Strategies") -> str:
    made = options.failure if isinstance(options.failure, str) else _named(options.failure, "")
    what = {
        "error": f"fails on purpose ({made})",
        "latency": f"is held up on purpose for {seconds(options.seconds_ns)}",
        "outcome": f"is answered on purpose with {options.value!r}",
        "hang": f"hangs on purpose for {seconds(options.seconds_ns)}, then fails ({made})",
    }[options.fault]
    which = "Each call" if options.every == 1 else f"One of {options.every} calls"
    often = "" if options.rate_ppm == PPM else f" with a probability of {share(options.rate_ppm)}"
    off = "" if options.enabled else " It is off: nothing of it happens."
    return f"{which} {what}{often}.{off}"


def _cache(options: Cache, around: "Strategies") -> str:
    text = f"What is known is the answer for {seconds(options.fresh_for_ns)}"
    if options.refresh_for_ns:
        text += f", and for {seconds(options.refresh_for_ns)} more while a new one is fetched in the background"
    if options.stale_for_ns:
        named = _named(options.values()["on"], "whatever fails or is refused inside")
        text += f"; for {seconds(options.stale_for_ns)} after that it stands in for a failure: {named}"
    return text + f". At most {options.entries} values are kept."


def _idempotency(options: Idempotency, around: "Strategies") -> str:
    return (
        f"A call with a key that was used is not made again for {seconds(options.keep_for_ns)}: its result is replayed."
    )


SENTENCES: "dict[str, Callable[[Any, Strategies], str]]" = {
    "timeout": _timeout,
    "retry": _retry,
    "circuit_breaker": _breaker,
    "bulkhead": _bulkhead,
    "rate_limit": _rate_limit,
    "concurrency_limit": _concurrency_limit,
    "throttle": _throttle,
    "fallback": _fallback,
    "inject": _inject,
    "hedge": _hedge,
    "cache": _cache,
    "idempotency": _idempotency,
}
