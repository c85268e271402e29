"""The numbered rules, read from where they are written: the docstrings of the kernel."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

DECIDES = ("strategies/*.py", "policy.py", "execution.py")
CORE = Path(__file__).parents[2] / "core" / "backstay_core"
RULE = re.compile(r"^([A-Z]{2})(\d+) {2,}(\S.*(?:\n {3,}\S.*)*)", re.MULTILINE)


class Rule(NamedTuple):
    id: str
    claim: str
    file: str  # relative to the core


def rules() -> dict[str, Rule]:
    """All rules by number, those of one letter pair together and in order."""
    found = {}
    for file in sorted(file for pattern in DECIDES for file in CORE.glob(pattern)):
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        for letters, number, claim in RULE.findall(text):
            rule = Rule(letters + number, " ".join(claim.split()), file.relative_to(CORE).as_posix())
            assert rule.id not in found, f"{rule.id} is written twice"
            found[rule.id] = rule
    return dict(sorted(found.items(), key=lambda item: (item[0][:2], int(item[0][2:]))))
