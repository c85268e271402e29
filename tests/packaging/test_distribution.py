"""What is published works for people who have no checkout: wheel and sdist, installed elsewhere and run from there.

Installing needs the package index, as any installation does.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("backstay", "backstay_core", "backstay_wasm")

pytestmark = pytest.mark.timeout(3000)

FACTS = """
import importlib, importlib.metadata, json
print(json.dumps({
    "requires": importlib.metadata.requires("backstay") or [],
    "files": {name: importlib.import_module(name).__file__ for name in ("backstay", "backstay_core")},
}))
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of the checkout: no PYTHONPATH, no active environment."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def succeed(*command: str | Path, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    succeed(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    [wheel], [sdist] = out.glob("*.whl"), out.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="session", params=["wheel", "sdist"])
def archive(request: pytest.FixtureRequest, archives: dict[str, Path]) -> Path:
    return archives[request.param]


class Installed:
    """An environment outside the checkout; commands run in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        succeed(sys.executable, "-m", "venv", "venv", cwd=folder)
        self.scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        # The build backend is pinned and installed beforehand, so that building from the sdist takes no other version.
        self.pip("install", f"hatchling=={version('hatchling')}")

    def pip(self, *arguments: str) -> str:
        return self.python("-m", "pip", "--retries", "5", "--disable-pip-version-check", *arguments)

    def python(self, *arguments: str) -> str:
        return succeed(self.scripts / "python", *arguments, cwd=self.folder)

    def backstay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(self.scripts / "backstay", *arguments, cwd=self.folder)


@pytest.fixture(scope="session")
def bare(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    installed = Installed(tmp_path_factory.mktemp("bare"))
    installed.pip("install", "--no-build-isolation", str(archive))
    return installed


@pytest.fixture(scope="session")
def with_cli(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    installed = Installed(tmp_path_factory.mktemp("cli"))
    installed.pip("install", "--no-build-isolation", f"backstay[cli] @ {archive.as_uri()}")
    return installed


def test_the_wheel_holds_the_packages_and_nothing_else(archives: dict[str, Path]):
    with zipfile.ZipFile(archives["wheel"]) as wheel:
        names = wheel.namelist()
    roots = {name.partition("/")[0] for name in names}
    assert roots == {*PACKAGES, f"backstay-{version('backstay')}.dist-info"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_a_packager_needs(archives: dict[str, Path]):
    with tarfile.open(archives["sdist"]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {
        "CHANGELOG.md", "LICENSE", "Makefile", "README.md", "docs/dependencies.md", "pyproject.toml",
        "requirements/dev.txt", "tests/packaging/test_distribution.py",
    }  # fmt: skip
    assert wanted <= names
    assert not [name for name in names if name.startswith((".git/", ".venv/", "dist/")) or "__pycache__" in name]


def test_the_base_install_requires_nothing(bare: Installed):
    requires = json.loads(bare.python("-c", FACTS))["requires"]
    assert [line for line in requires if "extra ==" not in line] == []
    assert re.search(r"^Requires: *$", bare.pip("show", "backstay"), re.MULTILINE)


def test_the_packages_come_from_site_packages(bare: Installed):
    for package, file in json.loads(bare.python("-c", FACTS))["files"].items():
        assert Path(file).is_relative_to(bare.folder / "venv"), package
        assert (Path(file).parent / "py.typed").is_file()


def test_the_command_says_what_to_install(bare: Installed):
    done = bare.backstay("demo")
    assert done.stderr == "backstay: the command line needs the 'cli' extra: pip install 'backstay[cli]'\n"
    assert done.stdout == ""
    assert done.returncode == 2


def test_the_demo_runs(with_cli: Installed):
    done = with_cli.backstay("demo", "--json", "--seed", "1", "--quick")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
