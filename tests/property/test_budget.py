"""A retry budget beside the list of all that it gained and gave."""

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from backstay_core.strategies.budget import Budget
from tests.conformance import oracle_strategies
from tests.property.cases import cases

RATIOS = st.sampled_from((0.0, 0.1, 0.333333, 0.5, 1.0))
RATES = st.sampled_from((0.0, 0.000003, 0.7, 1.0, 3.0, 1500.0, 1_000_000.0))
BURSTS = st.sampled_from((1.0, 1.5, 2.0, 10.0))
STEPS = st.one_of(st.integers(0, 3), st.integers(0, 10**9), st.sampled_from((0, 10**6, 666_667, 10**9, 10**12)))
EVENTS = st.lists(st.tuples(STEPS, st.sampled_from(("deposit", "take", "take", "restore"))), max_size=40)


@cases()
@given(RATIOS, RATES, BURSTS, EVENTS)
def test_a_budget_is_what_its_list_says(ratio: float, rate: float, burst: float, events: list[tuple[int, str]]) -> None:
    tokens = Budget(ratio, per_second=rate, burst=burst).state()
    model: Any = oracle_strategies.Budget({"ratio": ratio, "per_second": rate, "burst": burst})
    now = taken = deposits = 0
    for step, event in events:
        now += step
        if event == "deposit":
            tokens.deposit()
            model.deposit(now)
            deposits += 1
        elif event == "take":
            got = tokens.take(now)
            assert got == model.take(now)
            taken += got
        else:
            tokens.restore(tokens.snapshot(now), now, "resume")
        held = tokens.snapshot(now)["state"]["tokens"]
        assert 0 <= held <= burst * 1_000_000
        assert held == int(model.tokens(now))
    most = Fraction(str(burst)) + deposits * Fraction(str(ratio)) + Fraction(str(rate)) * Fraction(now, 10**9)
    assert taken <= most
