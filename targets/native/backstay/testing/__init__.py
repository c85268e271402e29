"""Test kit: virtual time, scripted dependencies, and what a policy decides, in readable lines.

``import backstay`` does not load it. With pytest, its fixtures are there without an import (`backstay.pytest_plugin`).
The guide is ``docs/testing.md``.
"""

from backstay.testing.decisions import assert_decisions
from backstay.testing.loop import Stuck, VirtualLoop
from backstay.testing.recording import Decisions, record
from backstay.testing.script import Call, Script
from backstay.testing.shortcuts import Disabled, Instant, disabled, instant
from backstay.testing.virtual import VirtualTime, run

__all__ = [
    "Call",
    "Decisions",
    "Disabled",
    "Instant",
    "Script",
    "Stuck",
    "VirtualLoop",
    "VirtualTime",
    "assert_decisions",
    "disabled",
    "instant",
    "record",
    "run",
]
