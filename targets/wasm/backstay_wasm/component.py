"""Which component: a file that was named, or the one of the installed distribution ``backstay-engine``."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from backstay_wasm.values import IncompatibleComponent

VARIABLE = "BACKSTAY_ENGINE"


def find(component: str | os.PathLike[str] | None = None) -> Path:
    """The path of the component. Raises `IncompatibleComponent` if there is none."""
    given = component if component is not None else os.environ.get(VARIABLE)
    if given is not None:
        path = Path(given)
        if not path.is_file():
            raise IncompatibleComponent(f"there is no component at {path}")
        return path
    try:
        installed: Path | None = import_module("backstay_engine").path()
    except ImportError:
        installed = None
    if installed is None or not installed.is_file():
        raise IncompatibleComponent(
            f"there is no component: install backstay-engine, build one with `backstay wasm build`, or name one in "
            f"{VARIABLE}"
        )
    return installed
