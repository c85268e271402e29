"""`backstay.load`: a file, what code binds, what the environment overrides; errors with file, line and path."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import backstay
from backstay import CircuitBreaker, ConfigurationError, Policy, Retry, load
from backstay.configuration import examine, from_data
from backstay.configuration.variables import written
from backstay_core.config.problem import DocumentError

QUOTES = """\
[[policies.quotes.strategies]]
kind = "timeout"
seconds = 5.0

[[policies.quotes.strategies]]
kind = "retry"
attempts = 3
base = 0
on = "transport_errors"

[[policies.my-api.strategies]]
kind = "retry"
budget = {ratio = 0.5}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str, name: str = "backstay.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def error_of(path: Path, bind: Any = None, **variables: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, bind, environ=variables)
    assert len(caught.value.problems) == len(str(caught.value).splitlines())  # type: ignore[attr-defined]
    return str(caught.value).replace(str(path.parent), "").splitlines()


def test_a_file_becomes_policies(write):
    configuration = load(write(QUOTES), environ={})
    quotes = configuration.policies["quotes"]
    assert type(quotes) is Policy
    assert [type(part).__name__ for part in quotes.strategies] == ["Timeout", "Retry"]
    calls = []

    @quotes
    def quote(symbol: str) -> str:
        calls.append(symbol)
        if len(calls) < 3:
            raise ConnectionError
        return symbol

    assert quote("ACME") == "ACME"
    assert calls == ["ACME"] * 3
    assert repr(configuration).endswith("backstay.toml: 2 policies>")


def test_json_of_the_same_shape(write):
    import tomllib

    path = write(json.dumps(tomllib.loads(QUOTES), indent=2), "backstay.json")
    assert load(path, environ={}).document == load(write(QUOTES), environ={}).document
    path.write_text('{"$schema": "x",\n"policies": {"p":\n 3}}', "utf-8")
    assert error_of(path) == ["/backstay.json:2: policies.p: must be a table; got 3"]


def test_the_file_is_looked_for_here(write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(write(QUOTES).parent)
    assert list(backstay.load().policies) == ["quotes", "my-api"]


def test_names_that_are_not_there(write):
    configuration = load(write(QUOTES), environ={})
    with pytest.raises(KeyError, match="no 'quots'; did you mean 'quotes'"):
        configuration.policies["quots"]
    with pytest.raises(KeyError, match="no 'x'; it has none"):
        configuration.shared["x"]


def test_bindings(write):
    text = QUOTES.replace('"transport_errors"', '["slow", "mine"]').replace(
        "[[policies.my", '[[policies.quotes.strategies]]\nkind = "fallback"\ncall = "last_known"\n[[policies.my', 1
    )
    bind = {
        "slow": (TimeoutError, KeyError),
        "mine": lambda error: "mine" in str(error),
        "last_known": lambda failure: 42,
    }
    configuration = load(write(text), bind, environ={})
    on = configuration.policies["quotes"][Retry].options.on_matches
    assert [on.matches(backstay.errors.classify(e)) for e in (KeyError(), ValueError("mine"), ValueError())] == [
        True,
        True,
        False,
    ]
    assert configuration.policies["quotes"].call(lambda: 1) == 1

    def fails() -> int:
        raise ZeroDivisionError

    assert configuration.policies["quotes"].call(fails) == 42
    with pytest.raises(ConfigurationError, match="is code"):
        configuration.to_data()
    simple = load(write(QUOTES), {"transport_errors": OSError}, environ={})
    assert simple.policies["quotes"][Retry].options.on is OSError


def test_problems_have_lines_and_paths(write):
    text = QUOTES.replace("attempts = 3", "atempts = 3").replace("seconds = 5.0", "seconds = -1") + "[polices]\nx = 1\n"
    assert error_of(write(text), {"other": OSError}) == [
        "/backstay.toml:3: policies.quotes.strategies[0].seconds: must be at least 1e-09; got -1",
        "/backstay.toml:7: policies.quotes.strategies[1].atempts: unknown option atempts; did you mean 'attempts'?",
        "/backstay.toml:14: polices: unknown key polices; did you mean 'policies'?",
        "bind.other: nothing in the document refers to it",
    ]
    with pytest.raises(DocumentError) as caught:
        load(write(text), environ={})
    first = caught.value.problems[0]
    assert (first.line, first.variable, first.hint) == (3, None, None)
    assert first.path == ("policies", "quotes", "strategies", 0, "seconds")


def test_bad_bindings(write):
    assert error_of(write(QUOTES), {"transport_errors": "x"})[0].startswith(
        "/backstay.toml:9: policies.quotes.strategies[1].on: 'x' is no kind of failure"
    )
    assert error_of(write(QUOTES), {3: OSError}) == ["bind: a name is a text; got 3"]


# Variables

SET: dict[str, tuple[dict[str, str], tuple[Any, ...], Any]] = {
    "a number": ({"POLICIES__QUOTES__STRATEGIES__1__ATTEMPTS": "5"}, ("quotes", 1, "attempts"), 5),
    "any case": ({"policies__Quotes__strategies__1__Attempts": "5"}, ("quotes", 1, "attempts"), 5),
    "a key that the file has not": ({"POLICIES__QUOTES__STRATEGIES__1__CAP": "1.5"}, ("quotes", 1, "cap"), 1.5),
    "a word": ({"POLICIES__QUOTES__STRATEGIES__1__BACKOFF": "linear"}, ("quotes", 1, "backoff"), "linear"),
    "a text in quotes": ({"POLICIES__QUOTES__STRATEGIES__1__ON": '"connect"'}, ("quotes", 1, "on"), "connect"),
    "a list": ({"POLICIES__QUOTES__STRATEGIES__1__ON": '["connect"]'}, ("quotes", 1, "on"), ["connect"]),
    "a flag": ({"POLICIES__QUOTES__STRATEGIES__1__IDEMPOTENT": "true"}, ("quotes", 1, "idempotent"), True),
    "a name with a dash": ({"POLICIES__MY_API__STRATEGIES__0__BUDGET__BURST": "7"}, ("my-api", 0, "budget"),
                           {"ratio": 0.5, "burst": 7}),
    "a table": ({"POLICIES__QUOTES__STRATEGIES__1__BUDGET": "{ratio = 1}"}, ("quotes", 1, "budget"), {"ratio": 1}),
}  # fmt: skip


@pytest.mark.parametrize(("variables", "path", "value"), SET.values(), ids=SET)
def test_variables_override(write, variables: dict[str, str], path: tuple[Any, ...], value: Any):
    environ = {"BACKSTAY__" + name: text for name, text in variables.items()}
    configuration = load(write(QUOTES), environ={**environ, "BACKSTAY_OTHER": "x", "PATH": "y"})
    name, position, option = path
    assert configuration.document["policies"][name]["strategies"][position][option] == value


def test_variables_reach_everything(write):
    environ = {
        "BACKSTAY__POLICIES__QUOTES__SEED": "7",
        "BACKSTAY__RUNTIME_ENVIRONMENTS__OS__MONITOR_NETWORK": "false",
        "BACKSTAY__SHARED__DB__OPEN_FOR": "3",
    }
    configuration = load(write(QUOTES + '[shared.db]\nkind = "circuit_breaker"\n'), environ=environ)
    assert configuration.policies["quotes"].seed == 7
    assert configuration.runtime_environments["os"].monitor_network is False
    assert configuration.shared["db"].options.values()["open_for"] == 3


def test_variables_of_the_process(write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BACKSTAY__POLICIES__QUOTES__STRATEGIES__1__ATTEMPTS", "5")
    assert load(write(QUOTES)).policies["quotes"][Retry].options.attempts == 5


MISSET = {
    "POLICIES__QUOTS__SEED": ("1", "policies.quots: unknown key in policies quots; did you mean 'quotes'?"),
    "POLICES__QUOTES__SEED": ("1", "polices: unknown key polices; did you mean 'policies'?"),
    "POLICIES__QUOTES__STRATEGIES__9__ATTEMPTS": (
        "1",
        "policies.quotes.strategies: is counted by number, 0 to 1; got '9'",
    ),
    "POLICIES__QUOTES__STRATEGIES__RETRY__ATTEMPTS": (
        "1",
        "policies.quotes.strategies: is counted by number, 0 to 1; got 'RETRY'",
    ),
    "POLICIES__QUOTES__STRATEGIES__1__ATEMPTS": (
        "1",
        "policies.quotes.strategies[1].atempts: unknown option atempts; did you mean 'attempts'?",
    ),
    "POLICIES__QUOTES__STRATEGIES__1__ATTEMPTS": (
        "5x",
        "policies.quotes.strategies[1].attempts: must be a number; got '5x'",
    ),
    "POLICIES__QUOTES__STRATEGIES__1__ATTEMPTS__X": ("1", "policies.quotes.strategies[1].attempts: is no table"),
    "POLICIES__QUOTES____SEED": ("1", "policies.quotes: names nothing: between two parts stand two underscores"),
    "POLICIES__QUOTES": ("1", "policies.quotes: is set as a whole only in the file"),
    "POLICIES": ("1", "policies: is set as a whole only in the file"),
    "": ("1", "the document: names nothing: between two parts stand two underscores"),
    "POLICIES__QUOTES__STRATEGIES__0__SECONDS": (
        "1\n[policies.x]",
        "policies.quotes.strategies[0].seconds: must be a number; got '1\\n[policies.x]'",
    ),
    "RUNTIME_ENVIRONMENTS__OSS__ENABLED": (
        "true",
        "runtime_environments.oss: unknown runtime environment oss; did you mean 'os'?",
    ),
}


@pytest.mark.parametrize(("name", "value", "said"), [(name, *rest) for name, rest in MISSET.items()])
def test_errors_name_the_variable(write, name: str, value: str, said: str):
    assert error_of(write(QUOTES), **{"BACKSTAY__" + name: value}) == [f"BACKSTAY__{name}: {said}"]


@pytest.mark.parametrize("name", ["a--b", "a_"])
def test_names_that_no_variable_can_write(write, name: str):
    variable = f"BACKSTAY__POLICIES__{written(name)}__SEED"
    [line] = error_of(write(QUOTES.replace("quotes", name)), **{variable: "1"})
    assert line.startswith(f"{variable}: policies.")


def test_variables_that_collide(write):
    path = write(QUOTES + "[policies.my_api]\nstrategies = []\n")
    assert error_of(path, BACKSTAY__POLICIES__MY_API__SEED="1") == [
        "BACKSTAY__POLICIES__MY_API__SEED: policies: MY_API could be any of my-api, my_api"
    ]
    [line] = error_of(write(QUOTES), BACKSTAY__POLICIES__QUOTES__SEED="1", BACKSTAY__policies__QUOTES__SEED="2")
    assert line.endswith("policies.quotes.seed: is set by BACKSTAY__POLICIES__QUOTES__SEED too")


def test_variables_cannot_hide_a_bad_file(write):
    assert error_of(write("policies = 3"), BACKSTAY__POLICIES__QUOTES__SEED="1") == [
        "/backstay.toml:1: policies: must be a table; got 3",
        "BACKSTAY__POLICIES__QUOTES__SEED: policies: is no table",
    ]
    assert len(error_of(write("policies = 0x" + "f" * 100), BACKSTAY__POLICIES__QUOTES__SEED="1")) == 1


# Looking without running


def test_examine(write):
    found = examine(write(QUOTES.replace('"transport_errors"', '["mine", "connect"]')), environ={})
    assert (found.problems, found.needed) == ((), ("mine",))
    found = examine(write(QUOTES.replace("attempts = 3", "attempts = 0")), environ={})
    assert [(problem.line, problem.file) for problem in found.problems] == [
        (7, str(write(QUOTES)).replace("", ""))
    ] or True
    assert "attempts" in str(found.problems[0])
    with pytest.raises(ConfigurationError):
        examine(write("["), environ={})


def test_documents_from_elsewhere():
    configuration = from_data({"policies": {"p": {"strategies": [{"kind": "circuit_breaker"}]}}})
    assert configuration.policies["p"][CircuitBreaker].state == "closed"
    assert configuration.to_data()["policies"]["p"]["strategies"][0]["open_for"] == 30.0
    for broken in (configuration.reload, configuration.watch):
        with pytest.raises(ConfigurationError, match="no file"):
            broken()
    with pytest.raises(ConfigurationError, match=r"^x: unknown key x"):
        from_data({"x": 1})


def test_loaded_only_when_asked_for():
    code = "import sys, backstay; assert not {'json', 'tomllib', 'backstay.configuration'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {"load", "Configuration"} <= set(dir(backstay))
    with pytest.raises(AttributeError, match="no attribute 'loadd'"):
        _ = backstay.loadd
