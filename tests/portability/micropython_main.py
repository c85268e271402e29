"""The main module on MicroPython: a vector a line in, its answer a line out, then on stderr what things weigh.

With the argument `moving` everything moves to fresh policies and calls before each step.
"""

import gc
import json
import sys

gc.threshold(16 * 1024)  # type: ignore[attr-defined]  # collects often, or a small heap falls to pieces

FIVE = """{"name": "five", "strategies": [
    {"kind": "fallback", "value": "substitute"},
    {"kind": "timeout", "seconds": 5},
    {"kind": "retry", "budget": {}},
    {"kind": "circuit_breaker"},
    {"kind": "bulkhead", "limit": 10, "queue": 100}
]}"""


def heap() -> int:
    """Bytes in use."""
    gc.collect()
    used: int = gc.mem_alloc()  # type: ignore[attr-defined]
    return used


empty = heap()
from backstay_core.canonical import dumps  # noqa: E402
from backstay_core.execution import START, Execution  # noqa: E402
from backstay_core.policy import Policy  # noqa: E402

kernel = heap()
policy = Policy.from_data(json.loads(FIVE))
one_policy = heap()
call = Execution(policy)
call.step((START,), 0)
one_call = heap()
weights = {
    "kernel": kernel - empty,
    "policy of five strategies": one_policy - kernel,
    "call in flight": one_call - one_policy,
}
del policy, call

from tests.conformance import moving, simulate  # noqa: E402


def answer(vector):
    return moving.what_decides(moving.run(vector)) if "moving" in sys.argv else simulate.run(vector)


for line in sys.stdin:
    try:
        text = dumps(answer(json.loads(line)))
    except Exception as error:
        text = type(error).__name__ + ": " + str(error)
    print(text)
    gc.collect()

print(dumps(weights), file=sys.stderr)
