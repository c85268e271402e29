"""What every real environment offers a test: to run a command inside."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Protocol

from backstay_core.environments.kinds import RuntimeEnvironment

DEMO = ("backstay", "demo", "--virtual", "--quick", "--seed", "7", "--json")


class Surroundings(Protocol):
    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; a code other than 0 fails the test."""
        ...


class Outlook:
    """What `backstay env` says inside: detection, capabilities, the primary environment's readings."""

    def __init__(self, inside: Surroundings, *options: str) -> None:
        said = inside.run("backstay", "env", "--json", "--explain", *options).stdout
        self.data: dict[str, Any] = json.loads(said)
        self.primary: str = self.data["primary"]
        self.layers: list[str] = [layer["environment"] for layer in self.data["layers"]]
        self.capabilities: dict[str, bool] = self.data["capabilities"]

    def ruled_out(self, environment: RuntimeEnvironment) -> list[str]:
        """What speaks against an environment for which something speaks; [] if nothing does."""
        for layer in self.data["ruled_out"]:
            if layer["environment"] == environment:
                against: list[str] = layer["against"]
                return against
        return []

    def __getitem__(self, name: str) -> Any:
        """The value of a reading."""
        return self.reading(name)["value"]

    def reading(self, name: str) -> dict[str, Any]:
        """Value, source, and reason if there is no value."""
        found: dict[str, Any] = {**self.data["resource_usage"], **self.data["system_info"]}[name]
        return found


def demo(inside: Surroundings) -> Any:
    """The demo in virtual time, run inside: whatever the environment, the policy decides the same."""
    return json.loads(inside.run(*DEMO).stdout)
