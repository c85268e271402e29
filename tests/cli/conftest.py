"""The demo without the component, whatever is installed on this machine; `tests/wasm` has the demo with it.

A screen has 80 columns, however wide the one is that the tests run on.
"""

import pytest


@pytest.fixture(autouse=True)
def no_component(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTAY_ENGINE", "no-such-component.wasm")


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
