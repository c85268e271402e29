"""Each rule of `lint` with a policy that breaks it and one that does not."""

import re
from pathlib import Path
from typing import Any

import pytest

from backstay import (
    Budget,
    Bulkhead,
    Cache,
    CircuitBreaker,
    ConcurrencyLimit,
    Fallback,
    Hedge,
    Inject,
    Policy,
    RateLimit,
    Retry,
    Timeout,
)
from backstay_core.advice import lint as module
from backstay_core.advice.lint import lint

BREAKER = CircuitBreaker(open_for=30)
CALM = Retry(budget=Budget())

#  rule → (breaks it, does not)
PAIRS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "LI1": ((Timeout(9), BREAKER), (BREAKER, Timeout(1))),
    "LI2": ((CircuitBreaker(open_for=0.5), Timeout(1)), (CircuitBreaker(open_for=1), Timeout(1))),
    "LI3": ((BREAKER, CALM, Timeout(1)), (CALM, BREAKER, Timeout(1))),
    "LI4": (
        (Timeout(3), Retry(3, base=0.1, budget=Budget()), Timeout(1)),
        (Timeout(3.3), Retry(3, base=0.1, budget=Budget()), Timeout(1)),
    ),
    "LI5": ((Retry(on=OSError, budget=Budget()),), (Retry(on=OSError, idempotent=True, budget=Budget()),)),
    "LI6": ((Timeout(2), Timeout(2)), (Timeout(2), Timeout(1.9))),
    "LI7": ((Retry(1),), (Retry(2, budget=Budget()),)),
    "LI8": ((Retry(2),), (Retry(2, budget=Budget()),)),
    "LI9": ((Retry(backoff="constant", budget=Budget()),), (Retry(backoff="decorrelated", budget=Budget()),)),
    "LI10": ((CALM, Fallback(1)), (Fallback(1), CALM)),
    "LI11": ((Bulkhead(5), CALM), (CALM, Bulkhead(5))),
    "LI12": ((Bulkhead(5, queue=5),), (Timeout(1), Bulkhead(5, queue=5))),
    "LI13": ((CircuitBreaker(1.0, 2000, minimum_calls=2000), Timeout(1)), (CircuitBreaker(1.0, 900), Timeout(1))),
    "LI14": ((Inject(enabled=True),), (Inject(),)),
    "LI15": ((RateLimit(5), CALM), (CALM, RateLimit(5))),
    "LI16": ((Hedge(1),), (Hedge(1, idempotent=True),)),
    "LI17": ((Hedge(1, idempotent=True),), (Hedge(1, idempotent=True, budget=Budget()),)),
    "LI18": ((Hedge(1), Timeout(1)), (Timeout(3), Hedge(1), Timeout(2))),
    "LI19": ((Bulkhead(5), Cache(60)), (Cache(60), Bulkhead(5))),
}

#  the same of other gates
FURTHER = [
    ("LI11", (ConcurrencyLimit(), CALM), (CALM, ConcurrencyLimit())),
    ("LI12", (ConcurrencyLimit(queue=5),), (Timeout(1), ConcurrencyLimit(queue=5))),
    ("LI12", (ConcurrencyLimit(queue=5),), (ConcurrencyLimit(queue=5, wait=1),)),
    ("LI12", (Bulkhead(5, queue=5), Timeout(1)), (Bulkhead(5, queue=5, wait=1), Timeout(1))),
    ("LI12", (Bulkhead(5, queue=5),), (RateLimit(5, queue=5),)),  # its calls come in at the rate, whatever happens
]


@pytest.mark.parametrize(("rule", "broken", "kept"), [(rule, *pair) for rule, pair in PAIRS.items()] + FURTHER)
def test_a_rule_finds_what_it_is_about_and_nothing_else(rule: str, broken: tuple[Any, ...], kept: tuple[Any, ...]):
    found = lint(broken)
    assert rule in [finding.rule for finding in found]
    assert rule not in [finding.rule for finding in lint(kept)]
    finding = next(finding for finding in found if finding.rule == rule)
    assert finding.text
    assert finding.remedy
    assert finding.to_data()["position"] == finding.position < len(broken)


def test_every_rule_of_the_page_has_its_pair():
    text = Path(module.__file__).read_text(encoding="utf-8")
    assert re.findall(r"^(LI\d+) ", text, re.MULTILINE) == list(PAIRS)
    assert len(module.RULES) == len(PAIRS)


@pytest.mark.parametrize("timeout", [0.05, 1, 2, 30, 600])
@pytest.mark.parametrize("attempts", [1, 2, 3, 10])
def test_the_standard_policy_has_no_findings(timeout: float, attempts: int):
    policy = Policy.standard("p", timeout=timeout, attempts=attempts)
    assert [finding.rule for finding in lint(policy.options())] == (["LI7"] if attempts == 1 else [])
