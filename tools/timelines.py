"""Runs numbered random timelines through compiled frames and the step machine, and says whether they ever differ.

    python tools/timelines.py                            # the first million
    python tools/timelines.py --first 1000000 --count 50 # fifty others
    python tools/timelines.py --keep progress.json       # may be stopped and begun again: it goes on where it was
    python tools/timelines.py --show 17                  # one of them, as a conformance vector

A timeline follows from its number alone, on every machine, so several processes share the work by taking different
numbers, and a number is all that a bug report needs. Even numbers are concurrent calls on asyncio, odd ones calls in a
thread; twenty in a row have one policy, whose frames are compiled once; a tenth also runs on the stepwise drivers.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.property.comparison import Comparison
from tests.property.drawing import BySeed
from tests.property.scenarios import policy, timeline

A_POLICY = 20  # timelines in a row
STEPWISE = 10  # one in so many
REPORTED = 10_000


def vector_of(number: int) -> dict[str, Any]:
    """The timeline of this number."""
    strategies = policy(BySeed(f"policy {number // A_POLICY}"))
    return timeline(BySeed(f"timeline {number}"), strategies, concurrent=number % 2 == 0)


def run_one(number: int) -> Counter[str]:
    """What it led to. Raises `AssertionError` if the drivers decided differently."""
    flavour = "sync" if number % 2 else "asyncio"
    also = (f"{flavour}, stepwise",) if number // 2 % STEPWISE == 0 else ()
    comparison = Comparison(f"{flavour}, frames", *also)
    comparison.check(vector_of(number))
    return comparison.seen


class Progress:
    """How far a range of numbers is, kept in a file if there is one."""

    def __init__(self, first: int, count: int, path: Path | None) -> None:
        self.path = path
        self.kept: dict[str, Any] = {
            "first": first,
            "count": count,
            "python": platform.python_version(),
            "done": 0,
            "seconds": 0.0,
            "seen": {},
            "different": [],
        }
        if path is not None and path.exists():
            kept = json.loads(path.read_text("utf-8"))
            other = [name for name in ("first", "count", "python") if kept.get(name) != self.kept[name]]
            if other:
                raise SystemExit(f"timelines: {path} is about another run: {', '.join(other)} differ")
            self.kept = kept

    def add(self, seen: Counter[str], different: list[int], done: int, seconds: float) -> None:
        kept = self.kept
        kept["seen"] = dict(sorted((Counter(kept["seen"]) + seen).items()))
        kept["different"] += different
        kept["done"] = done
        kept["seconds"] = round(kept["seconds"] + seconds, 1)
        if self.path is not None:  # whole or not at all
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            os.replace(new, self.path)

    def line(self) -> str:
        kept = self.kept
        seen = kept["seen"]
        runs = ", ".join(f"{seen[name]:,} on {name}" for name in sorted(seen) if ", " in name)
        decided = f"{seen.get('attempt', 0):,} attempts, {seen.get('fail rejected', 0):,} refusals"
        different = kept["different"]
        last = kept["first"] + kept["done"] - 1
        return (
            f"timelines {kept['first']} to {last}, Python {kept['python']}: {runs}; {decided}; "
            + (f"DIFFERENT: {', '.join(map(str, different))}" if different else "no difference")
            + f"; {kept['seconds']:,.0f} s"
        )


def run(progress: Progress, every: int = REPORTED) -> bool:
    """Are all the same?"""
    first, count = progress.kept["first"], progress.kept["count"]
    begin = progress.kept["done"]
    while begin < count:
        end = min(count, begin + every)
        seen: Counter[str] = Counter()
        different = []
        clock = time.monotonic()
        for number in range(first + begin, first + end):
            try:
                seen += run_one(number)
            except AssertionError as error:
                different.append(number)
                print(f"timeline {number}: {error}", file=sys.stderr)
        progress.add(seen, different, end, time.monotonic() - clock)
        print(progress.line(), file=sys.stderr, flush=True)
        begin = end
    return not progress.kept["different"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="timelines", description="Random timelines through all drivers.")
    parser.add_argument("--first", type=int, default=0, help="the first number (default 0)")
    parser.add_argument("--count", type=int, default=1_000_000, help="how many (default a million)")
    parser.add_argument("--keep", type=Path, help="a file to keep the progress in")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="print this timeline and do nothing else")
    asked = parser.parse_args(arguments)
    if asked.show is not None:
        print(json.dumps(vector_of(asked.show), indent=1))
        return 0
    if asked.first < 0 or asked.count < 1:
        parser.error("--first is 0 or more, --count 1 or more")
    progress = Progress(asked.first, asked.count, asked.keep)
    same = run(progress)
    print(progress.line())
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
