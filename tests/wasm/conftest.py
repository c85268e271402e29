"""One component for all tests here: built once in a session, or named in BACKSTAY_ENGINE."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backstay_wasm import Engine, Limits
from backstay_wasm.build import build
from backstay_wasm.cache import Cache
from tests.wasm import javascript


@pytest.fixture(scope="session")
def component(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("BACKSTAY_ENGINE")
    if given:
        return Path(given)
    return build(tmp_path_factory.mktemp("wasm") / "backstay-engine.wasm")


@pytest.fixture(scope="session")
def js_package(component: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript package; its tests lie where Node finds it."""
    javascript.tools()
    return javascript.package(component, tmp_path_factory.mktemp("js"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache") / "own")


@pytest.fixture
def engine_of(component: Path, cache: Cache) -> Iterator[Callable[..., Engine]]:
    """Makes engines that are shut at the end of the test. They have the time that a busy machine needs."""
    made: list[Engine] = []

    def make(config: Any = None, **options: Any) -> Engine:
        limits = options.pop("limits", Limits())
        if limits.deadline == Limits.deadline:
            limits = replace(limits, deadline=60.0)
        options = {"component": component, "cache": cache, "limits": limits, **options}
        seed = options.pop("seed", 0)
        engine = Engine(**options)
        made.append(engine)
        if config is not None:
            engine.add(config, seed)
        return engine

    yield make
    for engine in made:
        engine.shut()
