"""Every problem of a document, all at once, each with its path and the nearest valid name."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay_core.config.loading import Checked, check, load
from backstay_core.config.outline import DEEPEST, LONGEST_TEXT, MOST_VALUES
from backstay_core.config.problem import MOST_SHOWN, DocumentError, Problem, path_text
from backstay_core.failure import ConfigurationError, Failure
from backstay_core.options import LabelMatcher
from backstay_core.policy import Shared
from tests.config.documents import documents, mutated
from tests.config.wrong import WRONG, policy
from tests.property.cases import cases


def problems(text: str, bind: Any = None) -> list[str]:
    return [str(problem) for problem in check(tomllib.loads(text), bind)]


def test_names_of_the_file_in_messages_are_quoted_and_not_too_many():
    shared = "".join(f'[shared."s\\u001b{i}"]\nkind = "bulkhead"\nlimit = 1\n' for i in range(30))
    [said] = problems(policy('shared = "zzzzzzz"') + shared)
    assert said.isprintable()
    assert said.endswith('"s\\x1b19", 10 more')


def test_a_name_that_will_be_bound_counts_as_given():
    """Or a file is good until the program that binds it refuses it."""
    text = policy('kind = "rate_limit"\nlimit = 1\non = "mine"')
    [said] = problems(text, {"mine": Matcher()})
    assert problems(text) == [said]
    assert "which nobody hears without decrease" in said


class Matcher:
    """What a host that is not Python binds: it judges failures by itself."""

    def matches(self, failure: Failure) -> bool:
        return failure.reason == "MINE"


ALL_AT_ONCE = """
polices = 1
[[policies.quotes.strategies]]
kind = "timeout"
[[policies.quotes.strategies]]
kind = "retry"
atempts = 3
on = ["transport_errors", "timeoutt"]
base = "1s"
[[policies.quotes.strategies]]
kind = "circuit_braker"
[[policies.quotes.strategies]]
shared = "backnd"
[shared.backend]
kind = "circuit_breaker"
open_cap = 1
[runtime_environments.os]
monitor_netwrk = true
"""


def test_all_problems_at_once():
    assert problems(ALL_AT_ONCE, {"mine": Matcher()}) == [
        "polices: unknown key polices; did you mean 'policies'?",
        "shared.backend.open_cap: must be at least open_for, 30.0; got 1",
        "policies.quotes.strategies[0]: needs seconds (how long what is inside may take)",
        "policies.quotes.strategies[1].atempts: unknown option atempts; did you mean 'attempts'?",
        "policies.quotes.strategies[1].on[1]: unknown name timeoutt; did you mean 'timeout'?",
        "policies.quotes.strategies[1].base: must be a number; got '1s'",
        "policies.quotes.strategies[2].kind: unknown kind circuit_braker; did you mean 'circuit_breaker'?",
        "policies.quotes.strategies[3].shared: unknown shared strategy backnd; did you mean 'backend'?",
        "runtime_environments.os.monitor_netwrk: unknown option monitor_netwrk; did you mean 'monitor_network'?",
        "bind.mine: nothing in the document refers to it",
    ]


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_what_is_refused(text: str, said: str):
    [problem] = problems(text)
    assert said in problem
    assert "\n" not in problem
    assert len(problem) < 700
    with pytest.raises(DocumentError) as caught:
        load(tomllib.loads(text), {})
    assert problem in str(caught.value)


@pytest.mark.parametrize("document", [None, 1, "text", [], [{}], (), object()])
def test_a_document_is_a_table(document: Any):
    [problem] = check(document)
    assert str(problem).startswith("the document: must be ")


def test_null_means_nothing():
    rows = [{"kind": "retry", "attempts": None}, {"kind": "fallback", "value": None}]
    [problem] = check({"policies": {"p": {"strategies": rows}}, "runtime_environments": {}})
    assert str(problem) == "policies.p.strategies[0].attempts: null means nothing here; leave the key out"
    [problem] = check({"runtime_environments": {"os": {"enabled": None}}})
    assert problem.path == ("runtime_environments", "os", "enabled")


def test_documents_without_bottom():
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    [problem] = check({"policies": deep})
    assert problem.message == f"is nested more than {DEEPEST} deep"
    endless: dict[str, Any] = {}
    endless["policies"] = endless["shared"] = endless
    assert len(check(endless)) > 0
    [problem] = check({"policies": [0] * (MOST_VALUES + 1)})
    assert problem.message == f"holds more than {MOST_VALUES} values"
    [problem] = check({"policies": "x" * (LONGEST_TEXT + 1)})
    assert problem.message == f"is a text of more than {LONGEST_TEXT} characters"


def test_the_error_shows_some_and_holds_all():
    with pytest.raises(ConfigurationError) as caught:
        load({str(number): 1 for number in range(50)})
    assert isinstance(caught.value, ValueError)
    lines = str(caught.value).splitlines()
    assert len(lines) == MOST_SHOWN + 1
    assert lines[-1] == "and 30 more"
    assert len(caught.value.problems) == 50  # type: ignore[attr-defined]


def test_bad_kinds_in_shared_are_said_once():
    found = problems(policy('shared = "b"', 'kind = "retry"\nbudget = "b"') + '[shared.b]\nkind = "buget"')
    assert found == ["shared.b.kind: unknown kind buget; did you mean 'budget'?"]


# Names


def test_bound_names():
    mine = Matcher()
    document = tomllib.loads(
        policy('kind = "retry"\non = "mine"', 'kind = "circuit_breaker"\non = ["connect", "mine"]')
    )
    policy_of = load(document, {"mine": mine}).policies["p"]
    retry, breaker = policy_of.layers
    assert retry.options.on is mine
    judged = [Failure("connect"), Failure("internal", reason="MINE"), Failure("internal")]
    assert [breaker.options.on_matches.matches(failure) for failure in judged] == [True, True, False]
    assert breaker.options == load(document, {"mine": mine}).policies["p"].layers[1].options
    assert repr(breaker.options.on) == "AnyOf(connect, mine)"
    assert Checked(document).needed == ("mine",)


def test_a_bound_name_comes_before_a_built_in_one():
    mine = Matcher()
    document = tomllib.loads(policy('kind = "retry"\non = "transport_errors"'))
    assert load(document, {"transport_errors": mine}).policies["p"].layers[0].options.on is mine
    assert load(document).policies["p"].layers[0].options.on == "transport_errors"


def test_results_are_texts_or_bound():
    document = tomllib.loads(policy('kind = "retry"\nresults = "busy"'))
    match = load(document).policies["p"].layers[0].options.results_match
    assert isinstance(match, LabelMatcher)
    assert load(document, {"busy": str.isupper}).policies["p"].layers[0].options.results_match is str.isupper


def test_fallbacks_by_name():
    document = tomllib.loads(policy('kind = "fallback"\ncall = "last_known"'))
    made = load(document, {"last_known": repr})
    assert made.policies["p"].layers[0].options.value is repr
    with pytest.raises(ConfigurationError, match=r"Fallback\(value=…\) is code"):
        made.to_data()
    assert problems(policy('kind = "fallback"\ncall = "last"'), {"lost": repr})[0].endswith(
        ".call: unknown name last; did you mean 'lost'?"
    )
    assert "is no function" in problems(policy('kind = "fallback"\ncall = "f"'), {"f": 3})[0]


def test_what_is_bound_must_fit():
    found = problems(policy('kind = "retry"\non = "mine"'), {"mine": 3})
    assert found == ["policies.p.strategies[0].on: what is bound to mine must name kinds of failures; got 3"]


def test_failures_are_for_those_that_judge():
    text = 'policies.p.failures = "mine"\n' + policy(
        'kind = "retry"', 'kind = "circuit_breaker"\non = "connect"', 'kind = "fallback"'
    )
    mine = Matcher()
    retry, breaker, fallback = load(tomllib.loads(text), {"mine": mine}).policies["p"].layers
    assert (retry.options.on, breaker.options.on, fallback.options.on) == (mine, "connect", None)


def test_shared_state_is_shared():
    text = policy('shared = "db"', 'kind = "retry"\nbudget = "b"').replace("p", "p", 1)
    text += text.replace("policies.p", "policies.q")
    text += '[shared.db]\nkind = "circuit_breaker"\n[shared.b]\nkind = "budget"'
    made = load(tomllib.loads(text))
    p, q = made.policies["p"], made.policies["q"]
    assert p.layers[0] is q.layers[0] is made.shared["db"].state
    assert p.layers[1].budget is q.layers[1].budget is made.shared["b"].state
    assert isinstance(p.strategies[0], Shared)
    assert made.to_data()["policies"]["q"]["strategies"][0] == {"shared": "db"}
    assert made.to_data()["policies"]["q"]["strategies"][1]["budget"] == "b"


def test_runtime_environments():
    made = load({"runtime_environments": {"os": {"monitor_network": False}}})
    settings = made.runtime_environments["os"]
    assert settings.environment == "operating_system"
    assert (settings.enabled, settings.monitor_processes, settings.monitor_network) == (True, True, False)
    assert settings == load(made.to_data()).runtime_environments["os"]
    with pytest.raises(AttributeError, match="has no 'monitor'; it has enabled, monitor_processes, monitor_network"):
        _ = settings.monitor
    with pytest.raises(AttributeError, match="immutable"):
        settings.enabled = False


def test_the_document_is_kept_apart():
    document = {"policies": {"p": {"strategies": [{"kind": "fallback", "value": [1]}]}}}
    made = load(document)
    document["policies"]["p"]["strategies"][0]["value"].append(2)  # type: ignore[attr-defined]
    assert made.policies["p"].layers[0].options.value == [1]
    assert made.document["policies"]["p"]["strategies"][0]["value"] == [1]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "the document"),
        (("a", 0, "b-c"), "a[0].b-c"),
        (("a b", "ü"), '"a b"."\\xfc"'),
        (("",), '""'),
        (('a"\n',), r'"a\"\n"'),
    ],
)
def test_paths(path: Any, text: str):
    assert path_text(path) == text


def test_problems_are_values():
    assert Problem(("a",), "x", "y") == Problem(("a",), "x", "y") != Problem(("a",), "x")
    assert repr(Problem(("a",), "x", "y")) == "Problem(('a',), 'x', 'y')"


# Properties


@given(documents())
@cases(0.1)
def test_documents_survive_the_round_trip(document: dict[str, Any]):
    assert check(document) == []
    made = load(document)
    data = made.to_data()
    again = load(data)
    assert again.to_data() == data
    for name, given_policy in document["policies"].items():
        assert again.policies[name].fingerprint() == made.policies[name].fingerprint()
        for row, full in zip(given_policy["strategies"], data["policies"][name]["strategies"], strict=True):
            for key, value in row.items():
                assert full.get(key) == value or isinstance(value, dict)


@given(mutated())
@cases(0.1)
def test_nothing_crashes_the_check(document: Any):
    found = check(document, {})
    assert all(isinstance(problem, Problem) and "\n" not in str(problem) for problem in found)
    if found:
        with pytest.raises(DocumentError):
            load(document)
    else:
        load(document)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
@cases(0.1)
def test_nothing_at_all_crashes_the_check(document: Any):
    for tree in (document, {"policies": document}, {"policies": {"p": document}}, {"shared": document}):
        assert isinstance(check(tree), list)
