"""Python on WebAssembly, twice: Pyodide under Node, and CPython for WASI under wasmtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backstay_core.environments.kinds import RuntimeEnvironment
from tests.environments.real.surroundings import Outlook, Surroundings, demo
from tests.environments.real.webassembly import Pyodide, Wasi

pytestmark = pytest.mark.slow  # a minute on a busy machine: both compile a CPython first


@pytest.fixture(scope="module", params=["pyodide", "wasi"])
def inside(request: pytest.FixtureRequest, root: Path, scratch: Callable[[str], Path]) -> Surroundings:
    site = root / "opt" / "backstay"
    return Pyodide(site) if request.param == "pyodide" else Wasi(site, scratch("wasi"))


def test_a_policy_decides_as_it_does_outside(inside: Surroundings, here: object):
    assert demo(inside) == here


def test_it_is_webassembly_and_nothing_else(inside: Surroundings):
    outlook = Outlook(inside)
    assert outlook.primary == RuntimeEnvironment.WEBASSEMBLY
    assert outlook.layers == [RuntimeEnvironment.WEBASSEMBLY]
    assert outlook["system_name"] in ("Emscripten", "wasi")
    assert not outlook.capabilities["multiprocessing"]
    assert not outlook.capabilities["multithreading"]  # what the interpreter says, against what is declared


def test_what_cannot_be_read_there_is_not_made_up(inside: Surroundings):
    outlook = Outlook(inside)
    unknown = [name for name, reading in outlook.data["resource_usage"].items() if reading["value"] is None]
    assert {"cpu_usage_percent", "network_rx_bytes", "network_tx_bytes"} <= set(unknown)
    assert all(outlook.reading(name)["reason"] for name in unknown)
