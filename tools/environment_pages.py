"""Keeps docs/environments.md and docs/environments/ true: ``python tools/environment_pages.py`` writes their tables.

There is a page for each runtime environment. What a person should know is written by hand; what is read from where,
what health goes by, how it is recognised and what the configuration says are made from the tables that the code uses.
`tests/docs/test_environments.py` fails where a page is missing or differs.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from backstay.environments import RuntimeEnvironment
from backstay.environments.manager import EVENTS
from backstay_core.config.tables import ENVIRONMENTS
from backstay_core.environments import detection, guest
from backstay_core.environments.adapter import TableAdapter
from backstay_core.environments.adapters import ADAPTERS
from backstay_core.environments.adjustment import INTERVALS, RULES
from backstay_core.environments.capabilities import ADVANCED, BASIC, COLUMNS, SHORT
from backstay_core.environments.signals import SIGNALS, Veto
from backstay_core.environments.sources import Row

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.config_docs import table as settings_table
from tools.made_parts import renew, renewed

DOCS = Path(__file__).parents[1] / "docs"
MAIN = DOCS / "environments.md"
PAGES = DOCS / "environments"
HEADINGS = ("## How it is recognised", "## What is read", "## Health", "## Recovery", "## Deploying")


def page(environment: RuntimeEnvironment) -> Path:
    return PAGES / f"{environment.value}.md"


def adapter(environment: RuntimeEnvironment) -> type[TableAdapter]:
    [found] = [cls for cls in ADAPTERS if cls.ENVIRONMENT is environment]
    return found


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def matrix() -> str:
    """What each environment can do."""
    rows = ["| | " + " | ".join(SHORT) + " |", "|---" * (len(SHORT) + 1) + "|"]
    for part in (BASIC, ADVANCED):
        rows += [f"| {name} | " + " | ".join(row.split()) + " |" for name, row in part.items()]
    return "\n".join(rows) + "\n"


def kinds() -> str:
    """The columns of the matrix, and their pages, in the order that makes the first one primary."""
    rows = ["| environment | column | what it is |", "|---|---|---|"]
    for environment in RuntimeEnvironment:
        short = SHORT[COLUMNS.index(environment)]
        rows.append(f"| [`{environment}`](environments/{environment}.md) | {short} | {adapter(environment).__doc__} |")
    return "\n".join(rows) + "\n"


def adjustments() -> str:
    """The rules of `adjust_reliability_strategy`."""
    rows = ["| strategy | where | options | unless one of these is set | why |", "|---|---|---|---|---|"]
    for rule in RULES:
        options = ", ".join(f"`{name} = {value}`" for name, value in rule.options.items())
        unless = ", ".join(f"`{name}`" for name in rule.unless)
        rows.append(f"| {rule.kind} | {rule.where} | {options} | {unless} | {rule.why} |")
    return "\n".join(rows) + "\n"


def intervals() -> str:
    """How often is looked."""
    rows = ["| environment | use | health | metrics |", "|---|---|---|---|"]
    rows += [f"| `{name}` | " + " | ".join(f"{each:g} s" for each in every) + " |" for name, every in INTERVALS.items()]
    return "\n".join(rows) + "\n"


def rules() -> str:
    """The numbered rules of detection and of breaks."""
    text = (detection.__doc__ or "").partition("Rules:\n")[2]
    text += (guest.__doc__ or "").partition("between two moments:\n")[2]
    found: list[str] = []
    for line in text.split("\n"):
        if line[:2] in ("EN", "BR"):
            number, _, claim = line.partition(" ")
            found.append(f"* **{number}** {claim.strip()}")
        elif found and line.strip():
            found[-1] += f" {line.strip()}"
    return "\n".join(found) + "\n"


def events() -> str:
    """The names of the manager's events."""
    return ", ".join(f"`{name}`" for name in EVENTS) + ".\n"


def readings(rows: tuple[Row, ...]) -> str:
    """A table of readings."""
    lines = ["| reading | unit | what | read from |", "|---|---|---|---|"]
    for row in rows:
        sources = "; else ".join(escaped(str(source)) for source in row.sources)
        switch = f" (group *{row.group}*)" if row.group else ""
        lines.append(f"| `{row.name}` | {row.unit} | {escaped(row.doc)}{switch} | {sources} |")
    return "\n".join(lines) + "\n"


def health(environment: RuntimeEnvironment) -> str:
    lines = ["| what | reading | warning | error | critical |", "|---|---|---|---|---|"]
    for rule in adapter(environment).RULES:
        levels = " | ".join("" if each is None else f"{each:g} {rule.unit}".strip() for each in rule.thresholds)
        lines.append(f"| {rule.name} | `{rule.reading}` | {levels} |")
    return "\n".join(lines) + "\n"


def signals(environment: RuntimeEnvironment) -> str:
    lines = ["| what speaks for it | asked | weight |", "|---|---|---|"]
    for signal in SIGNALS:
        if signal.environment is environment:
            asked = ", ".join(f"`{question}`" for question in signal.questions)
            weight = "rules it out" if isinstance(signal, Veto) else f"{signal.weight} %"
            lines.append(f"| {escaped(signal.says)} | {asked} | {weight} |")
    return "\n".join(lines) + "\n"


def settings(environment: RuntimeEnvironment) -> str:
    [table] = [table for table in ENVIRONMENTS if table.environment == environment]
    return f"Table `[runtime_environments.{table.key}]`:\n\n" + settings_table(table.rows) + "\n"


def parts(environment: RuntimeEnvironment) -> dict[str, Callable[[], str]]:
    """What is made on the page of an environment."""
    cls = adapter(environment)
    return {
        "signals": lambda: signals(environment),
        "settings": lambda: settings(environment),
        "info": lambda: readings(cls.INFO),
        "usage": lambda: readings(cls.USAGE),
        "health": lambda: health(environment),
    }


MAIN_PARTS: dict[str, Callable[[], str]] = {
    "matrix": matrix,
    "kinds": kinds,
    "adjustments": adjustments,
    "intervals": intervals,
    "rules": rules,
    "events": events,
}

if __name__ == "__main__":
    renew(MAIN, renewed(MAIN.read_text("utf-8"), MAIN_PARTS))
    for each in RuntimeEnvironment:
        renew(page(each), renewed(page(each).read_text("utf-8"), parts(each)))
