"""Recorded environments: `fixtures/<name>/capture.json` is what a probe would answer there (captured with
``tools/capture_environment.py``, or written down from a platform's documentation), `expected.json` what must be found.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backstay.environments import Recorded

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(path.parent.name for path in FIXTURES.glob("*/capture.json"))


def data_of(name: str) -> dict[str, Any]:
    """The recording as data: about, origin ("captured" or "documented"), missing, answers."""
    data: dict[str, Any] = json.loads((FIXTURES / name / "capture.json").read_text("utf-8"))
    return data


def recorded(name: str, **changes: Any) -> Recorded:
    """A probe that answers from the recording, with some answers changed (given by ``**{question: answer}``)."""
    data = data_of(name)
    return Recorded.from_data({**data, "answers": {**data["answers"], **changes}})


def expected(name: str) -> dict[str, Any]:
    """primary, layers, and values of some readings by name."""
    data: dict[str, Any] = json.loads((FIXTURES / name / "expected.json").read_text("utf-8"))
    return data
