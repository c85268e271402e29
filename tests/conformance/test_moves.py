"""A snapshot that is taken before any step of any vector goes on with the same decisions."""

import pytest

from tests.conformance import moving, simulate
from tests.conformance.moving import what_decides
from tests.conformance.test_vectors import CURRENT
from tests.portability.vectors import random_vectors


@pytest.mark.parametrize("name", CURRENT)
def test_a_vector_is_decided_as_ever(name: str) -> None:
    vector = CURRENT[name]
    assert what_decides(moving.run(vector)) == what_decides(simulate.run(vector)), vector["what"]


def test_random_policies_and_timelines() -> None:
    for vector in random_vectors(400, seed=8):
        assert what_decides(moving.run(vector)) == what_decides(simulate.run(vector)), vector
