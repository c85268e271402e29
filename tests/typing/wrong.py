"""Wrong uses. Read by type checkers, never executed.

Every line with a comment ``# wrong`` must be reported, and no other. ``# wrong (mypy, pyright)`` names the checkers
that can tell.
"""

from backstay import Bulkhead, CircuitBreaker, Failure, Policy, Retry, Timeout, shared
from backstay.testing import Script, VirtualTime, record

policy = Policy("quotes", Timeout(5.0), Retry(3))


@policy
def price(symbol: str, *, currency: str = "EUR") -> float:
    return 42.0


@policy
async def fetch(symbol: str) -> list[float]:
    return [42.0]


class Client:
    @policy
    def price(self, symbol: str) -> float:
        return 42.0


@Retry(attempts=3)
def load(url: str) -> bytes:
    return b""


async def calls(client: Client) -> None:
    price()  # wrong
    price(1)  # wrong
    price("ACME", "USD")  # wrong
    price("ACME", money="USD")  # wrong
    price("ACME").upper()  # wrong
    await fetch(1)  # wrong
    (await fetch("ACME")).keys()  # wrong
    fetch("ACME").append(1.0)  # wrong
    load(1)  # wrong
    load("url").encode()  # wrong
    client.price(1)  # wrong (mypy, pyright)
    client.price()  # wrong (mypy, pyright)
    client.price("ACME").upper()  # wrong


def plain(a: int) -> float:
    return 1.0


async def later(a: int) -> str:
    return ""


async def without_decorating() -> None:
    policy.call(plain)  # wrong
    policy.call(plain, "x")  # wrong
    policy.call(plain, 1).upper()  # wrong
    policy.call(plain, 1, b=2)  # wrong
    await policy.acall(later, "x")  # wrong
    (await policy.acall(later, 1)).append(1)  # wrong
    await policy.acall(plain, 1)  # wrong
    policy.call()  # wrong
    policy.using(2.0)  # wrong


@fetch.fallback  # wrong
def not_async(failure: Failure, symbol: str) -> list[float]:
    return []


@price.fallback  # wrong
def other_result(failure: Failure, symbol: str, *, currency: str = "EUR") -> str:
    return ""


@price.fallback  # wrong
def other_arguments(failure: Failure, symbol: int, *, currency: str = "EUR") -> float:
    return 0.0


@price.fallback  # wrong
def no_failure(symbol: str, *, currency: str = "EUR") -> float:
    return 0.0


def composition() -> None:
    Policy(Timeout(1.0))  # wrong
    Policy("p", "retry")  # wrong
    Policy("p", Retry)  # wrong
    Policy("p", seed="1")  # wrong
    Policy.standard("p")  # wrong
    Policy.standard("p", timeout="2")  # wrong
    Retry("3")  # wrong
    Retry(tries=3)  # wrong
    Timeout()  # wrong
    Timeout("1")  # wrong
    Bulkhead(limit=None)  # wrong
    CircuitBreaker(failure_rate="half")  # wrong
    shared(CircuitBreaker())  # wrong
    shared("db", "breaker")  # wrong


def operating() -> None:
    policy[CircuitBreaker].inside  # wrong
    policy[Bulkhead].force_open()  # wrong
    policy["retry"]  # wrong
    policy.on("retry")  # wrong
    policy.on("retry", print, "more")  # wrong
    policy.name.missing  # wrong


def kit() -> None:
    Script("ok")  # wrong
    VirtualTime("quotes")  # wrong
    record(policy).lines  # wrong
