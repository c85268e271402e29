"""Keeps docs/correctness.md true: ``python tools/correctness.py`` writes it anew.

Claims come from the numbered rules in the kernel's docstrings, vectors from the conformance suite.
`tests/conformance/test_correctness.py` fails where the page and they differ, or where it names a test that is gone.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.conformance.rules import Rule, rules

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "correctness.md"
VECTORS = ROOT / "tests" / "conformance" / "vectors"

INTRODUCTION = """\
# Correctness

Every rule of every strategy, the code that enforces it, and the conformance vectors that fail without it: those that
*accept* show its effect, those that *reject* show where it ends. `python tools/correctness.py` makes this page from the
rules in the docstrings and from the vectors; a test keeps it up to date.

A vector is the test `tests/conformance/test_vectors.py::test_vector`, run for each of the runners in
`tests/conformance/runners.py`; `python -m pytest tests/conformance -k "name of the vector"` runs one. What vectors are
is explained in [tests/conformance/README.md](../tests/conformance/README.md). `make mutate` takes each rule out of the
code and counts what notices.
"""

TITLES = {
    "CB": ("Circuit breaker", "tests/property/test_breaker.py"),
    "RT": ("Retry", "tests/property/test_budget.py"),
    "TO": ("Timeout", "tests/property/test_agreement.py"),
    "FB": ("Fallback", "tests/property/test_agreement.py"),
    "BH": ("Bulkhead", "tests/property/test_bulkhead.py"),
    "CA": ("Cache", "tests/native/test_cache.py"),
    "ID": ("Idempotency", "tests/native/test_idempotency.py"),
    "HG": ("Hedge", "tests/native/test_hedge.py"),
    "IN": ("Inject", "tests/property/test_agreement.py"),
    "RL": ("Rate limit", "tests/property/test_rate_limit.py"),
    "CL": ("Concurrency limit", "tests/overload/test_overload.py"),
    "TH": ("Throttle", "tests/property/test_agreement.py"),
    "PR": ("Priorities and tenants", "tests/property/test_agreement.py"),
    "PO": ("Policy", "tests/property/test_snapshots.py"),
    "EX": ("Execution", "tests/property/test_agreement.py"),
}

#   where a rule is enforced, if not in the module that states it
ENFORCED = {
    "CB": "strategies/breaker.py",
    "CB2": "strategies/window.py",
    "CB14": "failure.py",
    "BH2": "strategies/queue.py",
    "BH3": "strategies/queue.py",
    "BH4": "strategies/queue.py",
    "BH5": "strategies/queue.py",
    "BH6": "strategies/queue.py",
    "BH7": "strategies/queue.py",
    "CL2": "strategies/queue.py",
    "CL7": "strategies/measuring.py",
    "CL8": "strategies/measuring.py",
    "CL9": "strategies/measuring.py",
    "RL": "strategies/turns.py",
    "RL1": "strategies/pacing.py",
    "RL2": "strategies/pacing.py",
    "RL3": "strategies/pacing.py",
    "RL4": "strategies/pacing.py",
    "RL5": "strategies/pacing.py",
    "PR2": "strategies/queue.py",
    "PR3": "strategies/queue.py",
    "PR4": "strategies/queue.py",
    "TO": "execution.py",
    "FB2": "execution.py",
    "FB4": "execution.py",
    "FB5": "execution.py",
    "CA": "execution.py",
    "ID": "execution.py",
    "ID4": "policy.py",
    "HG": "racing.py",
    "HG6": "strategies/hedge.py",
    "HG7": "strategies/hedge.py",
    "HG8": "strategies/hedge.py",
    "HG9": "strategies/hedge.py",
    "IN3": "execution.py",
    "IN4": "execution.py",
    "IN5": "execution.py",
    "IN6": "execution.py",
    "IN7": "execution.py",
    "RT4": "execution.py",
    "RT12": "execution.py",
    "PO1": "execution.py",
}

#   claim, code that enforces it, test that fails without it
BEYOND = (
    ("The step machine decides as an oracle written from the rules alone, for random policies on random timelines.",
     "core/backstay_core/execution.py", "tests/property/test_agreement.py"),
    ("A breaker takes the transitions of its table, and no others.",
     "core/backstay_core/strategies/breaker.py", "tests/property/test_breaker.py"),
    ("A snapshot that is restored and taken again is the same, also through canonical JSON.",
     "core/backstay_core/state.py", "tests/property/test_snapshots.py"),
    ("A bad snapshot changes nothing.", "core/backstay_core/policy.py", "tests/property/test_snapshots.py"),
    ("What calls in flight hold comes back after a resumption.",
     "core/backstay_core/strategies/queue.py", "tests/core/test_resume.py"),
    ("Whatever moves between two steps, calls in flight and those who wait included, decides on as if it had stayed.",
     "core/backstay_core/inflight.py", "tests/conformance/test_moves.py"),
    ("Between a check and its last write nothing can come in between.",
     "core/backstay_core/strategies/contract.py", "tests/core/test_straight_line.py"),
    ("The core works with the operating system's modules blocked.",
     "core/backstay_core/__init__.py", "tests/dialect/test_blocked_modules.py"),
    ("The kernel decides the same on MicroPython.", "targets/micropython/bundle.py",
     "tests/portability/test_micropython.py"),
    ("The kernel decides the same in a WASM component.", "tests/portability/wasm/guest.py",
     "tests/portability/test_wasm.py"),
    ("The engine decides the same under wasmtime, and calls move between it and native in the middle.",
     "targets/wasm/guest/app.py", "tests/wasm/test_conformance.py"),
    ("The engine decides the same under Node, and calls move between it, wasmtime and native in the middle.",
     "targets/wasm/js/src/engine.js", "tests/wasm/test_javascript.py"),
    ("The engine decides the same in a browser.", "targets/wasm/js/src/engine.js", "tests/wasm/test_browser.py"),
    ("An instance that breaks loses the call at which it broke, and nothing else.",
     "targets/wasm/backstay_wasm/recovery.py", "tests/wasm/test_recovery.py"),
    ("An HTTP request goes through a component under wasmtime as its policy says.",
     "targets/wasm/http/app.py", "tests/wasm/test_http.py"),
    ("Random numbers are those of SplitMix64.", "core/backstay_core/rng.py", "tests/core/test_mutants_ground.py"),
    ("An option that cannot mean anything is refused, with its name and what it takes.",
     "core/backstay_core/options.py", "tests/core/test_bad_input.py"),
)  # fmt: skip


def link(path: str) -> str:
    return f"[{path.removeprefix('core/backstay_core/')}](../{path})"


def named(rule: Rule, side: str) -> str:
    found = []
    for file in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(file.read_text(encoding="utf-8")):
            if rule.id in vector["rules"] and vector["side"] == side and "pending" not in vector:
                found.append(vector["name"])
    return "; ".join(found)


def page() -> str:
    """The whole page."""
    text = INTRODUCTION
    for letters, (title, further) in TITLES.items():
        of_these = [rule for rule in rules().values() if rule.id.startswith(letters)]
        text += f"\n## {title}\n\nBeside the vectors: {link(further)}.\n\n"
        text += "| rule | claim | code | vectors that accept | vectors that reject |\n|---|---|---|---|---|\n"
        for rule in of_these:
            code = ENFORCED.get(rule.id) or ENFORCED.get(rule.id[:2]) or rule.file
            cells = (rule.id, rule.claim, link(f"core/backstay_core/{code}"))
            text += f"| {' | '.join((*cells, named(rule, 'accepts'), named(rule, 'rejects')))} |\n"
    text += "\n## Beyond the rules\n\n| claim | code | test that fails without it |\n|---|---|---|\n"
    for claim, code, test in BEYOND:
        text += f"| {claim} | {link(code)} | {link(test)} |\n"
    return text


def tests_and_code() -> "list[str]":
    """Every path that the page names."""
    paths = [further for _, further in TITLES.values()]
    return paths + [path for _, code, test in BEYOND for path in (code, test)]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
