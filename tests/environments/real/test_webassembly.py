"""Python on WebAssembly, twice: Pyodide under Node, and CPython for WASI under wasmtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.environments.real.surroundings import Surroundings, demo
from tests.environments.real.webassembly import Pyodide, Wasi


@pytest.fixture(scope="module", params=["pyodide", "wasi"])
def inside(request: pytest.FixtureRequest, root: Path, scratch: Callable[[str], Path]) -> Surroundings:
    site = root / "opt" / "backstay"
    return Pyodide(site) if request.param == "pyodide" else Wasi(site, scratch("wasi"))


def test_a_policy_decides_as_it_does_outside(inside: Surroundings, here: object):
    assert demo(inside) == here
