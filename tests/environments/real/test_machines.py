"""Virtual machines: a PC, a microVM, and one with a real-time kernel, all emulated by QEMU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.environments.real.guests import Guest, guest
from tests.environments.real.kernels import Kernel
from tests.environments.real.surroundings import demo

pytestmark = pytest.mark.slow

Initrd = Callable[[str], tuple[Kernel, Path]]
Scratch = Callable[[str], Path]


@pytest.fixture(scope="module")
def micro(scratch: Scratch, initrd: Initrd) -> Iterator[Guest]:
    with guest(scratch("micro"), "micro", *initrd("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def pc(scratch: Scratch, initrd: Initrd) -> Iterator[Guest]:
    with guest(scratch("pc"), "pc", *initrd("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def real_time(scratch: Scratch, initrd: Initrd) -> Iterator[Guest]:
    with guest(scratch("rt"), "micro", *initrd("rt")) as running:
        yield running


@pytest.mark.parametrize("machine", ["micro", "pc", "real_time"])
def test_a_policy_decides_as_it_does_outside(machine: str, here: object, request: pytest.FixtureRequest):
    assert demo(request.getfixturevalue(machine)) == here
