"""What is generated from the schema: the reference page, the JSON Schema, the file to start from."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from backstay import load
from backstay_core.config.json_schema import json_schema
from backstay_core.config.loading import check
from backstay_core.config.template import COMPOSITION, template, toml_value
from backstay_core.failure import ConfigurationError
from tests.config.documents import documents, mutated
from tests.config.wrong import WRONG
from tests.property.cases import cases
from tools.config_docs import PAGE, PARTS, SCHEMA, page, schema

VALIDATOR = Draft202012Validator(json_schema())
TEXT = PAGE.read_text("utf-8")

#  how options fit together, what names mean, how a name is written: the schema of single values cannot know
BEYOND_THE_SCHEMA = {
    "a breaker for a budget", "a budget for a strategy", "shared twice", "two that do not fit", "no number", "a date",
    "seed",
}  # fmt: skip


def test_files_are_up_to_date():
    assert page(TEXT) == TEXT, "docs/configuration.md is out of date; run: python tools/config_docs.py"
    assert schema() == SCHEMA.read_text("utf-8"), "docs/backstay.schema.json is out of date; run the same"
    assert all(f"<!-- {name} -->\n" in TEXT for name in PARTS)


def test_the_schema_is_one():
    Draft202012Validator.check_schema(json.loads(schema()))


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    [toml] = re.findall(r"```toml\n(\[\[.*?)```", TEXT, re.DOTALL)
    (tmp_path / "backstay.toml").write_text(toml, "utf-8")
    monkeypatch.chdir(tmp_path)
    first, second = re.findall(r"```python.*?\n(.*?)```", TEXT, re.DOTALL)
    exec(first + second, {})
    assert capsys.readouterr().out == "backstay.toml was taken over: 3 kept\n"


def test_the_errors_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    [toml] = re.findall(r"```toml\n(\[\[.*?)```", TEXT, re.DOTALL)
    [said] = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "backstay.toml").write_text(toml.replace("attempts", "atempts").replace("_errors", "_erors"), "utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load(bind={"last_known": repr})
    assert f"{caught.value}\n" == said


# The JSON Schema


def shipped() -> dict[str, str]:
    """Every document in TOML that ships with the project."""
    blocks = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    files = {str(path): path.read_text("utf-8") for path in PAGE.parents[1].glob("examples/**/backstay*.toml")}
    return {**{f"configuration.md {number}": text for number, text in enumerate(blocks)}, **files, "init": template()}


@pytest.mark.parametrize("text", shipped().values(), ids=shipped())
def test_what_ships_is_right(text: str):
    document = tomllib.loads(text)
    assert check(document) == []
    VALIDATOR.validate(document)


@pytest.mark.parametrize("name", WRONG)
def test_the_schema_refuses_what_is_wrong(name: str):
    document = tomllib.loads(WRONG[name][0])
    valid = VALIDATOR.is_valid(document)
    assert valid == (name in BEYOND_THE_SCHEMA)


@given(documents())
@cases(0.1)
def test_the_schema_takes_what_is_right(document: dict[str, Any]):
    VALIDATOR.validate(document)


@given(mutated())
@cases(0.1)
def test_the_schema_refuses_nothing_that_is_right(document: Any):
    if not check(document, {}):
        VALIDATOR.validate(document)


# The file to start from


def test_the_template_is_a_configuration():
    document = tomllib.loads(template())
    assert check(document) == []
    rows = document["policies"]["example"]["strategies"]
    assert [row["kind"] for row in rows] == [kind for kind, _, _ in COMPOSITION]
    assert all(len(line) <= 200 for line in template().splitlines())


def uncommented(text: str) -> str:
    return re.sub(r"^# ", "", text, flags=re.MULTILINE)


def test_everything_that_the_template_offers_is_right():
    document = tomllib.loads(uncommented(template()))
    assert check(document) == []
    assert len(document["runtime_environments"]) == 13
    kinds = {row["kind"] for row in document["policies"]["example"]["strategies"]}
    assert kinds == set(json_schema()["$defs"]) & kinds
    assert "fallback" in kinds


@pytest.mark.parametrize("name", ["quotes", "my api", 'a"b\\c\n\x7f', "ü" * 100])
def test_the_template_for_any_name(name: str):
    for text in (template(name), uncommented(template(name))):
        assert list(tomllib.loads(text)["policies"]) == [name]


@pytest.mark.parametrize(
    "value", [True, False, 0, -3, 2**63 - 1, 0.1, 1e-9, 1e300, "", 'a"\n\\\x7f\x00ü', [1, ["x"]], {}, {"a b": {"c": 1}}]
)
def test_values_as_toml_writes_them(value: Any):
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


@pytest.mark.parametrize("value", [None, float("nan"), object()])
def test_what_toml_cannot_say(value: Any):
    with pytest.raises(ConfigurationError, match="TOML has no value"):
        toml_value(value)
