"""The demo without the component, whatever is installed on this machine; `tests/wasm` has the demo with it."""

import pytest


@pytest.fixture(autouse=True)
def no_component(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTAY_ENGINE", "no-such-component.wasm")
