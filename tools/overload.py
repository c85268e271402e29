"""Keeps docs/overload.md true: ``python tools/overload.py`` simulates a slow server behind every stack and writes the
table and the picture anew.

``python tools/overload.py --day`` also simulates whole days, 60 million calls each: some 10 minutes for each row, which
is written as soon as it is there. Days of one stack only: ``--day vegas``.
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.overload.stacks import ALONE, DAY, EVERY_TEN_MINUTES, TRIGGER, After, Long, after, long, simulate, stacks
from tests.overload.world import World
from tools.made_parts import named, renew, renewed

PAGE = Path(__file__).parents[1] / "docs" / "overload.md"
PICTURE = PAGE.with_suffix(".svg")
SEED = 1  # of the table and the picture
SEEDS = (1, 2)  # of the days
AGAIN = "run: python tools/overload.py"

#  of the picture: stacks and their colours; the second panel has the limits of those that have one
SHOWN = {"retry": "#b42318", "aimd": "#9a6700", "vegas": "#1a7f37", "gradient2": "#0550ae"}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.end{text-anchor:end}.name{font-weight:600}rect{fill:#fff}"
    ".slow{fill:#f2e7d5}path{fill:none;stroke-width:1.5;stroke-linejoin:round}.grid{stroke:#d0d7de;stroke-width:1}"
    ".can{stroke:#57606a;stroke-dasharray:4 3}"
)
LEFT, ACROSS, TOP, UPPER, BETWEEN, LOWER, BELOW = 52, 5, 34, 160, 40, 100, 34  # pixels; ACROSS is a second
CALLS, PLACES = 1000, 40  # at the top of the panels

MINUTES_HEAD = (
    "| outside the attempt's Timeout | while slow | 60–80 s later | attempts a call | recovery | wasted | limit |\n"
    "|---|--:|--:|--:|--:|--:|--:|\n"
)
DAY_HEAD = (
    "| limit | seed | goodput | while slow | limit: least, median, most | ran away | stayed down |\n"
    "|---|--:|--:|--:|--:|--:|--:|\n"
)


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def minutes_row(name: str, found: After) -> str:
    recovery = "never" if found.recovery is None else f"{found.recovery} s"
    least, most = found.limits
    limits = f"{least}–{most}" if least < most else ""
    cells = (percent(found.during), percent(found.late), f"{found.amplification:.2f}", recovery, percent(found.wasted))
    return f"| {name} | {' | '.join(cells)} | {limits} |\n"


def day_row(name: str, seed: int, found: Long) -> str:
    goodput = f"{100 * found.whole:.1f} %"
    limits = f"{found.least}, {found.median}, {found.most}"
    return (
        f"| {name} | {seed} | {goodput} | {percent(found.slow)} | {limits} | {found.runaways} | {found.collapses} |\n"
    )


def line(values: list[float], top: int, height: int, most: float, kind: str) -> str:
    points = [f"{LEFT + ACROSS * i} {top + height - round(height * min(v, most) / most)}" for i, v in enumerate(values)]
    return f'<path {kind} d="M{"L".join(points)}"/>'


def panel(title: str, top: int, height: int, most: int, step: int, seconds: int) -> list[str]:
    right = LEFT + ACROSS * seconds
    begin = LEFT + ACROSS * TRIGGER.begin
    lines = [
        f'<rect class="slow" x="{begin}" y="{top}" width="{ACROSS * TRIGGER.length}" height="{height}"/>',
        f'<text x="{LEFT}" y="{top - 8}">{title}</text>',
    ]
    for value in range(0, most + 1, step):
        y = top + height - height * value // most
        lines.append(f'<path class="grid" d="M{LEFT} {y}H{right}"/>')
        lines.append(f'<text class="end" x="{LEFT - 6}" y="{y + 4}">{value}</text>')
    return lines


def draw(worlds: dict[str, World]) -> str:
    """The picture of the stacks in `SHOWN`, as an SVG document."""
    seconds = len(next(iter(worlds.values())).seconds)
    width = LEFT + ACROSS * seconds + 24
    lower = TOP + UPPER + BETWEEN
    height = lower + LOWER + BELOW + 22
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="8"/>',
        *panel("calls served a second; dashed: what the server could do of them", TOP, UPPER, CALLS, 200, seconds),
        *panel("the limit", lower, LOWER, PLACES, 10, seconds),
    ]
    first = next(iter(worlds.values())).seconds
    lines.append(line([second.possible for second in first], TOP, UPPER, CALLS, 'class="can"'))
    for name, colour in SHOWN.items():
        of_this = worlds[name].seconds
        kind = f'stroke="{colour}"'
        lines.append(line([second.good for second in of_this], TOP, UPPER, CALLS, kind))
        if any(second.limit for second in of_this):
            lines.append(line([second.limit for second in of_this], lower, LOWER, PLACES, kind))
    for second in range(0, seconds + 1, 20):
        x = LEFT + ACROSS * second - 8
        lines.append(f'<text x="{x}" y="{lower + LOWER + 16}">{second}{" s" if second == seconds else ""}</text>')
    x = LEFT
    for name, colour in SHOWN.items():
        lines.append(f'<text class="name" style="fill:{colour}" x="{x}" y="{height - 12}">{name}</text>')
        x += 12 * len(name) + 20
    return "\n".join([*lines, "</svg>"]) + "\n"


def part(text: str, name: str) -> str:
    """What a part of the page has now."""
    return text.partition(f"<!-- {name} -->\n")[2].partition("<!-- end -->")[0]


def rewritten(text: str, **parts: str) -> str:
    """The page with these parts, the others as they are."""

    def made(name: str) -> Callable[[], str]:
        return lambda: parts[name] if name in parts else part(text, name)

    return renewed(text, {name: made(name) for name in named(text)})


def days(text: str) -> dict[tuple[str, str], str]:
    """The rows of the days that are on the page."""
    rows = part(text, "day").splitlines(keepends=True)[2:]
    return {(row.split(" | ")[0].removeprefix("| "), row.split(" | ")[1]): row for row in rows}


def day_part(rows: dict[tuple[str, str], str]) -> str:
    order = [(name, str(seed)) for name in ALONE for seed in SEEDS]
    return DAY_HEAD + "".join(rows[key] for key in order if key in rows)


def main(arguments: list[str]) -> None:
    if "--day" not in arguments:
        worlds = {name: simulate(name, SEED) for name in stacks()}
        rows = "".join(minutes_row(name, after(world)) for name, world in worlds.items())
        renew(PAGE, rewritten(PAGE.read_text("utf-8"), minutes=MINUTES_HEAD + rows))
        renew(PICTURE, draw(worlds))
        return
    for name in [name for name in arguments if name in ALONE] or ALONE:
        for seed in SEEDS:
            row = day_row(name, seed, long(simulate(name, seed, seconds=DAY, trigger=EVERY_TEN_MINUTES)))
            text = PAGE.read_text("utf-8")
            renew(PAGE, rewritten(text, day=day_part({**days(text), (name, str(seed)): row})))


if __name__ == "__main__":
    main(sys.argv[1:])
