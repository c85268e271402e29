"""What to do about a failure: the rules RC1 to RC5 of `recovery`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay_core.errors.recovery import ACTIONS, ADVICE, Advice, Recovery
from backstay_core.failure import EXECUTED, KINDS, RETRIES, ConfigurationError, Failure

BARE = Recovery()
FULL = Recovery(fallback=True, handlers=("refresh", "redo", "shed", "quarantine"))


def test_the_table_has_every_kind_and_ends_with_what_always_applies():
    assert tuple(ADVICE) == tuple(KINDS)
    assert all(row[-1] == "propagate" for row in ADVICE.values())


@pytest.mark.parametrize(
    ("kind", "bare", "full", "idempotent"),
    [
        ("cancelled", "propagate", "propagate", "propagate"),
        ("validation", "propagate", "propagate", "propagate"),
        ("auth", "propagate", "refresh", "refresh"),
        ("permission", "propagate", "propagate", "propagate"),
        ("missing", "propagate", "fallback", "fallback"),
        ("conflict", "propagate", "redo", "redo"),
        ("state", "propagate", "propagate", "propagate"),
        ("throttle", "retry", "retry", "retry"),
        ("capacity", "retry", "shed", "shed"),
        ("timeout", "propagate", "fallback", "retry"),
        ("connect", "retry", "retry", "retry"),
        ("disconnect", "propagate", "fallback", "retry"),
        ("unavailable", "propagate", "fallback", "retry"),
        ("internal", "propagate", "fallback", "fallback"),
        ("data", "propagate", "quarantine", "quarantine"),
        ("unsupported", "propagate", "fallback", "fallback"),
        ("rejected", "propagate", "fallback", "fallback"),
        ("programming", "propagate", "propagate", "propagate"),
        ("unknown", "propagate", "fallback", "fallback"),
        ("result", "propagate", "fallback", "fallback"),
    ],
)
def test_each_kind(kind: str, bare: str, full: str, idempotent: str):
    failure = Failure(kind)
    advised = [BARE.advise(failure), FULL.advise(failure), FULL.advise(failure, idempotent=True)]
    assert [advice.handler or advice.action for advice in advised] == [bare, full, idempotent]


def test_the_server_names_the_pause():
    assert BARE.advise(Failure("throttle", retry_after=7)) == Advice("retry", "trying again may help", pause=7)
    assert BARE.advise(Failure("throttle", retry_after=-1)).why == "the server asks not to be tried again"


def test_attempts_end():
    assert FULL.advise(Failure("connect"), attempts_left=0) == Advice("fallback", "no attempts are left")


def test_rules_come_first_in_their_order():
    recovery = Recovery(
        [
            {"kind": "timeout", "domain": "db", "action": "retry"},
            {"kind": "timeout", "action": "ignore"},
            {"severity": "critical", "action": "custom", "handler": "page"},
            {"reason": "HTTP_503", "action": "fallback"},
        ],
        handlers=["page"],
    )
    for failure, action in (
        (Failure("timeout", domain="db", retry_after=5), "retry"),  # naming it is the declaration: executed or not
        (Failure("timeout", domain="web"), "ignore"),
        (Failure("data"), "custom"),
        (Failure("unavailable", severity="critical"), "custom"),
        (Failure("unavailable", reason="HTTP_503"), "fallback"),
        (Failure("unavailable", reason="HTTP_502"), "propagate"),
    ):
        assert recovery.advise(failure).action == action
    assert recovery.advise(Failure("timeout", domain="db"), attempts_left=0).action == "propagate"
    assert recovery.advise(Failure("timeout", domain="db", retry_after=5)).pause == 5


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ([{"kind": "timeout"}], r"rules\[0\]: action must be one of retry, fallback"),
        ([{"kind": "timeout", "action": "explode"}], r"got 'explode'"),
        ([{"action": "ignore"}], "matches everything"),
        ([{"kind": "slow", "action": "ignore"}], "kind must be one of cancelled"),
        ([{"severity": "dire", "action": "ignore"}], "severity must be one of low"),
        ([{"code": 5, "action": "ignore"}], "code must be text"),
        ([{"kind": ["timeout"], "action": "ignore"}], "kind must be one of"),
        ([{"kind": "timeout", "action": "custom"}], "handler must be one of"),
        ([{"kind": "timeout", "action": "custom", "handler": "nobody"}], "got 'nobody'"),
        ([{"kind": "timeout", "action": "ignore", "handler": "page"}], "handler"),
        ([{"kind": "timeout", "acton": "ignore"}], "unknown field 'acton'"),
        (["timeout"], "must be a table"),
        ("timeout", "a list of rules"),
        ({"kind": "timeout", "action": "ignore"}, "a list of rules"),
    ],
)
def test_rules_that_mean_nothing_are_refused(rules: Any, complaint: str):
    with pytest.raises(ConfigurationError, match=complaint):
        Recovery(rules, handlers=["page"])


@given(
    st.builds(
        Failure,
        st.sampled_from(sorted(KINDS)),
        retry=st.sampled_from(RETRIES),
        executed=st.sampled_from(EXECUTED),
        retry_after=st.one_of(st.none(), st.integers(-5, 5)),
    ),
    st.booleans(),
    st.integers(-1, 2),
)
def test_no_advice_repeats_what_must_not_be(failure: Failure, idempotent: bool, left: int):
    for recovery in (BARE, FULL):
        advice = recovery.advise(failure, idempotent=idempotent, attempts_left=left)
        assert advice.action in ACTIONS
        if advice.action == "retry":
            assert left > 0
            assert failure.retry in ("same", "later", "elsewhere")
            assert idempotent or failure.executed == "no"
            assert advice.pause == (failure.retry_after or 0) >= 0
        if advice.action == "fallback":
            assert recovery.fallback
        if advice.action == "custom":
            assert advice.handler in recovery.handlers
        assert advice.why
