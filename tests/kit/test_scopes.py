import time
from typing import Any

import pytest

from backstay import ConfigurationError, Policy, Retry, ambient, remaining
from backstay.drivers import ports
from backstay.testing import VirtualTime, disabled, instant, record
from backstay.testing.scopes import ACTIVE, Scope

POLICY = Policy("p", Retry(2))
KINDS = [VirtualTime, instant, disabled, lambda *policies: record(*policies or (POLICY,))]
pytestmark = pytest.mark.parametrize("kind", KINDS, ids=["virtual", "instant", "disabled", "record"])


def state() -> tuple[Any, ...]:
    return (POLICY.ports, POLICY.EXECUTION, POLICY.seed, POLICY.calls, getattr(POLICY.emit, "listeners", ()))


@pytest.fixture(autouse=True)
def everything_is_restored():
    before = state()
    yield
    assert state() == before
    assert ports.DEFAULT is ports.REAL
    assert ambient.clock is time.monotonic_ns
    assert ACTIVE == []
    assert remaining() is None


def test_an_exception_restores_everything(kind):
    def fail() -> None:
        with kind():
            assert POLICY.ports is not ports.REAL
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_it_is_entered_once(kind):
    scope = kind()
    with scope, pytest.raises(RuntimeError, match="entered once"):
        scope.__enter__()
    with pytest.raises(RuntimeError, match="entered once"):
        scope.__enter__()


@pytest.mark.parametrize("inner", KINDS, ids=["virtual", "instant", "disabled", "record"])
def test_they_nest(kind, inner):
    with kind(POLICY):
        outside = POLICY.ports
        with inner(POLICY), inner(POLICY):
            pass
        assert POLICY.ports is outside


def test_left_in_another_order_all_are_left(kind):
    outer, inner = kind(), disabled()
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(RuntimeError, match=r"left before .* disabled\(\); all of them have been left"):
        outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)


def test_an_error_under_way_is_not_replaced_by_that(kind):
    outer = kind()
    outer.__enter__()
    disabled().__enter__()
    assert outer.__exit__(ValueError, ValueError(), None) is None


def test_only_policies(kind):
    with pytest.raises(ConfigurationError, match="takes policies; got 'quotes'"):
        kind("quotes")


def test_what_fails_on_entering_changes_nothing(kind, monkeypatch):
    def fail(self: Scope) -> None:
        raise OSError("no")

    scope = kind()
    monkeypatch.setattr(type(scope), "_over", lambda self, below: fail(self))
    with pytest.raises(OSError, match="no"):
        scope.__enter__()


def test_ports_that_a_test_has_put_there_stay(kind):
    with kind():
        POLICY.ports = mine = ports.Ports()
    assert POLICY.ports is mine
    POLICY.ports = ports.REAL


def test_a_policy_that_is_gone(kind):
    with kind():
        Policy("gone", Retry(2)).call(lambda: 1)
