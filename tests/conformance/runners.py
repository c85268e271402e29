"""Who runs the vectors. A runner takes a vector and returns {"calls": …, "refused": …, "final": …} with times in ns.

It may leave out "refused" and "final", and return None for a vector that it cannot express.
"""

from collections.abc import Callable
from typing import Any

from tests.conformance import oracle, simulate

Vector = dict[str, Any]

RUNNERS: dict[str, Callable[[Vector], "dict[str, Any] | None"]] = {
    "step machine": simulate.run,
    "oracle": oracle.run,
}
