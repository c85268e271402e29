"""Draws a table of transitions as SVG: the states in a row, forward transitions above it, backward ones below it.

The same table gives the same text, so that a test can tell when a picture is out of date.
"""

from html import escape

BOX, HEIGHT, GAP, MARGIN = 92, 40, 78, 16
RISE, STEP = 46, 34  # of an arc: for each state that it spans, and for each one between the same two states
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#1b1f24;text-anchor:middle}"
    "text{paint-order:stroke;stroke:#fff;stroke-width:3px}"  # legible where an arc runs through it
    "rect{fill:#fff}.state{fill:#eef4fb;stroke:#33679c;stroke-width:1.5}"
    "path{fill:none;stroke:#57606a;stroke-width:1.5}.head{fill:#57606a;stroke:none}"
)

Transition = tuple[str, str, str, str]  # from, event, to, when


def states(transitions: tuple[Transition, ...]) -> list[str]:
    """The states in the order in which they are first named."""
    return list(dict.fromkeys(state for source, _, target, _ in transitions for state in (source, target)))


def draw(transitions: tuple[Transition, ...]) -> str:
    """The picture as an SVG document."""
    row = states(transitions)
    arcs: list[tuple[int, int, str, int]] = []  # from, to, event, height
    for source, event, target, _ in transitions:
        begin, end = row.index(source), row.index(target)
        same = sum(arc[:2] == (begin, end) for arc in arcs)
        arcs.append((begin, end, event, RISE * max(1, abs(begin - end)) + STEP * same))
    over = max([arc[3] for arc in arcs if arc[0] <= arc[1]], default=0)
    under = max([arc[3] for arc in arcs if arc[0] > arc[1]], default=0)
    top = MARGIN + 14 + over
    width = 2 * MARGIN + len(row) * BOX + (len(row) - 1) * GAP
    height = top + HEIGHT + under + 14 + MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="8"/>',
    ]
    for number, state in enumerate(row):
        left = MARGIN + number * (BOX + GAP)
        lines.append(f'<rect class="state" x="{left}" y="{top}" width="{BOX}" height="{HEIGHT}" rx="8"/>')
        lines.append(f'<text x="{left + BOX // 2}" y="{top + 25}">{escape(state)}</text>')
    for begin, end, event, rise in arcs:
        lines += _arc(begin, end, event, rise, top)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arc(begin: int, end: int, event: str, rise: int, top: int) -> list[str]:
    """One transition: the curve, its head, and the event at its highest (or lowest) point."""
    up = begin <= end
    edge = top if up else top + HEIGHT
    away = -1 if up else 1
    out, back = (6, 40) if begin == end else (24, -24) if up else (-24, 24)  # from the middle of the box
    x1 = MARGIN + begin * (BOX + GAP) + BOX // 2 + out
    x2 = MARGIN + end * (BOX + GAP) + BOX // 2 + back
    control = edge + away * rise * 4 // 3  # a cubic with both handles there is at its highest at three quarters of it
    peak = edge + away * rise + (-4 if up else 14)
    head = f"M{x2} {edge}l-5 {away * 10}h10z"
    return [
        f'<path d="M{x1} {edge}C{x1} {control} {x2} {control} {x2} {edge + away * 8}"/><path class="head" d="{head}"/>',
        f'<text x="{(x1 + x2) // 2}" y="{peak}">{escape(event)}</text>',
    ]
