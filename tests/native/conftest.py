from collections.abc import Iterator

import pytest

from backstay import Policy
from tests.support.trio_world import EarlyCompiledPolicy, TrioWorld
from tests.support.worlds import FLAVOURS, WORLDS, LoopWorld, SyncWorld, World

TRIO_FLAVOURS: dict[str, type[Policy]] = {**FLAVOURS, "compiled for asyncio": EarlyCompiledPolicy}


@pytest.fixture(params=[*sorted(WORLDS), *(f"trio-{flavour}" for flavour in TRIO_FLAVOURS)])
def world(request: pytest.FixtureRequest) -> Iterator[World | TrioWorld]:
    """Each of the worlds: sync, asyncio and trio, with frames and step by step."""
    name: str = request.param
    world = TrioWorld(TRIO_FLAVOURS[name[5:]]) if name.startswith("trio-") else WORLDS[name]()
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


@pytest.fixture(params=TRIO_FLAVOURS)
def trio_world(request: pytest.FixtureRequest) -> TrioWorld:
    return TrioWorld(TRIO_FLAVOURS[request.param])
