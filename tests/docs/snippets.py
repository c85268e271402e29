"""The Python blocks of Markdown pages, run as they stand."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

#   pages whose examples need more than to be run, and the test that sees to them
ELSEWHERE = {
    "docs/configuration.md": "tests/config/test_artefacts.py",  # files beside it, and one program in two blocks
    "docs/errors.md": "tests/errors/test_page.py",  # what they print is on the page
    "docs/testing.md": "tests/docs/test_testing.py",  # tests for pytest
    "docs/wasm.md": "tests/wasm/test_docs.py",  # need the component
}


class Snippet(NamedTuple):
    path: Path
    line: int  # on which the code begins, from 1
    code: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT).as_posix()}-{self.line}" if self.path.is_absolute() else str(self.path)

    def run(self) -> None:
        """Run it as a module of its own; a traceback shows its lines in the page."""
        exec(compile("\n" * (self.line - 1) + self.code, self.path, "exec"), {"__name__": "__main__"})


def snippets(path: Path, text: str) -> list[Snippet]:
    return [Snippet(path, text.count("\n", 0, block.start(1)) + 1, block[1]) for block in BLOCK.finditer(text)]


def pages() -> list[Path]:
    """README.md and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples(text: str) -> list[tuple[int, str]]:
    """The blocks of a text alone: the line on which the code begins, and the code."""
    return [(snippet.line, snippet.code) for snippet in snippets(Path("page.md"), text)]
