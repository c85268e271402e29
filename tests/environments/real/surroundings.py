"""What every real environment offers a test: to run a command inside."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Protocol

DEMO = ("backstay", "demo", "--virtual", "--quick", "--seed", "7", "--json")


class Surroundings(Protocol):
    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; a code other than 0 fails the test."""
        ...


def demo(inside: Surroundings) -> Any:
    """The demo in virtual time, run inside: whatever the environment, the policy decides the same."""
    return json.loads(inside.run(*DEMO).stdout)
