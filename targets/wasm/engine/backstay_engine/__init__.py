"""Data only: where the component is."""

from pathlib import Path


def path() -> Path:
    """The path of ``backstay-engine.wasm``. In a checkout it is there after ``make wasm``."""
    return Path(__file__).with_name("backstay-engine.wasm")
