"""Fixtures for pytest, which finds them by itself. The first that is used loads `backstay.testing`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from backstay.testing import Disabled, Instant, Script, VirtualTime


@pytest.fixture
def virtual_time() -> Iterator[VirtualTime]:
    """All policies in virtual time for the length of the test: ``advance``, ``run(coroutine)``, ``now``."""
    from backstay.testing import VirtualTime

    with VirtualTime() as time:
        yield time


@pytest.fixture
def instant_policies() -> Iterator[Instant]:
    """No policy pauses or waits: retries happen at once."""
    from backstay.testing import instant

    with instant() as time:
        yield time


@pytest.fixture
def disabled_policies() -> Iterator[Disabled]:
    """Calls go straight through all policies."""
    from backstay.testing import disabled

    with disabled() as scope:
        yield scope


@pytest.fixture
def script() -> type[Script]:
    """Makes scripted dependencies: ``script((0.2, ConnectionError()), (0, "ok"))``."""
    from backstay.testing import Script

    return Script
