"""Changes the kernel's code one spot at a time and counts which changes the suite notices.

    python tools/mutate.py                          # all mutants of the kernel
    python tools/mutate.py --only retry --limit 50  # a sample of one module's
    python tools/mutate.py --rules                  # which rules could go without any conformance vector failing

Each mutant is judged in a process of its own, forked from this one, into which the kernel is imported anew with one
module's source replaced. First it runs the conformance vectors; if all of them still give what they should, the tests.
A mutant that changes nothing that matters is listed with its reason in mutants.toml. docs/mutation.md says how to read
the result. POSIX only.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import select
import signal
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.mutants import OPERATORS, Mutant, find  # noqa: E402 - the path to it is set above

CORE = ROOT / "core" / "backstay_core"
VECTORS = ROOT / "tests" / "conformance" / "vectors"
ACCEPTED = Path(__file__).with_name("mutants.toml")
TESTS = ("tests/core", "tests/conformance", "tests/property")
NOT_KERNEL = ("errors", "monitoring", "chaos", "simulation", "environments", "orchestration", "config")

REMOVALS = ("delete", "condition", "row")  # the operators that take a rule out of the code altogether
RULES = ("strategies/", "execution")  # where the rules are
MEMORY = 3 << 30
KEYS = ("module", "function", "text", "operator", "change")  # what names a mutant

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


# Which mutants


def kernel(core: Path = CORE) -> dict[str, str]:
    """Source by module name, `strategies/retry` for example."""
    paths = sorted(path.relative_to(core) for path in core.rglob("*.py"))
    return {
        path.with_suffix("").as_posix(): (core / path).read_text(encoding="utf-8")
        for path in paths
        if path.parts[0].removesuffix(".py") not in NOT_KERNEL
    }


def is_rule(mutant: Mutant) -> bool:
    """Whether it takes out of the code what a vector could notice; vectors see no events."""
    told = mutant.operator == "delete" and ".tell(" in mutant.change
    return mutant.operator in REMOVALS and mutant.module.startswith(RULES) and not told


class Reasons:
    """Reads mutants.toml. An entry names a mutant; keys that it leaves out fit any, so it may name several.

    `[[accepted]]` changes nothing that matters; `[[beyond_vectors]]` is for tests to notice, vectors cannot.
    """

    def __init__(self, text: str) -> None:
        self.tables: dict[str, list[dict[str, str]]] = {"accepted": [], "beyond_vectors": []}
        for table, entries in tomllib.loads(text).items():
            if table not in self.tables:
                raise SystemExit(f"mutants.toml: unknown table {table!r}")
            for entry in entries:
                if not {"module", "function", "reason"} <= entry.keys() <= {*KEYS, "reason"} or not entry["reason"]:
                    raise SystemExit(f"mutants.toml: an entry has module, function, reason and some of {KEYS}: {entry}")
            self.tables[table] = entries

    def find(self, mutant: Mutant, table: str = "accepted") -> str | None:
        return next((entry["reason"] for entry in self.tables[table] if _fits(entry, mutant)), None)

    def unmatched(self, mutants: Sequence[Mutant]) -> list[dict[str, str]]:
        """The entries that fit no mutant: their line has changed, or it is gone."""
        entries = [entry for table in self.tables.values() for entry in table]
        return [entry for entry in entries if not any(_fits(entry, mutant) for mutant in mutants)]


def _fits(entry: dict[str, str], mutant: Mutant) -> bool:
    return all(entry.get(key, value) == value for key, value in zip(KEYS, mutant.name, strict=True))


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
            if run(vectors[number]) != vectors[number]["expect"]:
                return number
        except Exception:
            return number
    return None


def run_tests(paths: Sequence[str], near: str, first: Sequence[str] = ()) -> str | None:
    """The first test that fails. Tests of `first`, then those whose names contain `near`, run before the others."""
    import hypothesis
    import pytest

    examples = hypothesis.Phase.explicit, hypothesis.Phase.generate  # a failure need not be made small
    hypothesis.settings.register_profile("mutate", database=None, deadline=None, derandomize=True, phases=examples)
    hypothesis.settings.load_profile("mutate")

    class Plugin:
        failed: str | None = None

        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            def key(item: pytest.Item) -> tuple[bool, bool, bool]:
                return item.nodeid not in first, near not in item.nodeid, "property" in item.nodeid

            items.sort(key=key)

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and self.failed is None:
                self.failed = report.nodeid

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed and self.failed is None:
                self.failed = report.nodeid

    plugin = Plugin()
    options = ("-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib")
    status = pytest.main(["--rootdir", str(ROOT), *options, *paths], plugins=[plugin])
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
            raise SystemExit(f"the kernel as it is does not pass: {stage} {by}")
        used = [*times, 0.0]
        self.limits = Limits(int(2 + 10 * used[0]), int(20 + 3 * used[1]))
        took = time.monotonic() - started
        _say(
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
            test = run_tests(self.tests, near, [test for test in known if isinstance(test, str)])
            times.append(time.process_time() - begun)
            if test is not None:
                return "tests", test, times
        return "survived", "", times

    def start(self, mutant: Mutant) -> Child:
        return Child(lambda: self.work(mutant), 60 + 4 * (self.limits.vectors + self.limits.tests))

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


# The report

COLUMNS = ("mutants", "vectors", "tests", "timeout", "accepted", "survived")


def count(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """Numbers by module, and of all together under "total"."""
    table: dict[str, dict[str, int]] = {}
    for verdict in verdicts:
        for row in (verdict.mutant.module, "total"):
            counts = table.setdefault(row, dict.fromkeys(COLUMNS, 0))
            counts["mutants"] += 1
            counts[verdict.outcome] += 1
    if "total" in table:
        table["total"] = table.pop("total")
    return table


def score(counts: dict[str, int]) -> float:
    """Noticed mutants in per cent of all, accepted ones included."""
    noticed = counts["vectors"] + counts["tests"] + counts["timeout"]
    return 100 * noticed / counts["mutants"] if counts["mutants"] else 100.0


def write_table(table: dict[str, dict[str, int]]) -> str:
    lines = [f"{'module':<28}" + "".join(f"{column:>10}" for column in (*COLUMNS, "score"))]
    for name, counts in table.items():
        lines.append(f"{name:<28}" + "".join(f"{counts[column]:>10}" for column in COLUMNS) + f"{score(counts):>9.1f}%")
    return "\n".join(lines)


def write_json(verdicts: Sequence[Verdict], reasons: Reasons) -> str:
    table = {name: {**counts, "score": round(score(counts), 2)} for name, counts in count(verdicts).items()}
    rows = [
        {**dict(zip(KEYS, v.mutant.name, strict=True)), "line": v.mutant.line, "outcome": v.outcome, "by": v.by}
        | ({"reason": reasons.find(v.mutant)} if v.outcome == "accepted" else {})
        for v in verdicts
    ]
    return json.dumps({"modules": table, "mutants": rows}, indent=1, ensure_ascii=False)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="MODULE", help="modules whose name ends so: retry, policy")
    parser.add_argument("--operator", action="append", choices=OPERATORS, help="only these kinds of change")
    parser.add_argument("--function", metavar="TEXT", help="only in functions whose name contains this")
    parser.add_argument("--limit", type=int, help="a random sample of so many (the same one each time)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants judged at once (2)")
    parser.add_argument("--least", type=float, default=90, help="fail below this score, in per cent (90)")
    parser.add_argument("--cases", type=int, default=25, help="examples of each property test (25)")
    parser.add_argument("--recheck", action="store_true", help="judge accepted mutants too, and list the noticed ones")
    parser.add_argument("--rules", action="store_true", help="list the rules that no vector would miss")
    parser.add_argument("--vectors", type=Path, default=VECTORS, help="folder of the conformance vectors")
    parser.add_argument("--tests", action="append", metavar="PATH", help=f"what pytest runs ({' '.join(TESTS)})")
    parser.add_argument("--list", action="store_true", help="list the mutants and judge none")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


def choose(options: argparse.Namespace, mutants: Sequence[Mutant]) -> list[Mutant]:
    only = options.only or [""]
    chosen = [
        mutant
        for mutant in mutants
        if any(mutant.module.endswith(name) for name in only)
        and (not options.operator or mutant.operator in options.operator)
        and (options.function or "") in mutant.function
        and (not options.rules or is_rule(mutant))
    ]
    if options.limit is not None and options.limit < len(chosen):
        picked = random.Random(0).sample(range(len(chosen)), options.limit)
        chosen = [chosen[position] for position in sorted(picked)]
    return chosen


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    sources = kernel()
    everything = [mutant for module, source in sources.items() for mutant in find(source, module)]
    reasons = Reasons(ACCEPTED.read_text(encoding="utf-8"))
    unmatched = reasons.unmatched(everything)
    mutants = choose(options, everything)
    if options.list:
        print("\n".join(map(str, mutants)))
        return 0
    if unmatched:
        _say("mutants.toml names what is no mutant:\n" + "\n".join(map(str, unmatched)))
        return 2
    verdicts = judge(options, sources, mutants, reasons)
    return report_rules(verdicts) if options.rules else report(options, verdicts, reasons)


def judge(
    options: argparse.Namespace, sources: dict[str, str], mutants: Sequence[Mutant], reasons: Reasons
) -> list[Verdict]:
    """The verdicts on `mutants`, in their order."""
    os.chdir(ROOT)
    sys.path[1:1] = [str(ROOT / "core"), str(ROOT / "targets" / "native")]
    os.environ["BACKSTAY_CASES"] = str(options.cases)
    tests = [] if options.rules else [path for path in options.tests or TESTS if Path(path.partition(":")[0]).exists()]
    if tests:
        importlib.import_module("hypothesis.strategies")  # once, not in each child
        importlib.import_module("pytest")
    judge = Judge(sources, load_vectors(options.vectors), tests)
    judge.baseline()
    excused = {} if options.recheck else {m: _excuse(m, reasons, options.rules) for m in mutants}
    verdicts = {mutant: Verdict(mutant, "accepted", why) for mutant, why in excused.items() if why}
    begun = time.monotonic()
    survived = 0
    for number, verdict in enumerate(judge.run([m for m in mutants if m not in verdicts], options.jobs), 1):
        why = _excuse(verdict.mutant, reasons, options.rules)
        if options.recheck and why:
            if verdict.outcome == "survived":
                verdict = Verdict(verdict.mutant, "accepted", why)
            else:
                _say(f"accepted, yet noticed by {verdict.outcome} {verdict.by}: {verdict.mutant}")
        elif verdict.outcome == "survived":
            survived += 1
            _say(f"survived: {verdict.mutant}")
        verdicts[verdict.mutant] = verdict
        if number % 50 == 0:
            _say(f"{number} judged, {survived} survived, {time.monotonic() - begun:.0f} s")
    return [verdicts[mutant] for mutant in mutants]


def _excuse(mutant: Mutant, reasons: Reasons, rules: bool) -> str | None:
    return reasons.find(mutant) or (reasons.find(mutant, "beyond_vectors") if rules else None)


def report(options: argparse.Namespace, verdicts: Sequence[Verdict], reasons: Reasons) -> int:
    table = count(verdicts)
    reached = score(table["total"]) if verdicts else 100.0
    if options.json:
        print(write_json(verdicts, reasons))
    else:
        for outcome, heading in (("accepted", "accepted, with reason:"), ("survived", "survived:")):
            chosen = [verdict for verdict in verdicts if verdict.outcome == outcome]
            if chosen:
                lines = [f"  {v.mutant}" + (f"\n      {v.by}" if v.by else "") for v in chosen]
                print(heading, *lines, "", sep="\n")
        print(write_table(table))
    return 0 if reached >= options.least else 1


def report_rules(verdicts: Sequence[Verdict]) -> int:
    missed = [verdict for verdict in verdicts if verdict.outcome == "survived"]
    for verdict in missed:
        print(verdict.mutant)
    print(f"{len(verdicts)} removals of rules, {len(missed)} of which no vector would miss")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
