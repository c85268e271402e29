"""The kernel decides inside a WASM component as it does outside, and the component needs nothing from its host."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wasmtime import Engine, Store
from wasmtime.component import Component, Func, Linker

import backstay_core
from tests.conformance import simulate
from tests.portability.vectors import Vector, answer, conformance, random_vectors

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The component, from nothing but the core, the simulation and the guest."""
    beside = Path(sys.executable).parent
    program = shutil.which("componentize-py", path=str(beside))
    if program is None:
        pytest.fail(f"there is no componentize-py in {beside}; install it with: pip install componentize-py")
    place = tmp_path_factory.mktemp("wasm")
    core = Path(backstay_core.__file__).parent
    shutil.copytree(core, place / "src" / core.name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (Path(simulate.__file__), HERE / "wasm" / "guest.py"):
        shutil.copy(file, place / "src")
    component = place / "smoke.wasm"
    world = ["--wit-path", str(HERE / "wasm"), "--world", "smoke"]
    build = ["componentize", "--stub-wasi", "--python-path", "src", "guest", "--output", str(component)]
    begin = time.perf_counter()
    run = subprocess.run(
        [program, *world, *build],
        cwd=place,
        env={},  # else it also looks into the environment's site-packages
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    print(f"built in {time.perf_counter() - begin:.1f} s: {component.stat().st_size / 1e6:.1f} MB")
    return component


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()


@pytest.fixture(scope="session")
def component(engine: Engine, built: Path) -> Component:
    begin = time.perf_counter()
    component = Component.from_file(engine, str(built))
    print(f"compiled in {time.perf_counter() - begin:.1f} s")
    return component


class Instance:
    """One instance of the component."""

    def __init__(self, engine: Engine, component: Component) -> None:
        self.store = Store(engine)
        run = Linker(engine).instantiate(self.store, component).get_func(self.store, "run")
        assert isinstance(run, Func)
        self.function = run

    def run(self, text: str) -> tuple[str, str]:
        """("ok", trace) or ("err", what is wrong)."""
        result = self.function(self.store, text)
        return result.tag, result.payload


@pytest.fixture
def instance(engine: Engine, component: Component) -> Instance:
    return Instance(engine, component)


def check(instance: Instance, vectors: list[Vector]) -> None:
    for vector in vectors:
        text = json.dumps(vector)
        _, got = instance.run(text)
        assert got == answer(vector), f"{vector['name']}: {text}"


def test_it_imports_nothing(engine: Engine, component: Component):
    assert list(component.type.imports(engine)) == []


def test_conformance_vectors(instance: Instance):
    vectors = conformance()
    assert vectors, "no conformance vectors found"
    check(instance, vectors)


def test_random_vectors(instance: Instance):
    check(instance, random_vectors(500))


def test_instances_share_nothing(engine: Engine, component: Component):
    """A component is a snapshot of the moment it was built: a new instance must not go on where another one was."""
    vectors = random_vectors(50, seed=2)
    check(Instance(engine, component), vectors)
    check(Instance(engine, component), vectors[::-1])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"policy": {"name": "p", "strategies": [{"kind": "circuit_braker"}]}}', id="no such strategy"),
        pytest.param('{"policy": {"name": "p"}, "calls": [{"at": "now"}]}', id="no number"),
        pytest.param("[" * 500 + "]" * 500, id="deep"),
    ],
)
def test_a_bad_vector_leaves_the_instance_usable(instance: Instance, text: str):
    tag, message = instance.run(text)
    assert (tag, bool(message)) == ("err", True)
    check(instance, random_vectors(3))
