"""The scanners find the line of every path of what the parsers accept."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given

from backstay.configuration.lines import Json, Scanner, Toml
from backstay_core.config.template import toml_value
from tests.config.documents import documents, places
from tests.property.cases import cases

TOML = '''\
# a comment with [brackets] and "quotes"
title = "a # no comment"

[policies]   # [[no]]
"a b".seed = 1

[[policies.p.strategies]]
kind = "timeout"
seconds = 1.0

[[policies.p.strategies]]
kind = "retry"
on = [
    "connect",  # one
    'timeout',
]
budget = { ratio = 0.1, burst = 5 }

[policies.q]
strategies = [
    { kind = "fallback", value = """
        [[not.a.table]]
        \\"""" },
    { kind = "fallback", value = {a.b = [[1], [2,
        3]]} },
]
after = \'\'\'x\'\'\'\'
when = 1979-05-27 07:32:00
'''

LINES = {
    ("title",): 2,
    ("policies",): 4,
    ("policies", "a b"): 5,
    ("policies", "a b", "seed"): 5,
    ("policies", "p", "strategies", 0): 7,
    ("policies", "p", "strategies", 0, "seconds"): 9,
    ("policies", "p", "strategies", 1): 11,
    ("policies", "p", "strategies", 1, "on"): 13,
    ("policies", "p", "strategies", 1, "on", 1): 15,
    ("policies", "p", "strategies", 1, "budget", "burst"): 17,
    ("policies", "q"): 19,
    ("policies", "q", "strategies", 0, "kind"): 21,
    ("policies", "q", "strategies", 1): 24,
    ("policies", "q", "strategies", 1, "value", "a", "b", 1, 1): 25,
    ("policies", "q", "after"): 27,
    ("policies", "q", "when"): 28,
}


def paths(data: Any) -> set[tuple[Any, ...]]:
    return {path for path in places(data) if path}


def test_lines_of_toml():
    found = Toml(TOML).scan().lines
    assert {path: found.get(path) for path in LINES} == LINES
    assert paths(tomllib.loads(TOML)) <= found.keys()


def test_lines_of_json():
    text = '{\n "policies": {"p\\u0041": {\n  "strategies": [\n   {"kind": "a}"},\n   1]}},\n "x": [],\n "x": {}\n}'
    scanner = Json(text).scan()
    assert scanner.lines[("policies", "pA", "strategies", 1)] == 5
    assert scanner.lines[("policies", "pA", "strategies", 0, "kind")] == 4
    assert scanner.doubles == [(("x",), 7)]
    assert paths(json.loads(text)) <= scanner.lines.keys()


@given(documents())
@cases(0.1)
def test_every_path_is_found(document: dict[str, Any]):
    text = "".join(f"{toml_value(key)} = {toml_value(value)}\n" for key, value in document.items())
    assert tomllib.loads(text) == document
    assert paths(document) <= Toml(text).scan().lines.keys()
    for indent in (None, 1):
        assert paths(document) <= Json(json.dumps(document, indent=indent)).scan().lines.keys()


@pytest.mark.parametrize("scanner", [Toml, Json])
@pytest.mark.parametrize(
    "text", ["", "=", "[", "[[a", "a", 'a = "', "a = ", '{"a', "[" * 5000, "{" * 5000, 'x = """\\', "a.b."]
)
def test_a_scanner_never_fails(scanner: type[Scanner], text: str):
    scanner(text).scan()
