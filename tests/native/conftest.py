from collections.abc import Iterator

import pytest

from tests.support.worlds import WORLDS, LoopWorld, SyncWorld, World


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each of the worlds."""
    world = WORLDS[request.param]()
    yield world
    world.close()


@pytest.fixture
def sync_world() -> SyncWorld:
    return SyncWorld()


@pytest.fixture
def loop_world() -> Iterator[LoopWorld]:
    world = LoopWorld()
    yield world
    world.close()
