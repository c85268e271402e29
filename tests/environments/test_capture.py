"""The tool that records environments asks what the tables ask, and what it writes can be replayed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backstay.environments import Recorded, SystemProbe, detect
from backstay_core.environments.questions import questions
from backstay_core.failure import ConfigurationError
from tools import capture_environment as tool


def test_it_asks_what_the_tables_ask():
    assert set(questions()) <= set(tool.QUESTIONS)


def test_it_stands_alone_and_its_recording_decides_as_the_system_does(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", tool.__file__, "--about", "here"], capture_output=True, text=True, check=True
    )
    data = json.loads(done.stdout)
    assert data["about"] == "here"
    recorded, live = detect(Recorded.from_data(data)), detect(SystemProbe())
    assert recorded.environments == live.environments
    assert recorded.to_data() == live.to_data()


@pytest.mark.parametrize("data", [None, [], {}, {"answers": []}, {"answers": {}, "missing": [1]}])
def test_what_is_no_recording_is_refused(data: object):
    with pytest.raises(ConfigurationError, match="no recording of an environment"):
        Recorded.from_data(data)
