"""Nothing leaves that must not: redaction, facts and breadcrumbs."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay_core.canonical import dumps
from backstay_core.errors.context import Trail, attach
from backstay_core.errors.redaction import CUT, MASK, REDACTOR, Redactor
from backstay_core.failure import ConfigurationError, Failure

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "key",
    [
        *("password", "Password", "db_password", "PASSWORD_HASH", "passwd", "pwd", "secret", "client-secret"),
        *("token", "access_token", "refreshToken", "Authorization", "Proxy-Authorization", "X-Api-Key", "apiKey"),
        *("api_key", "Cookie", "Set-Cookie", "credentials", "aws_access_key_id", "privateKey", "sessionId"),
    ],
)
def test_values_of_covered_keys_are_replaced(key: str):
    for value in (SECRET, 7, None, [SECRET], {"nested": SECRET}, SECRET.encode()):
        assert REDACTOR.clean({"a": [{"b": {key: value}}]}) == {"a": [{"b": {key: MASK}}]}
    assert REDACTOR.clean([(key, SECRET)]) == [[key, MASK]]
    for text in (f"{key}={SECRET}", f"{key}: {SECRET}", f"{{'{key}': '{SECRET}'}}", f'"{key}" : "{SECRET} x"'):
        assert SECRET not in REDACTOR.scrub(f"before {text} after")


@pytest.mark.parametrize("key", ["user", "author", "path", "keyboard", "status", "pass_rate", ""])
def test_other_keys_are_left_alone(key: str):
    assert REDACTOR.clean({key: SECRET}) == {key: SECRET}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://bob:hunter2@db.example/x?q=1", f"https://{MASK}@db.example/x?q=1"),
        ("postgresql://u:p%40ss@h:5432/db", f"postgresql://{MASK}@h:5432/db"),
        ("GET /x?api_key=abc&page=2 failed", f"GET /x?api_key={MASK}&page=2 failed"),
        ("Authorization: Basic dXNlcjpwYXNz\nHost: h", f"Authorization: {MASK}\nHost: h"),
        ("sent Bearer abc.def.ghi to it", f"sent Bearer {MASK} to it"),
        ("Set-Cookie: sid=1; Path=/; HttpOnly", f"Set-Cookie: {MASK}"),
        ("the password is wrong", "the password is wrong"),
        ("mail bob@example.org", "mail bob@example.org"),
        ("", ""),
    ],
)
def test_secrets_inside_text(text: str, clean: str):
    assert REDACTOR.scrub(text) == clean
    assert REDACTOR.scrub(clean) == clean


class Hostile(dict):
    def items(self) -> Any:
        raise RuntimeError


class Loud:
    def __str__(self) -> str:
        raise AssertionError("nobody may ask")

    __repr__ = __str__


def test_what_json_does_not_know_becomes_plain():
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    assert REDACTOR.clean((1, None, True, "x")) == [1, None, True, "x"]
    assert REDACTOR.clean([1.5, b"abc", Loud(), {1, 2}, Hostile(a=1), 1 << 400]) == [
        "1.5",
        "<3 bytes>",
        "<Loud>",
        "<set>",
        "<unreadable>",
        "<int>",
    ]
    assert REDACTOR.clean({1: "a", None: "b", (2, 3): "c"}) == {"1": "a", "NoneType": "b", "tuple": "c"}
    assert CUT in dumps(REDACTOR.clean(cyclic))
    assert type(REDACTOR.clean(type("Text", (str,), {})("x"))) is str


def test_size_is_bounded():
    redactor = Redactor(depth=3, items=10, text=20)
    assert redactor.clean([[[["deep"]]]]) == [[[CUT]]]
    assert redactor.clean(list(range(100)))[-1] == CUT
    assert len(redactor.clean(list(range(100)))) <= 11
    assert redactor.clean({i: i for i in range(100)})[CUT] == CUT
    assert redactor.scrub("x" * 1000) == "x" * 17 + CUT
    assert redactor.scrub(redactor.scrub("x" * 1000)) == redactor.scrub("x" * 1000)


def test_words_are_configurable():
    redactor = Redactor(("iban", "card-no"), mask="***")
    assert redactor.clean({"IBAN": "x", "cardNo": 1, "password": "p"}) == {
        "IBAN": "***",
        "cardNo": "***",
        "password": "p",
    }
    assert redactor.scrub("card_no=123, iban: DE1") == "card_no=***, iban: ***"
    assert Redactor(()).clean({"password": "p"}) == {"password": "p"}


@pytest.mark.parametrize(
    "options",
    [{"depth": 0}, {"items": -1}, {"text": True}, {"words": "password"}, {"words": ("", "x")}, {"words": (7,)}],
)
def test_impossible_redactors_are_refused(options: dict[str, Any]):
    with pytest.raises(ConfigurationError, match="a redactor's"):
        Redactor(**options)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.binary(), st.builds(object)),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.one_of(st.text(), st.integers()), inner)),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_clean_stays_clean(value: Any):
    clean = REDACTOR.clean(value)
    assert REDACTOR.clean(clean) == clean
    dumps(clean)


@given(st.text(max_size=80), st.sampled_from(["password", "api_key", "X-Auth-Token"]), st.sampled_from(["=", ": "]))
def test_a_secret_never_survives_in_text(around: str, key: str, joint: str):
    assert "S3CR3T" not in REDACTOR.scrub(f"{around} {key}{joint}S3CR3T")


# Breadcrumbs and facts


def test_the_trail_is_a_ring_of_the_last_hundred():
    trail = Trail()
    for i in range(250):
        trail.leave(i, f"step {i}", "step", {"i": i})
    assert (len(trail), trail.dropped) == (100, 150)
    crumbs = trail.to_data(300)
    assert crumbs[0] == {"age": 150, "category": "step", "message": "step 150", "data": {"i": 150}}
    assert crumbs[-1]["message"] == "step 249"


def test_facts_and_breadcrumbs_are_attached_clean():
    trail = Trail(2)
    trail.leave(5, "login password=hunter2", data={"token": "t"})
    failure = Failure("timeout", "x", context={"cookie": "c", "old": 1})
    attached = attach(failure, {"shelf": "A1", "secret": "s"}, trail, now=9)
    assert attached.context == {
        "cookie": MASK,
        "old": 1,
        "shelf": "A1",
        "secret": MASK,
        "breadcrumbs": [{"age": 4, "category": "", "message": f"login password={MASK}", "data": {"token": MASK}}],
    }
    assert failure.context == {"cookie": "c", "old": 1}
    assert Failure.from_data(attached.to_data()) == attached


def test_context_that_is_nothing_is_nothing():
    assert attach(Failure("timeout")) == Failure("timeout", context={})


@pytest.mark.parametrize(
    "text",
    [
        "postgres://user:pa@hunter2@host/db",
        r'password="a\"hunter2"',
        r"password='a\'hunter2'",
        r"{\"password\": \"hunter2 hunter2\"}",
        "password          = hunter2",
        "-" * 1982 + "a://user:hunter2@host",  # what follows it is cut off
    ],
)
def test_secrets_that_are_written_oddly(text: str):
    assert not re.search("hunter|er2", REDACTOR.scrub(text))
    assert len(REDACTOR.scrub(text)) <= REDACTOR.text
