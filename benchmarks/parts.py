"""What the parts of a frame cost: they are left out one after the other, and the rest is timed.

    python -m benchmarks.parts        # or: make bench-parts

It shows where the time of the cases goes that are over their budget. Frames are generated text, so a part is left out
by replacing its text; a text that is not found is an error, so this cannot silently fall behind the code. Rests decide
wrongly, of course; they are only timed.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import NamedTuple

from benchmarks.budgets import BUDGETS
from benchmarks.cases import CASES, Case, Contestant
from benchmarks.timing import FULL, QUICK, Effort, measure, outcome, ready


class Part(NamedTuple):
    """What is left out: lines of a frame that match `text` are replaced by `instead` (``\\1`` is their indentation)."""

    title: str
    text: str
    instead: str


NOTE = Part(
    "the note on the error",
    r"( +)if _bs_w >= 0 and _bs_cls in _bs_notable and not _bs_e.__dict__:\n.*\n\1else:\n.*\n",
    r"\1pass\n",
)
TOKEN = Part(
    "a token: the clock, and the time's credit to the nanosecond",
    r"( +)_bs_b = _bs_clock\(\)\n\1if _bs_B\d.filled is None:\n(?:.*\n)+?\1_bs_B\d.tokens = .*\n",
    r"\1_bs_s = True\n",
)
DEADLINE = Part(
    "the caller's deadline",
    r"( +)if _bs_ambient\(\) is not None .*\n(?:\1 +.*\n)+",
    "",
)
CARRIES = Part(
    "does the error carry anything?",
    r"( +)elif \(_bs_x := _bs_e.__dict__\) and .*\n(?:\1 +.*\n)+",
    "",
)
COUNTING = Part(
    "a failure in the window",
    r"( +)_bs_x = _bs_p\d.run \+ 1; _bs_s = (?:.*\n)+?\1if _bs_x >= .*\n.*\n",
    r"\1pass\n",
)
RUN = Part(
    "successes while the window is not all successes",
    r"( +)_bs_x = _bs_p\d.run\n\1if _bs_x < .*\n(?:\1 +.*\n)+",
    "",
)
DEPOSIT = Part(
    "a deposit while the budget is not full",
    r"( +)if _bs_B\d.tokens < .*\n.*\n",
    "",
)
BULKHEAD = Part(
    "giving back the place after an error, in a try of its own",
    r"( +)try:\n +_bs_x = _bs_p\d.free \+ 1; .*\n(?: +if _bs_x <= 0:\n.*\n)\1finally:\n",
    r"\1_bs_p3.free = _bs_p3.free + 1\n\1if True:\n",
)


#  the cases that are over their budget, or close to it
PROFILES: dict[str, tuple[Part, ...]] = {
    "three-retry": (NOTE, TOKEN, CARRIES, DEADLINE),
    "three-four": (NOTE, TOKEN, CARRIES, DEADLINE, COUNTING, BULKHEAD),
    #  failures first: without successes beside them they would open the breaker
    "five-percent": (COUNTING, RUN, DEPOSIT, TOKEN, CARRIES, DEADLINE, BULKHEAD),
}


def without(source: str, parts: tuple[Part, ...]) -> str:
    """The frame's source without these parts. Raises `LookupError` for one that is not in it."""
    for part in parts:
        source, found = re.subn(part.text, part.instead, source)
        if not found:
            raise LookupError(f"the frame has no such part: {part.title}")
    return source


async def contestant(case: Case, parts: tuple[Part, ...]) -> Contestant:
    """The case's own subject, freshly made, without these parts of its frame."""
    made = await ready(case, case.subject())
    await outcome(case, made)  # compiles
    scope = dict(made.call.__globals__)
    exec(compile(without(made.call.__source__, parts), "<rest of a frame>", "exec"), scope)
    return made._replace(call=scope["frame"])


async def profile(key: str, effort: Effort) -> list[tuple[str, float]]:
    """(what, nanoseconds): the baseline, the parts in the order in which they were left out, and the rest."""
    case = next(case for case in CASES if case.key == key)
    parts = PROFILES[key]
    contestants = {"baseline": await ready(case, case.baseline())}
    for number in range(len(parts) + 1):
        contestants[str(number)] = await contestant(case, parts[:number])
    spent = await measure(case, contestants, effort)
    rows = [(f"{case.against}", spent["baseline"])]
    for number, part in enumerate(parts):
        rows.append((part.title, spent[str(number)] - spent[str(number + 1)]))
    return [*rows, ("the rest", spent[str(len(parts))])]


def main(arguments: list[str]) -> int:
    effort = QUICK if "--quick" in arguments else FULL
    for key in PROFILES:
        rows = asyncio.run(profile(key, effort))
        unit = rows[0][1]
        whole = sum(ns for _, ns in rows[1:])
        print(f"{key}: {whole / unit:.2f} × of the baseline, {BUDGETS[key]} allowed")
        for title, ns in rows:
            print(f"    {ns / unit:6.2f} ×  {ns:7.0f} ns  {title}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
