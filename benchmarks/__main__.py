"""`python -m benchmarks`: measure, show, and with `--write` keep the results in benchmarks/RESULTS.md."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from benchmarks import peers, report, runner
from benchmarks.cases import CASES
from benchmarks.component import COMPONENT
from benchmarks.measures import MEASURES as OF_THE_NATIVE_TARGET
from benchmarks.timing import FULL, QUICK

MEASURES = (*OF_THE_NATIVE_TARGET, *COMPONENT)
RESULTS = Path(__file__).with_name("RESULTS.md")


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Benchmarks of Backstay and its peers.")
    parser.add_argument("--quick", action="store_true", help="one short run, to see that everything works")
    parser.add_argument("--only", action="append", metavar="KEY", help="only this case; may be repeated")
    parser.add_argument("--peers", choices=("none", "four", "ten"), default="four", help="whom to compare with")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}; only a full run may")
    parser.add_argument("--list", action="store_true", help="list the keys")
    given = parser.parse_args(argv)
    keys = [one.key for one in (*CASES, *MEASURES)]
    if given.list:
        print("\n".join(keys))
        parser.exit()
    for key in given.only or ():
        if key not in keys:
            parser.error(f"there is no case {key!r}; there are {', '.join(keys)}")
    if given.write and (given.quick or given.only):
        parser.error("--write keeps the results of a full run; leave --quick and --only out")
    return given


def main(argv: list[str]) -> int:
    given = arguments(argv)
    logging.disable(logging.CRITICAL)  # some peers log every failure
    effort = QUICK if given.quick else FULL
    names = {"none": (), "four": peers.DEFAULT, "ten": peers.ALL}[given.peers]
    wanted = set(given.only or ())
    cases = [case for case in CASES if not wanted or case.key in wanted]
    measures = [one for one in MEASURES if not wanted or one.key in wanted]
    rows = runner.run(cases, measures, names, effort)
    if not wanted:
        rows += runner.not_yet()
    result = report.document(rows, names, effort, " ".join(["python -m benchmarks", *argv]))
    if given.json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        report.show(result)
    if given.write:
        RESULTS.write_text(report.markdown(result), encoding="utf-8")
        runner.progress(f"written: {RESULTS.parent.name}/{RESULTS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
