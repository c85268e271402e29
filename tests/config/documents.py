"""Hypothesis strategies for documents: right ones, and what happens to right ones in the hands of people."""

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from backstay_core.config.rows import BUDGET_ROWS, KIND_NAMES, Row
from backstay_core.config.tables import ENVIRONMENTS, shareable, strategy_rows
from backstay_core.failure import KINDS
from backstay_core.options import NO_FAULTS
from backstay_core.policy import STRATEGIES

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
TEXTS = st.text(max_size=8)
DATA = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
#  least and most of what is drawn, so that options fit together
CLOSER: dict[str, tuple[float, float]] = {
    "window_calls": (50, 1000),
    "minimum_calls": (1, 50),
    "window": (50, 1000),
    "minimum": (1, 50),
    "open_for": (0, 30),
    "open_cap": (30, 300),
}


def values(row: Row, budgets: list[str]) -> st.SearchStrategy[Any]:
    """What can stand at `row`."""
    least, most = CLOSER.get(row.name, (row.field.least, min(row.field.most or 1000, 1_000_000)))
    match row.type:
        case "count":
            return st.integers(int(least), int(most))
        case "seconds" | "ratio":
            whole = st.integers(int(max(least, 1)), int(most)) if most >= 1 else st.nothing()
            return st.floats(max(least, 1e-6), most) | whole
        case "flag":
            return st.booleans()
        case "choice":
            return st.sampled_from(row.field.choices)
        case "failures":
            return st.sampled_from(KIND_NAMES) | st.lists(st.sampled_from(KIND_NAMES), min_size=1, max_size=3)
        case "fault":
            return st.sampled_from([kind for kind in sorted(KINDS) if kind not in NO_FAULTS])
        case "results":
            return TEXTS | st.lists(TEXTS, min_size=1, max_size=3)
        case "budget":
            table = tables(BUDGET_ROWS, [])
            return st.sampled_from(budgets) | table if budgets else table
        case _:
            return DATA


def tables(rows: tuple[Row, ...], budgets: list[str], **more: Any) -> st.SearchStrategy[dict[str, Any]]:
    required = {row.name: values(row, budgets) for row in rows if row.required}
    optional = {
        row.name: values(row, budgets)
        for row in rows
        if not row.required and row.name != "call" and row.type != "function"
    }
    return st.fixed_dictionaries(
        {**{key: st.just(value) for key, value in more.items()}, **required}, optional=optional
    )


def strategies(kind: str, budgets: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    rows = BUDGET_ROWS if kind == "budget" else strategy_rows(STRATEGIES, kind)
    return tables(rows, budgets, kind=kind).map(fitting)


def fitting(row: dict[str, Any]) -> dict[str, Any]:
    """Without the options that do not go with the others."""
    without = []
    if row["kind"] == "rate_limit":
        algorithm = row.get("algorithm", "token_bucket")
        without += ["burst"] if algorithm != "token_bucket" else []
        without += ["shed"] if algorithm == "leaky_bucket" else []
        without += ["on"] if "decrease" not in row else []
    if row["kind"] == "concurrency_limit":
        least, initial, most = sorted((row.get("least", 1), row.get("initial", 20), row.get("most", 1000)))
        row = {**row, "least": least, "initial": initial, "most": most}
    return {name: value for name, value in row.items() if name not in without}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document without problems, whose options are all data."""
    shared = draw(
        st.dictionaries(
            NAMES, st.sampled_from(sorted(shareable(STRATEGIES))).flatmap(lambda k: strategies(k, [])), max_size=2
        )
    )
    budgets = [name for name, row in shared.items() if row["kind"] == "budget"]
    gates = [name for name in shared if name not in budgets]
    own = st.sampled_from(sorted(STRATEGIES)).flatmap(lambda kind: strategies(kind, budgets))

    @st.composite
    def policy(draw: st.DrawFn) -> dict[str, Any]:
        rows = draw(st.lists(own, max_size=4))
        rows += [{"shared": name} for name in gates if draw(st.booleans())]
        table: dict[str, Any] = {"strategies": rows}
        if draw(st.booleans()):
            table["seed"] = draw(st.integers(-(2**63), 2**63 - 1))
        return table

    environments = {table.key: draw(tables(table.rows, [])) for table in ENVIRONMENTS if draw(st.integers(0, 9)) == 0}
    document = {"policies": draw(st.dictionaries(NAMES, policy(), max_size=3)), "shared": shared}
    return {**document, "runtime_environments": environments}


ODD = st.sampled_from(
    [None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", "x" * 1000, [], [1], {}, {"kind": "retry"}, b"",
     {1: 2}, [[[[]]]], "transport_errors", "retri", 2**63, object()]
).map(deepcopy)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a document."""
    found = [path]
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found += places(value[key], (*path, key))
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A document in which something was replaced, taken out, added or renamed."""
    document = draw(documents())
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(document)))
        if not path:
            if draw(st.booleans()):
                document[draw(TEXTS)] = draw(ODD)
            continue
        owner = document
        for part in path[:-1]:
            owner = owner[part]
        match draw(st.integers(0, 3)):
            case 0:
                owner[path[-1]] = draw(ODD)
            case 1:
                del owner[path[-1]]
            case 2 if isinstance(owner, dict):
                owner[str(path[-1])[:-1] + "x"] = owner.pop(path[-1])
            case _ if isinstance(owner, dict):
                owner[draw(TEXTS)] = draw(ODD)
            case _:
                owner.append(draw(ODD))
    return document
