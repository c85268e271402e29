"""Runs inside a virtual machine: policies at work, and a manager that looks after them. Commands are lines on stdin.

look      let the manager look, and say what it noticed and what was renewed
hold      begin a call of a new policy `held`, whose breaker opens at the first failure
release   let that call fail, and say in which state the breaker is then
"""

import json
import sys
import threading
import time
from typing import Any

from backstay import Bulkhead, CircuitBreaker, Policy, Retry
from backstay.environments import Recoveries, RuntimeEnvironmentManager
from backstay_core.strategies.breaker import Breaker

quotes = Policy(
    "quotes",
    Retry(attempts=3, idempotent=True, on=ConnectionError, base=0.001),
    CircuitBreaker(failure_rate=0.5, window_calls=20, open_for=30.0),
    Bulkhead(4),
)
held = Policy("held", CircuitBreaker.consecutive(1))
noticed: list[Any] = []
seen: list[Any] = []  # epochs; kept, so that none is taken for another
done = resets = 0
may_end = threading.Event()
holder = threading.Thread()


def quote(number: int) -> int:
    time.sleep(0.01)
    if number % 7 == 0:
        raise ConnectionError("the exchange hung up")
    return number


def work() -> None:
    global done
    number = 0
    while True:
        number += 1
        try:
            quotes.call(quote, number)
        except ConnectionError:
            pass
        done += 1


def reset() -> int:
    global resets
    resets += 1
    return 1


def wait_and_fail() -> None:
    may_end.wait()
    raise ConnectionError("the peer has given up on it")


def hold() -> None:
    try:
        held.call(wait_and_fail)
    except ConnectionError:
        pass


def epoch() -> int:
    """The number of the breaker's epoch, of those that were seen at a command."""
    [now] = [layer.epoch for layer in quotes.layers if isinstance(layer, Breaker)]
    if not any(now is other for other in seen):
        seen.append(now)
    return len(seen)


recoveries = Recoveries()
recoveries.register_pool("connections", reset)
manager = RuntimeEnvironmentManager(recoveries=recoveries).start()
manager.on("broken", lambda event: noticed.append(event.detail.to_data()))
threading.Thread(target=work, daemon=True).start()
for line in sys.stdin:
    if line.strip() == "hold":
        held = Policy("held", CircuitBreaker.consecutive(1))
        may_end.clear()
        holder = threading.Thread(target=hold)
        holder.start()
    elif line.strip() == "release":
        may_end.set()
        holder.join()
    else:
        manager.look()
    said = {
        "environment": manager.environment,
        "noticed": noticed,
        "done": done,
        "seed": quotes.seed,
        "epoch": epoch(),
        "quotes": quotes[CircuitBreaker].state,
        "held": held[CircuitBreaker].state,
        "inside": quotes[Bulkhead].inside,
        "resets": resets,
    }
    print(json.dumps(said), flush=True)
    noticed = []
