"""How many examples a property is tried on, and which."""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

GIVEN = os.environ.get("BACKSTAY_CASES")


def cases(share: float = 1.0, **more: Any) -> settings:
    """1 000 examples, the same ones each time; with BACKSTAY_CASES as many as it says, new ones each time."""
    return settings(
        max_examples=max(1, int(int(GIVEN or 1000) * share)),
        derandomize=GIVEN is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        **more,
    )
