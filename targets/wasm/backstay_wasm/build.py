"""Builds the component out of `core`, `wit` and the guest: ``build(Path("backstay-engine.wasm"))``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import backstay_core

COMPONENTIZE = "0.25.1"
WORLD = "engine"


class BuildError(Exception):
    """The component could not be built; the text says why."""


def _here() -> Path:
    return Path(__file__).resolve().parents[3]


def sources() -> list[Path]:
    """Every file that the component is made of."""
    core = Path(backstay_core.__file__).parent
    return [
        *sorted(core.rglob("*.py")),
        *sorted((_here() / "wit").glob("*.wit")),
        _here() / "targets/wasm/guest/app.py",
    ]


def build(out: Path, debug: bool = False) -> Path:
    """Write the component to `out`. A debug build imports WASI and shows the guest's tracebacks.

    Works without a network. Takes some 10 s and 400 MB. Raises `BuildError`.
    """
    wit, guest = _here() / "wit", _here() / "targets" / "wasm" / "guest" / "app.py"
    if not (wit.is_dir() and guest.is_file()):
        raise BuildError("the component is built from a checkout of the repository, with wit/ and targets/wasm/guest/")
    try:
        found = version("componentize-py")
    except PackageNotFoundError:
        raise BuildError(
            f"componentize-py is missing; install it with: pip install componentize-py=={COMPONENTIZE}"
        ) from None
    if found != COMPONENTIZE:
        raise BuildError(f"componentize-py {COMPONENTIZE} is needed, {found} is installed")
    program = shutil.which("componentize-py", path=str(Path(sys.executable).parent)) or shutil.which("componentize-py")
    if program is None:
        raise BuildError("componentize-py is installed, but its program is nowhere on PATH")
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backstay-wasm-") as place:
        work = Path(place)
        core = Path(backstay_core.__file__).parent
        shutil.copytree(core, work / "src" / core.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(guest, work / "src" / guest.name)
        command = [program, "--wit-path", str(wit), "--world", WORLD, "componentize"]
        command += [] if debug else ["--stub-wasi"]
        command += ["--python-path", "src", "app", "--output", "engine.wasm"]
        # an empty environment: else it also looks into the environment's site-packages
        run = subprocess.run(command, cwd=work, env={}, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise BuildError((run.stdout + run.stderr).strip() or f"componentize-py ended with {run.returncode}")
        aside = out.with_suffix(".new")
        shutil.copy(work / "engine.wasm", aside)
        aside.replace(out)
    return out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m backstay_wasm.build", description="Builds the WASM component.")
    parser.add_argument("out", nargs="?", type=Path, default=Path("build/backstay-engine.wasm"))
    parser.add_argument("--debug", action="store_true", help="a WASI build that shows the guest's tracebacks")
    given = parser.parse_args(arguments)
    try:
        path = build(given.out, given.debug)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
