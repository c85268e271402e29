"""The mutation tool makes the changes it says, and tells a suite that notices them from one that does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import OPERATORS, Mutant, find
from tools.mutate import Reasons

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tool forks")

TOOL = Path(__file__).parents[2] / "tools" / "mutate.py"

CHANGES = [
    ("compare", "a = b < c", ["b < c → b <= c"]),
    ("compare", "a = b >= c", ["b >= c → b > c"]),
    ("compare", "a = b == c", ["b == c → b != c"]),
    ("compare", "a = b is not c", ["b is not c → b is c"]),
    ("compare", "a = b <= c < d", ["b <= c < d → b < c < d", "b <= c < d → b <= c <= d"]),
    ("compare", "if b == c:\n    f()", []),  # always true and always false stand for it
    ("compare", "if b > c:\n    f()", ["b > c → b >= c"]),
    ("boolean", "a = b and c", ["b and c → b or c"]),
    ("boolean", "a = b or c or d", ["b or c or d → b and c and d"]),
    ("not", "a = not b", ["not b → b"]),
    ("not", "a = -b", ["-b → b"]),
    ("arithmetic", "a = b + c", ["b + c → b - c"]),
    ("arithmetic", "a = b // c", ["b // c → b * c"]),
    ("arithmetic", "a = b << c", ["b << c → b >> c"]),
    ("arithmetic", "a -= b", ["a -= b → a += b"]),
    ("arithmetic", "a = b + 'text'", []),
    ("constant", "a = 5", ["5 → 6", "5 → 4"]),
    ("constant", "a = b > 5", ["5 → 6"]),  # b > 4 is b >= 5
    ("constant", "a = 0.5", ["0.5 → 1.5", "0.5 → -0.5"]),
    ("constant", "a = 'text'", []),
    ("constant", "a: 'Literal[1]'\ndef f(a: 'Literal[2]' = 3): pass", ["3 → 4", "3 → 2"]),
    ("constant", "a = b(1, 1)", ["1 → 2", "1 → 0", "1 → 2 (2)", "1 → 0 (2)"]),
    ("flag", "a = True", ["True → False"]),
    ("minmax", "a = min(b, c)", ["min(b, c) → max(b, c)"]),
    ("delete", "f()", ["f() → pass"]),
    ("delete", "def f(a):\n    a.b = 1", ["a.b = 1 → pass"]),
    ("delete", "def f():\n    a = 1\n    return a", []),  # nothing runs without it
    ("delete", "def f():\n    a = 1\n    a = 2\n    return a", ["a = 1 → pass", "a = 2 → pass"]),
    ("delete", "def f(a):\n    if a:\n        return 1\n    return 2", []),  # a condition that is false stands for it
    (
        "delete",
        "def f(a):\n    if a:\n        return 1\n    else:\n        return 2",
        ["return 1 → pass", "return 2 → pass"],
    ),
    ("delete", "def f():\n    raise ValueError(1 + 1)", ["raise ValueError(1 + 1) → pass"]),
    ("delete", "def f():\n    'Says what it does.'", []),
    ("delete", "class A:\n    __slots__ = ('a', 'b')", []),
    ("condition", "if a:\n    f()", ["a → True", "a → False"]),
    ("condition", "a = b if c else d", ["c → True", "c → False"]),
    ("condition", "a = [b for b in c if d]", ["d → True", "d → False"]),
    ("condition", "while a:\n    f()", ["a → False"]),
    ("condition", "if TYPE_CHECKING:\n    import typing", []),
    ("condition", "a = f'{b} of {c}' if b else 'none at all'", []),
    ("return", "def f():\n    return a", ["return a → return None"]),
    ("return", "def f():\n    return None", []),
    ("return", "def __repr__(self):\n    return a", []),
    ("row", "A = ('b', 'c')", ["without 'b'", "without 'c'"]),
    ("row", "A = {'b': 1, 'c': 2}", ["without 'b'", "without 'c'"]),
    ("row", "def f():\n    a = ('b', 'c')", []),
    ("cell", "A = {'b': (X, 'a row'), 'c': (Y, 'another')}", ["'b': X → Y", "'c': Y → X", "'c': 'another' → 'a row'"]),
]


def of(operator: str, source: str) -> list[Mutant]:
    return [mutant for mutant in find(source) if mutant.operator == operator]


@pytest.mark.parametrize(("operator", "source", "changes"), CHANGES)
def test_an_operator_makes(operator: str, source: str, changes: list[str]):
    assert [mutant.change for mutant in of(operator, source)] == changes


def test_every_operator_has_a_snippet():
    assert {operator for operator, _, changes in CHANGES if changes} == set(OPERATORS)


@pytest.mark.parametrize(
    ("operator", "source", "mutated"),
    [
        ("constant", "é = (b +\n     2)  # é", ["é = (b +\n     (3))  # é", "é = (b +\n     (1))  # é"]),
        ("delete", "if a:\n    f(\n        b)\n    g(c)",
         ["if a:\n    pass\n\n    g(c)", "if a:\n    f(\n        b)\n    pass"]),
        ("row", "A = (\n    'b',\n    'c')", ["A = (('c',)\n\n)", "A = (('b',)\n\n)"]),
    ],
    ids=["not ASCII", "statements", "tables"],
)  # fmt: skip
def test_a_mutant_has_as_many_lines_as_its_source(operator: str, source: str, mutated: list[str]):
    assert [mutant.apply(source) for mutant in of(operator, source)] == mutated


def test_a_name_survives_edits_elsewhere():
    source = "class A:\n    def f(self, b):\n        return b + 1\n"
    [mutant] = of("arithmetic", source)
    assert mutant.name == ("<snippet>", "A.f", "return b + 1", "arithmetic", "b + 1 → b - 1")
    [moved] = of("arithmetic", "import c\n\n\n" + source)
    assert moved.name == mutant.name
    assert moved.line == mutant.line + 3


ENTRY = """
[[accepted]]
module = "<snippet>"
function = "A.f"
text = "return b + 1"
reason = "Nobody looks."
"""


def test_a_reason_names_what_it_says_and_nothing_else():
    reasons = Reasons(ENTRY)
    method = "    def {}(self, b):\n        return b + 1\n"
    mutants = find("class A:\n" + method.format("f") + method.format("g"))
    assert {(mutant.function, reasons.find(mutant)) for mutant in mutants} == {("A.f", "Nobody looks."), ("A.g", None)}
    assert {reasons.find(mutant, "beyond_vectors") for mutant in mutants} == {None}
    only = Reasons(ENTRY + 'operator = "constant"\n')
    assert {mutant.operator for mutant in mutants if only.find(mutant)} == {"constant"}


def test_a_reason_for_what_is_gone_is_an_error():
    assert Reasons(ENTRY).unmatched(find("def f(b):\n    return b + 1\n"))[0]["function"] == "A.f"
    assert not Reasons(ENTRY).unmatched(find("class A:\n    def f(self, b):\n        return b + 1\n"))


@pytest.mark.parametrize(
    "change",
    [("accepted", "ignored"), ('reason = "Nobody looks."', ""), ("text =", "line ="), ('"Nobody looks."', '""')],
)
def test_a_reason_is_complete(change: tuple[str, str]):
    with pytest.raises(SystemExit, match=r"mutants\.toml"):
        Reasons(ENTRY.replace(*change))


def mutate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """A suite of one vector: a bulkhead with one place refuses the second call."""
    vector = {
        "name": "full",
        "policy": {"name": "p", "strategies": [{"kind": "bulkhead", "limit": 1}]},
        "calls": [{"at": 0, "attempts": [[10, "ok"]]}, {"at": 5}],
        "expect": {
            "calls": [
                [[0, "attempt"], [10, "complete", "ok"]],
                [[5, "fail", "rejected", "BULKHEAD_FULL"]],
            ],
            "final": [{"inside": 0, "waiting": 0}],
        },
    }
    (tmp_path / "bulkhead.json").write_text(json.dumps([vector, {"name": "later", "pending": "hedge"}]))
    return tmp_path


def rule(vectors: Path) -> subprocess.CompletedProcess[str]:
    """Whether the vectors notice that the rule "no place, no entry" is gone."""
    chosen = ("--only", "strategies/queue", "--function", "Queue.take", "--operator", "condition")
    return mutate("--rules", "--vectors", vectors, *chosen)


def test_the_removal_of_a_rule_is_noticed(vectors: Path):
    result = rule(vectors)
    assert "free > 0 → True" not in result.stdout
    assert "free > 0 → False" not in result.stdout, result.stdout


def test_a_suite_without_the_call_that_is_refused_notices_less(vectors: Path):
    path = vectors / "bulkhead.json"
    suite = json.loads(path.read_text())
    del suite[0]["calls"][1], suite[0]["expect"]["calls"][1]
    path.write_text(json.dumps(suite))
    result = rule(vectors)
    assert result.returncode == 1
    assert "free > 0 → True" in result.stdout, result.stderr


def test_a_kernel_that_does_not_pass_is_no_measure(vectors: Path):
    path = vectors / "bulkhead.json"
    path.write_text(path.read_text().replace("BULKHEAD_FULL", "FULL"))
    result = rule(vectors)
    assert result.returncode not in (0, 1) or "does not pass: vectors" in result.stderr
    assert "survived" not in result.stdout


def test_tests_notice_what_vectors_leave_and_the_report_says_so(vectors: Path, tmp_path: Path):
    test = tmp_path / "test_it.py"
    test.write_text("from backstay_core.clock import to_ns\n\n\ndef test_it():\n    assert to_ns(2) == 2_000_000_000\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    chosen = ("--only", "clock", "--function", "to_ns", "--operator", "condition", "--operator", "return")
    result = mutate("--vectors", vectors, "--tests", test, *chosen, "--json", "--least", 100)
    report = json.loads(result.stdout)
    outcomes = {row["change"]: row["outcome"] for row in report["mutants"]}
    assert outcomes["return seconds * SECOND → return None"] == "tests"
    assert "survived" in outcomes.values()
    counts = report["modules"]["total"]
    assert counts["mutants"] == counts["tests"] + counts["survived"] + counts["vectors"] + counts["accepted"]
    assert counts["score"] < 100
    assert result.returncode == 1


def test_an_endless_loop_counts_as_noticed(vectors: Path, tmp_path: Path):
    (tmp_path / "test_nothing.py").write_text("")
    chosen = ("--only", "execution", "--function", "Execution._up", "--operator", "delete")
    result = mutate("--vectors", vectors, "--tests", tmp_path, *chosen, "--json", "--least", 0)
    outcomes = {row["change"]: row["outcome"] for row in json.loads(result.stdout)["mutants"]}
    assert outcomes["i -= 1 → pass"] == "timeout"


def test_list_judges_nothing():
    result = mutate("--list", "--only", "rng", "--operator", "return")
    assert result.returncode == 0
    assert "rng:" in result.stdout
    assert "Rng.next [return] return mix(state) → return None" in result.stdout
