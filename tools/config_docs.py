"""Keeps the reference of the configuration true: ``python tools/config_docs.py`` writes it anew from the schema.

``docs/backstay.schema.json`` is made as a whole; in ``docs/configuration.md`` what stands between ``<!-- name -->`` and
``<!-- end -->`` is made, and the rest is written by hand. `tests/config/test_artefacts.py` fails where they differ from
the code.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from backstay_core.config.json_schema import json_schema
from backstay_core.config.rows import BUDGET_ROWS, Row
from backstay_core.config.tables import ENVIRONMENTS, POLICY_ROWS, strategy_rows
from backstay_core.config.template import template, toml_value
from backstay_core.failure import GROUPS, KINDS
from backstay_core.policy import STRATEGIES

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.made_parts import renew, renewed

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "configuration.md"
SCHEMA = DOCS / "backstay.schema.json"


def table(rows: tuple[Row, ...]) -> str:
    lines = ["| key | what | default | |", "|---|---|---|---|"]
    for row in rows:
        default = "**must be given**" if row.required else "" if row.default is None else f"`{toml_value(row.default)}`"
        lines.append(f"| `{row.name}` | {row.expects()} | {default} | {row.doc} |")
    return "\n".join(lines) + "\n"


def strategies() -> str:
    """A section for each kind of strategy."""
    parts = []
    for kind in sorted(STRATEGIES):
        about = (STRATEGIES[kind].__doc__ or "").partition(".")[0].removeprefix("Options of ")
        parts.append(f"### `{kind}`\n\nOptions of {about}.\n\n{table(strategy_rows(STRATEGIES, kind))}")
    return "\n".join(parts)


def environments() -> str:
    return "\n".join(f"### `{t.key}`\n\n{t.doc} (`{t.environment}`)\n\n{table(t.rows)}" for t in ENVIRONMENTS)


def names() -> str:
    groups = "\n".join(f"| `{name}` | {', '.join(f'`{kind}`' for kind in kinds)} |" for name, kinds in GROUPS.items())
    return f"Kinds: {', '.join(f'`{kind}`' for kind in KINDS)}.\n\n| group | kinds |\n|---|---|\n{groups}\n"


PARTS: dict[str, Callable[[], str]] = {
    "policy": lambda: table(POLICY_ROWS),
    "strategies": strategies,
    "budget": lambda: table(BUDGET_ROWS),
    "names": names,
    "environments": environments,
    "template": lambda: f"```toml\n{template()}```\n",
}


def page(text: str) -> str:
    """The page as it should be."""
    return renewed(text, PARTS)


def schema() -> str:
    """The JSON Schema file as it should be."""
    return json.dumps(json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    renew(PAGE, page(PAGE.read_text("utf-8")))
    renew(SCHEMA, schema())
