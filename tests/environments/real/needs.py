"""What a test here needs of the machine. Where it is missing the test is skipped, loudly, and in CI it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[3]
DOWNLOADS = ROOT / "build" / "real"  # kernels and packages that `make real` fetched


def missing(what: str) -> NoReturn:
    """End the test: this machine has not got what it needs."""
    reason = f"NOT TESTED FOR REAL: {what}; `make real`, as root on Debian, installs it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need_root() -> None:
    if os.geteuid() != 0:
        missing("only root may start this environment")


def need_programs(*names: str) -> None:
    absent = [name for name in names if shutil.which(name) is None]
    if absent:
        missing(f"there is no {', no '.join(absent)}")


def need_file(pattern: str) -> Path:
    """The one downloaded file that fits the pattern, which is relative to `build/real`."""
    found = sorted(DOWNLOADS.glob(pattern))
    if not found:
        missing(f"there is no {DOWNLOADS.relative_to(ROOT) / pattern}")
    return found[-1]
