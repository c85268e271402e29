"""Node 24 and the JavaScript package, for tests.

What is missing is installed. What cannot be had is a skip that says how to get it, and in CI a failure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from backstay_core.documents import EngineError
from backstay_wasm import Decision

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "targets" / "wasm" / "js"
HERE = Path(__file__).parent / "js"
BIN = SOURCE / "node_modules" / ".bin"


def missing(what: str, remedy: str) -> NoReturn:
    """There is no way of running these tests on this machine."""
    text = f"{what} is missing: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(text)
    pytest.skip(text)


def tools() -> Path:
    """The directory of `node` and `tsc`, installed by npm as the lock file says."""
    if shutil.which("npm") is None:
        missing("npm", "install Node.js and npm (Debian: apt-get install nodejs npm); the rest comes by itself")
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # this may run under make
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    run = subprocess.run(
        ["make", "--no-print-directory", "node-tools"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        missing("Node 24", f"`make node-tools` failed:\n{run.stdout}{run.stderr}")
    return BIN


def node(*args: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True, "text": True, "timeout": 500, "check": False, **options}
    return subprocess.run([BIN / "node", *args], **options)


def package(component: Path, place: Path) -> Path:
    """The package as `make wasm-js` lays it out, where Node finds it for files in `place`."""
    out = place / "node_modules" / "backstay"
    out.parent.mkdir(parents=True)
    run = node(SOURCE / "build.mjs", component, out)
    assert run.returncode == 0, run.stderr
    for file in HERE.iterdir():
        shutil.copy(file, place)
    (place / "package.json").write_text('{"type": "module"}')
    return out


class NodeEngine:
    """An engine in a Node process, with the methods that `tests.wasm.worlds` wants."""

    restored = 0

    def __init__(self, package: Path) -> None:
        self.process = subprocess.Popen(
            [BIN / "node", HERE / "serve.mjs", package / "src" / "index.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.wakes: dict[int, Callable[[], object]] = {}

    def shut(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def ask(self, *request: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        for call in answer["woken"]:
            self.wakes[call]()
        if "error" in answer:
            raise EngineError(*answer["error"])
        return answer["ok"]

    def load(self, text: str) -> Any:
        return self.ask("load", text)

    def begin(
        self, policy: int, now: int, *, deadline: int | None = None, wake: Any = None, caller: Any = None
    ) -> Decision:
        who = caller and {"priority": caller.priority, "tenant": caller.tenant}
        decision = decided(self.ask("begin", policy, now, deadline, wake is not None, who))
        if wake is not None:
            self.wakes[decision.call] = wake
        return decision

    def step(self, call: int, event: str, token: int = 0, *, now: int, detail: str | None = None) -> Decision:
        return decided(self.ask("step", call, event, token, now, detail))

    def close(self, call: int, now: int) -> Decision:
        return decided(self.ask("close", call, now))

    def attach(self, call: int, wake: Any) -> None:
        self.wakes[call] = wake
        self.ask("attach", call)

    def snapshot(self, now: int) -> Any:
        return self.ask("snapshot", now)

    def restore(self, text: str, now: int) -> None:
        self.ask("restore", text, now)

    def snapshot_policy(self, policy: int, now: int, wall: int | None = None) -> Any:
        return json.loads(self.ask("snapshotPolicy", policy, now, wall))

    def restore_policy(self, policy: int, data: Any, now: int, mode: str, wall: int | None) -> None:
        self.ask("restorePolicy", policy, json.dumps(data), now, mode, wall)

    def control(self, policy: int, position: int, command: str, now: int) -> None:
        self.ask("control", policy, position, command, now)


def decided(data: dict[str, Any]) -> Decision:
    """A decision of the package as one of the Python host library."""
    names = ("woken", "position")
    more = {name: data[name] for name in names if data.get(name) not in (None, [])}
    if data["before"]:
        more["before"] = [[*action[:4], *map(reason, action[4:])] for action in data["before"]]
    return Decision(data["call"], data["action"], data["token"], data["time"], more | reason(data) or None)


def reason(data: dict[str, Any]) -> dict[str, Any]:
    said = {name: data[name] for name in ("operation", "failure") if data.get(name) is not None}
    if "failure" in said:
        failure = dict(said["failure"])
        pause = failure.pop("retryAfter", None)
        said["failure"] = failure if pause is None else {**failure, "retry_after": pause}
    return said
