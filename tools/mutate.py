"""Changes the kernel's code one spot at a time and counts which changes the suite notices.

    python tools/mutate.py                          # all mutants of the kernel
    python tools/mutate.py --only retry --limit 50  # a sample of one module's
    python tools/mutate.py --rules                  # which rules could go without any conformance vector failing

Each mutant first runs the conformance vectors and, if all of them still give what they should, the tests. One that
changes nothing that matters is listed with its reason in mutants.toml.
POSIX only.
"""

import argparse
import importlib
import json
import os
import random
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.judging import CORE, ROOT, Judge, Verdict, load_vectors, say
from tools.mutants import OPERATORS, Mutant, find

VECTORS = ROOT / "tests" / "conformance" / "vectors"
ACCEPTED = Path(__file__).with_name("mutants.toml")
TESTS = ("tests/core", "tests/property", "tests/conformance", "tests/native")  # the quickest first
KERNEL = (
    *("strategies", "policy", "execution", "options", "failure"),
    *("events", "clock", "rng", "state", "canonical"),
)

REMOVALS = ("delete", "condition", "row")  # the operators that take a rule out of the code altogether
RULES = ("strategies/", "execution")  # where the rules are
KEYS = ("module", "function", "text", "operator", "change")  # what names a mutant


# Which mutants


def kernel(core: Path = CORE) -> dict[str, str]:
    """Source by module name, `strategies/retry` for example."""
    paths = sorted(path.relative_to(core) for path in core.rglob("*.py"))
    return {
        path.with_suffix("").as_posix(): (core / path).read_text(encoding="utf-8")
        for path in paths
        if path.parts[0].removesuffix(".py") in KERNEL
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


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", metavar="MODULE", help="modules whose name ends so: retry, policy")
    parser.add_argument("--operator", action="append", choices=OPERATORS, help="only these kinds of change")
    parser.add_argument("--function", metavar="TEXT", help="only in functions whose name contains this")
    parser.add_argument("--limit", type=int, help="a random sample of so many (the same one each time)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants judged at once (2)")
    parser.add_argument("--least", type=float, default=90, help="fail below this score, in per cent (90)")
    parser.add_argument("--cases", type=int, default=25, help="examples of each property test (25)")
    parser.add_argument(
        "--recheck", action="store_true", help="judge accepted mutants only, and fail if one is noticed"
    )
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
        say("mutants.toml names what is no mutant:\n" + "\n".join(map(str, unmatched)))
        return 2
    if options.recheck:
        mutants = [mutant for mutant in mutants if reasons.find(mutant)]
    verdicts = judge(options, sources, mutants, reasons)
    if options.recheck:
        return report_recheck(verdicts)
    return report_rules(verdicts) if options.rules else report(options, verdicts, reasons)


def judge(
    options: argparse.Namespace, sources: dict[str, str], mutants: Sequence[Mutant], reasons: Reasons
) -> list[Verdict]:
    """The verdicts on `mutants`, in their order."""
    os.chdir(ROOT)
    sys.path[1:1] = [str(ROOT / "core"), str(ROOT / "targets" / "native")]
    os.environ["BACKSTAY_CASES"] = str(options.cases)
    tests = options.tests or [path for path in TESTS if Path(path).exists()]
    missing = [path for path in tests if not Path(path.partition("::")[0]).exists()]
    if missing:
        raise SystemExit(f"there is no {', '.join(missing)}")
    if options.rules:
        tests = []
    if tests:
        importlib.import_module("hypothesis.strategies")  # once, not in each child
        importlib.import_module("pytest")
    judge = Judge(sources, load_vectors(options.vectors), tests)
    judge.baseline()
    verdicts = {}
    for mutant in mutants:
        why = None if options.recheck else _excuse(mutant, reasons, options.rules)
        if why:
            verdicts[mutant] = Verdict(mutant, "accepted", why)
    begun = time.monotonic()
    survived = 0
    for number, verdict in enumerate(judge.run([m for m in mutants if m not in verdicts], options.jobs), 1):
        verdicts[verdict.mutant] = verdict
        if verdict.outcome == "survived":
            survived += 1
            say(f"survived: {verdict.mutant}")
        if number % 50 == 0:
            say(f"{number} judged, {survived} survived, {time.monotonic() - begun:.0f} s")
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


def report_recheck(verdicts: Sequence[Verdict]) -> int:
    noticed = [verdict for verdict in verdicts if verdict.outcome != "survived"]
    for verdict in noticed:
        print(f"{verdict.mutant}: {verdict.outcome}: {verdict.by}")
    print(f"{len(verdicts)} accepted mutants, {len(noticed)} of which are noticed")
    return 1 if noticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
