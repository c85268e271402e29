"""Adapters that other packages bring: entry points of the group ``backstay.environments``, read only when asked for.

The name of an entry point is the environment's, the object a function of a probe and the environment's settings that
returns a `RuntimeEnvironmentAdapter`.
"""

from __future__ import annotations

from backstay.environments.bounded import AdapterError
from backstay_core.environments.contract import RuntimeEnvironmentAdapter
from backstay_core.environments.kinds import NAMES, RuntimeEnvironment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from backstay_core.environments.reading import Probe

    Factory = Callable[[Probe, Mapping[str, Any]], RuntimeEnvironmentAdapter]
else:
    Factory = object

GROUP = "backstay.environments"


def installed(complain: Callable[[AdapterError], object]) -> dict[RuntimeEnvironment, Factory]:
    """The factories by environment. One that cannot be loaded is left out, after `complain` was told."""
    from importlib.metadata import entry_points

    found: dict[RuntimeEnvironment, Factory] = {}
    for point in entry_points(group=GROUP):
        if point.name not in NAMES:
            complain(AdapterError(f"entry point {point.name} of {GROUP} is no environment", "validation"))
            continue
        try:
            found[RuntimeEnvironment(point.name)] = point.load()
        except Exception as error:
            complain(AdapterError(f"entry point {point.name} of {GROUP} cannot be loaded: {error}"))
    return found
