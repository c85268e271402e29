from collections.abc import Iterator

import pytest

from backstay import Policy
from tests.support.worlds import FLAVOURS, WORLDS, LoopWorld, SyncWorld, World


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each of the worlds, or those that the test asks for: "sync" or "asyncio"."""
    world = WORLDS[request.param]()
    yield world
    world.close()


@pytest.fixture(params=sorted(FLAVOURS))
def policies(request: pytest.FixtureRequest) -> type[Policy]:
    """The class of policies, where the test itself takes care of threads and loops."""
    return FLAVOURS[request.param]


@pytest.fixture(params=sorted(FLAVOURS))
def sync_world(request: pytest.FixtureRequest) -> SyncWorld:
    return SyncWorld(FLAVOURS[request.param])


@pytest.fixture(params=sorted(FLAVOURS))
def loop_world(request: pytest.FixtureRequest) -> Iterator[LoopWorld]:
    world = LoopWorld(FLAVOURS[request.param])
    yield world
    world.close()
