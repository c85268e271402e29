"""Judges mutants: each in a process of its own, forked from this one, into which the kernel is imported anew.

There the conformance vectors run first, with the CPU time and the memory bounded, and then the tests. What noticed the
last mutant of a function is asked first about the next one.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from tools.mutants import Mutant

ROOT = Path(__file__).parents[1]
CORE = ROOT / "core" / "backstay_core"
MEMORY = 2 << 30

Vector = dict[str, Any]


class Verdict(NamedTuple):
    """`outcome` is what noticed the mutant: vectors, tests, timeout; or nothing: survived, accepted."""

    mutant: Mutant
    outcome: str
    by: str = ""


class Limits(NamedTuple):
    """CPU seconds for the vectors and for the tests."""

    vectors: int = 10
    tests: int = 120


# In the child


class _Replaced(importlib.machinery.SourceFileLoader):
    """Loads a module from another source than that of its file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> Any:
        return compile(self.source, self.get_filename(fullname), "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, path: str, source: str) -> None:
        self.name = name
        self.loader = _Replaced(name, path, source)

    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> Any:
        return importlib.util.spec_from_loader(fullname, self.loader) if fullname == self.name else None


def install(mutant: Mutant, source: str) -> None:
    """From now on the mutant's module is imported as the mutant has it."""
    name = "backstay_core." + mutant.module.replace("/", ".")
    sys.meta_path.insert(0, _Finder(name, str(CORE / f"{mutant.module}.py"), mutant.apply(source)))


def run_vectors(vectors: Sequence[Vector], first: Iterable[int] = ()) -> int | None:
    """The number of the first vector that does not give what it should. Those numbered `first` are run before all."""
    try:
        run = importlib.import_module("tests.conformance.simulate").run
    except Exception:
        return 0
    for number in dict.fromkeys([*first, *range(len(vectors))]):
        try:
            if not as_expected(run(vectors[number]), vectors[number]["expect"]):
                return number
        except Exception:
            return number
    return None


def as_expected(found: Vector, expect: Vector) -> bool:
    """Whether a runner found what a vector, in ms, says; of a final state it may say only a part."""
    return (
        found["calls"] == [[_in_ns(*entry) for entry in trace] for trace in expect["calls"]]
        and found["refused"] == [_ns(at) for at in expect.get("refused", [])]
        and all(
            found["final"][position].get(key) == value
            for position, written in enumerate(expect.get("final", []))
            for key, value in written.items()
        )
    )


def _in_ns(at: float, what: str, *more: Any) -> list[Any]:
    """An entry of a trace with its times in ns: when, the end of a wait, the pause that a failure asks for."""
    times = {"wait": 0, "fail": 2}
    position = times.get(what, len(more))
    return [_ns(at), what, *(_ns(item) if i == position and item is not None else item for i, item in enumerate(more))]


def _ns(ms: float) -> int:
    return round(ms * 1_000_000)


def run_tests(path: str, near: str, first: Sequence[str] = ()) -> str | None:
    """The first test that fails. Tests of `first`, then those whose names contain `near`, run before the others."""
    import hypothesis
    import pytest

    examples = hypothesis.Phase.explicit, hypothesis.Phase.generate  # a failure need not be made small
    hypothesis.settings.register_profile("mutate", database=None, deadline=None, derandomize=True, phases=examples)
    hypothesis.settings.load_profile("mutate")

    class Plugin:
        failed: str | None = None

        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            items.sort(key=lambda item: (item.nodeid not in first, near not in item.nodeid))

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and self.failed is None:
                self.failed = report.nodeid

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed and self.failed is None:
                self.failed = report.nodeid

    plugin = Plugin()
    options = ["-x", "-q", "--assert=plain", "--hypothesis-seed=0", "-m", "not slow", "-p", "no:cacheprovider"]
    options += ["-o", "addopts=--import-mode=importlib", "-o", "timeout=60"]
    status = pytest.main(["--rootdir", str(ROOT), *options, path], plugins=[plugin])
    if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return None
    return plugin.failed or f"pytest: {pytest.ExitCode(status).name}"


def limit_cpu(seconds: float) -> None:
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 1, resource.RLIM_INFINITY))


# In the parent


class Child:
    """A forked process that does `work` and sends back its result as JSON. One that dies has none."""

    def __init__(self, work: Callable[[], Any], wall: float, verbose: bool = False) -> None:
        self.ends = time.monotonic() + wall
        self.reads, writes = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(writes)
            return
        status = 1
        try:
            os.close(self.reads)
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(2 if verbose and stream else nothing, stream)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            sys.dont_write_bytecode = True
            with open(writes, "w", encoding="utf-8") as pipe:
                try:
                    json.dump({"result": work()}, pipe)
                except Exception:
                    json.dump({"error": traceback.format_exc()}, pipe)
            status = 0
        finally:
            os._exit(status)  # threads that a mutant left hanging do not matter

    def result(self) -> Any:
        """Wait for the end; None if it died (of a limit) or took too long."""
        parts = []
        while True:
            left = self.ends - time.monotonic()
            if left <= 0 or not select.select([self.reads], [], [], left)[0]:
                os.kill(self.pid, signal.SIGKILL)
                break
            part = os.read(self.reads, 1 << 16)
            if not part:
                break
            parts.append(part)
        os.close(self.reads)
        os.waitpid(self.pid, 0)
        sent = json.loads(b"".join(parts) or b"{}")
        if "error" in sent:
            raise RuntimeError(sent["error"])
        return sent.get("result")


class Judge:
    """Runs vectors and tests on mutants, and remembers what noticed the last one in each function."""

    def __init__(self, sources: dict[str, str], vectors: Sequence[Vector], tests: Sequence[str]) -> None:
        self.sources = sources
        self.vectors = vectors
        self.tests = tests
        self.limits = Limits()
        self.noticed: dict[tuple[str, str], list[Any]] = {}

    def baseline(self) -> None:
        """The kernel as it is must pass; the time this takes sets the limits."""
        started = time.monotonic()
        child = Child(lambda: self.work(None), 3600, verbose=bool(self.tests))
        stage, by, times = child.result() or ("nothing", "", [])
        if stage != "survived":
            name = self.vectors[int(by)]["name"] if stage == "vectors" else by
            raise SystemExit(f"the kernel as it is does not pass: {stage}: {name}")
        used = [*times, 0.0]
        self.limits = Limits(int(2 + 10 * used[0]), int(10 + 2 * used[1]))
        took = time.monotonic() - started
        say(
            f"unchanged: {len(self.vectors)} vectors in {used[0]:.1f} s, tests in {used[1]:.1f} s ({took:.1f} s in all)"
        )

    def work(self, mutant: Mutant | None) -> tuple[str, str, list[float]]:
        """In the child: what notices the mutant, and the CPU seconds of each stage."""
        for name in [name for name in sys.modules if name.startswith(("backstay", "tests."))]:
            del sys.modules[name]
        known = []
        limit_cpu(self.limits.vectors if mutant else 3600)
        if mutant is not None:
            install(mutant, self.sources[mutant.module])
            known = self.noticed.get((mutant.module, mutant.function), [])
        begun = time.process_time()
        failed = run_vectors(self.vectors, [number for number in known if isinstance(number, int)])
        times = [time.process_time() - begun]
        if failed is not None:
            return "vectors", str(failed), times
        if self.tests:
            limit_cpu(self.limits.tests if mutant else 3600)
            near = "" if mutant is None else mutant.module.rpartition("/")[2]
            first = [test for test in known if isinstance(test, str)]
            test = next((test for path in self.tests if (test := run_tests(path, near, first))), None)
            times.append(time.process_time() - begun)
            if test is not None:
                return "tests", test, times
        return "survived", "", times

    def start(self, mutant: Mutant) -> Child:
        return Child(lambda: self.work(mutant), 30 + 4 * (self.limits.vectors + self.limits.tests))

    def verdict(self, mutant: Mutant, child: Child) -> Verdict:
        outcome, by, _ = child.result() or ("timeout", "", [])
        if outcome in ("vectors", "tests"):
            known = self.noticed.setdefault((mutant.module, mutant.function), [])
            found: int | str = int(by) if outcome == "vectors" else by
            if found in known:
                known.remove(found)
            known.insert(0, found)
            if outcome == "vectors":
                by = self.vectors[found]["name"] if isinstance(found, int) else by
        return Verdict(mutant, outcome, by)

    def run(self, mutants: Sequence[Mutant], jobs: int) -> Iterator[Verdict]:
        """Verdicts as they come, `jobs` processes at a time."""
        waiting = list(reversed(mutants))
        running: list[tuple[Mutant, Child]] = []
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    mutant = waiting.pop()
                    running.append((mutant, self.start(mutant)))
                left = max(0.0, min(child.ends for _, child in running) - time.monotonic())
                ready = select.select([child.reads for _, child in running], [], [], left)[0]
                now = time.monotonic()
                over = [pair for pair in running if pair[1].reads in ready or pair[1].ends <= now]
                for mutant, child in over:
                    running.remove((mutant, child))
                    yield self.verdict(mutant, child)
        finally:
            for _, child in running:
                os.kill(child.pid, signal.SIGKILL)
                child.result()


def load_vectors(folder: Path) -> list[Vector]:
    """All vectors but those that wait for a strategy still to come."""
    vectors = [vector for path in sorted(folder.glob("*.json")) for vector in json.loads(path.read_text("utf-8"))]
    return [vector for vector in vectors if "pending" not in vector]


def say(line: str) -> None:
    """Progress goes to stderr."""
    print(line, file=sys.stderr, flush=True)
