"""Keeps docs/strategies true: ``python tools/strategy_pages.py`` writes what is made in it anew, and the rules of
`backstay policy lint` in docs/ordering.md.

There is a page for each kind in ``policy.STRATEGIES``. What it is for is written by hand. Its rules come from the
docstring of the module that has its options, its options from their `FIELDS`, the picture of a call from trying
(`tools/call_diagram.py`), and that of its states from ``TRANSITIONS``, if the module of its options or of its state has
that table. `tests/docs/test_strategies.py` fails where a page is missing or differs from the code. For a new strategy,
write a page with the headings and parts named below and run this.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from backstay_core.advice import lint
from backstay_core.config.tables import strategy_rows
from backstay_core.options import Options
from backstay_core.policy import STRATEGIES

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conformance.rules import RULE, rules
from tools.call_diagram import lives
from tools.config_docs import table
from tools.made_parts import renew, renewed
from tools.state_diagram import Transition, draw

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "strategies"
INDEX = PAGES / "index.md"
ORDERING = ROOT / "docs" / "ordering.md"
HEADINGS = ("## What it does", "## When", "## When not", "## Rules", "## Options")


def page(kind: str) -> Path:
    return PAGES / f"{kind}.md"


def transitions(cls: type[Options]) -> tuple[Transition, ...]:
    """The table of transitions of a strategy; empty if it has no states."""
    module = vars(sys.modules[cls.__module__])
    state = module.get(cls.state.__annotations__["return"].strip("\"'"))
    places = [module] if state is None else [module, vars(sys.modules[state.__module__])]
    return next((place["TRANSITIONS"] for place in places if "TRANSITIONS" in place), ())


def purpose(cls: type[Options]) -> str:
    """What a strategy is, in the words of its module's first sentence."""
    text = " ".join((sys.modules[cls.__module__].__doc__ or "").partition("\n\n")[0].split())
    return text.partition(": ")[2].rstrip(".")


def rules_of(cls: type[Options]) -> str:
    """The numbered rules, as a list."""
    file = cls.__module__.removeprefix("backstay_core.").replace(".", "/") + ".py"
    rows = [f"* **{rule.id}** {rule.claim}\n" for rule in rules().values() if rule.file == file]
    return "".join(rows)


def call_of(cls: type[Options]) -> str:
    """The picture of what a call through it can live through."""
    return f"![A call through a {cls.__name__}]({cls.KIND}-call.svg)\n\n"


def states_of(cls: type[Options]) -> str:
    """The picture and the table of transitions."""
    rows = "".join(f"| {a} | {event} | {b} | {_code(when, cls)} |\n" for a, event, b, when in transitions(cls))
    return f"![States of {cls.__name__}]({cls.KIND}.svg)\n\n| from | event | to | when |\n|---|---|---|---|\n{rows}"


def _code(text: str, cls: type[Options]) -> str:
    """Names of options in a text, marked as code."""
    names = "|".join(field.name for field in cls.FIELDS if "_" in field.name)
    return re.sub(rf"\b({names})\b", r"`\1`", text) if names else text


def parts(kind: str) -> dict[str, Callable[[], str]]:
    """What is made on the page of a strategy; every page has all of it."""
    cls = STRATEGIES[kind]
    made: dict[str, Callable[[], str]] = {
        "rules": lambda: call_of(cls) + rules_of(cls),
        "options": lambda: table(strategy_rows(STRATEGIES, kind)),
    }
    if transitions(cls):
        made["states"] = lambda: states_of(cls)
    return made


def overview() -> str:
    rows = "".join(
        f"| [{cls.__name__}]({kind}.md) | {getattr(cls, 'ROLE', '')} | {purpose(cls)} |\n"
        for kind, cls in sorted(STRATEGIES.items())
    )
    return f"| strategy | role | what it is |\n|---|---|---|\n{rows}"


def advice() -> str:
    """The rules of lint, as a list."""
    found = RULE.findall(lint.__doc__ or "")
    return "".join(f"* **{letters}{number}** {' '.join(claim.split())}\n" for letters, number, claim in found)


def made() -> dict[Path, str]:
    """Every file as it should be. Raises `FileNotFoundError` for a page that nobody has written."""
    files = {INDEX: renewed(INDEX.read_text("utf-8"), {"strategies": overview})}
    files[ORDERING] = renewed(ORDERING.read_text("utf-8"), {"lint": advice})
    for kind, cls in STRATEGIES.items():
        files[page(kind)] = renewed(page(kind).read_text("utf-8"), parts(kind))
        files[PAGES / f"{kind}-call.svg"] = draw(lives(cls))
        if transitions(cls):
            files[PAGES / f"{kind}.svg"] = draw(transitions(cls))
    return files


if __name__ == "__main__":
    missing = [page(kind).relative_to(ROOT).as_posix() for kind in STRATEGIES if not page(kind).exists()]
    if missing:
        sys.exit(f"to be written, with the headings {', '.join(HEADINGS)}: {', '.join(missing)}")
    for path, text in made().items():
        renew(path, text)
