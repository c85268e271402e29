"""The regions marked "straight line" contain no point at which the interpreter could switch to something else.

That is what makes the kernel safe without locks on a build with a GIL; see `tests.support.bytecode` for what is looked
for. Python has promised none of it, so every version is looked at anew.
"""

import sysconfig
from pathlib import Path

import pytest

from tests.support.bytecode import dangers

CORE = Path(__file__).parents[2] / "core" / "backstay_core"
MODULES = [path for path in sorted(CORE.rglob("*.py")) if "# -- straight line\n" in path.read_text("utf-8")]

pytestmark = pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="without a GIL it says nothing"
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_nothing_comes_in_between(path: Path):
    _, found = dangers(path.read_text("utf-8"), path.name)
    assert not found, "\n".join(found)


def test_every_state_that_changes_has_regions():
    assert {path.stem for path in MODULES} >= {"breaker", "budget", "policy", "queue", "window"}


GOOD = """
def take(self, limit):
    # -- straight line
    taken = self.taken
    if taken >= limit or self.closed is None:
        return False
    self.taken = taken + 1 if taken < 7 else 7
    # -- end
    return print(self)
"""

BAD = {
    "call": "self.taken = next(self)",
    "method": "self.taken = self.next()",
    "list": "self.taken = [limit]",
    "tuple": "self.taken = self, limit",
    "dict": "self.taken = {}",
    "closure": "self.taken = lambda: limit",
    "loop": "while self.taken < limit:\n        self.taken = self.taken + 1",
    "iteration": "for item in limit:\n        self.taken = item",
    "import": "import os\n    self.taken = os",
    "text": "self.taken = f'{limit}'",
    "subscript": "self.taken = limit[0]",
    "yield": "self.taken = yield",
    "with": "with limit:\n        self.taken = 1",
    "deletion": "del self.taken\n    self.taken = 1",
    "nothing touched": "limit = limit + 1",
}


def test_a_good_region_passes():
    assert dangers(GOOD, "good") == (1, [])


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_region_is_found(kind: str):
    source = f"def bad(self, limit):\n    # -- straight line\n    {BAD[kind]}\n    # -- end\n"
    count, found = dangers(source, "bad")
    assert count == 1
    assert found


@pytest.mark.parametrize(
    "source",
    ["# -- end", "# -- straight line\n", "# -- straight line\n# -- straight line\n# -- end\n# -- end"],
    ids=["no begin", "no end", "nested"],
)
def test_unbalanced_marks_are_found(source: str):
    with pytest.raises(AssertionError, match="region"):
        dangers(source, "bad")
