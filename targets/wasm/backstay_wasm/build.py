"""Builds components of the core, a world and a guest: the engine (`build`), the HTTP middleware (`build_http`)."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import backstay_core
from backstay_wasm import wasi

COMPONENTIZE = "0.25.1"


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
    root = _here()
    with tempfile.TemporaryDirectory(prefix="backstay-wasm-") as place:
        return _componentize(
            out,
            Path(place),
            "engine",
            root / "wit",
            [root / "targets/wasm/guest/app.py"],
            [] if debug else ["--stub-wasi"],
        )


def build_http(out: Path) -> Path:
    """Write the middleware for wasi:http to `out`, see `targets/wasm/http`.

    Takes some 10 s and 400 MB; npm fetches the WIT files of WASI, 0.2 MB. Raises `BuildError`.
    """
    home = _here() / "targets" / "wasm" / "http"
    with tempfile.TemporaryDirectory(prefix="backstay-wasm-") as place:
        wit = Path(place) / "wit"
        _look_for(home / "world.wit")
        try:
            wasi.fetch(wit / "deps")
        except wasi.WasiError as error:
            raise BuildError(str(error)) from None
        shutil.copy(home / "world.wit", wit)
        return _componentize(out, Path(place), "middleware", wit, sorted(home.glob("*.py")), [])


def _look_for(*files: Path) -> None:
    for file in files:
        if not file.exists():
            raise BuildError(f"a component is built from a checkout of the repository; {file.name} is not there")


def _program() -> str:
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
    return program


def _componentize(out: Path, work: Path, world: str, wit: Path, guest: list[Path], options: list[str]) -> Path:
    """Make the component of `world` of the core and the modules of `guest`, whose entry is ``app.py``."""
    _look_for(wit, *guest)
    program = _program()
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    core = Path(backstay_core.__file__).parent
    shutil.copytree(core, work / "src" / core.name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in guest:
        shutil.copy(file, work / "src" / file.name)
    command = [program, "--wit-path", str(wit), "--world", world, "componentize", *options]
    command += ["--python-path", "src", "app", "--output", "made.wasm"]
    # an empty environment: else it also looks into the environment's site-packages
    run = subprocess.run(command, cwd=work, env={}, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise BuildError((run.stdout + run.stderr).strip() or f"componentize-py ended with {run.returncode}")
    aside = out.with_suffix(".new")
    shutil.copy(work / "made.wasm", aside)
    aside.replace(out)
    return out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m backstay_wasm.build", description="Builds the WASM component.")
    parser.add_argument("out", nargs="?", type=Path, default=Path("build/backstay-engine.wasm"))
    parser.add_argument("--debug", action="store_true", help="a WASI build that shows the guest's tracebacks")
    parser.add_argument("--http", action="store_true", help="the middleware for wasi:http instead of the engine")
    given = parser.parse_args(arguments)
    try:
        path = build_http(given.out) if given.http else build(given.out, given.debug)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
