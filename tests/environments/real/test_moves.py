"""A virtual machine that is put back in time, stopped, or moved to another host, while policies are at work in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.environments.real.guests import Guest, guest
from tests.environments.real.kernels import Kernel
from tests.environments.real.processes import until

pytestmark = pytest.mark.slow

Initrd = Callable[[str], tuple[Kernel, Path]]
Scratch = Callable[[str], Path]

GENERATION = ("-device", "vmgenid,guid=auto")  # another one in every process of QEMU
LAG = 8.0  # seconds; the hardware clock has whole ones, and less than three are no break


@pytest.fixture(scope="module")
def machine(scratch: Scratch, initrd: Initrd) -> Callable[..., Any]:
    """Makes machines of one kind; they differ in nothing but the generation."""
    kernel, archive = initrd("cloud")

    def make(**how: bool) -> Any:
        return guest(scratch("pc"), "pc", kernel, archive, *GENERATION, memory=320, **how)

    return make


@pytest.fixture(scope="module")
def running(machine: Callable[..., Any]) -> Iterator[Guest]:
    with machine() as pc:
        pc.open("/bin/python", "/opt/watched.py")
        assert pc.ask("look")["environment"] == "virtual_machine"
        yield pc


def wait_since(moment: float, seconds: float) -> None:
    until(lambda: time.monotonic() - moment > seconds, "time to go by")


def look_after_break(pc: Guest) -> Any:
    """The first look at which it notices that something has happened to it."""
    looks: list[Any] = []

    def noticed() -> bool:
        looks.append(pc.ask("look"))
        return bool(looks[-1]["noticed"])

    until(noticed, "the break to be noticed")
    return looks[-1]


def test_without_a_break_nothing_is_renewed(running: Guest):
    first, second = running.ask("look"), running.ask("look")
    assert second["noticed"] == first["noticed"] == []
    assert (second["epoch"], second["seed"], second["resets"]) == (first["epoch"], first["seed"], 0)
    running.ask("hold")
    assert running.ask("release")["held"] == "open"


def test_a_machine_that_is_put_back_in_time_begins_anew_and_runs_on(running: Guest):
    running.ask("hold")
    before = running.ask("look")
    running.save()
    saved = time.monotonic()
    wait_since(saved, LAG)
    later = running.ask("look")

    running.load()
    after = look_after_break(running)
    assert after["done"] < later["done"], "it was put back"
    [noticed] = after["noticed"]
    assert noticed["kind"] == "stopped"
    assert noticed["ns"] >= (LAG - 2) * 1e9
    assert after["epoch"] == before["epoch"] + 1
    assert after["resets"] == before["resets"] + 1
    assert after["seed"] not in (before["seed"], later["seed"])
    assert 0 <= after["inside"] <= 4
    assert after["quotes"] == "closed"
    assert running.ask("release")["held"] == "closed", "a call from before the break opens nothing"

    again = running.ask("look")
    assert again["noticed"] == []
    assert again["epoch"] == after["epoch"]
    until(lambda: running.ask("look")["done"] > after["done"] + 20, "the policy to go on")

    running.load()
    twin = look_after_break(running)
    assert [each["kind"] for each in twin["noticed"]] == ["stopped"]
    assert twin["seed"] != after["seed"], "two that are made of one draw differently"


def test_a_machine_that_is_moved_begins_anew_and_runs_on(running: Guest, machine: Callable[..., Any], scratch: Scratch):
    running.ask("hold")
    before = running.ask("look")
    with machine(waits=True) as elsewhere:
        running.move_to(elsewhere, scratch("move") / "socket")
        after = look_after_break(elsewhere)
        assert [each["kind"] for each in after["noticed"]] == ["restored"]
        assert after["done"] >= before["done"]
        assert after["epoch"] == before["epoch"] + 1
        assert after["resets"] == before["resets"] + 1
        assert after["seed"] != before["seed"]
        assert elsewhere.ask("release")["held"] == "closed"
        until(lambda: elsewhere.ask("look")["done"] > after["done"] + 20, "the policy to go on")

        elsewhere.command("stop")
        wait_since(time.monotonic(), LAG)
        elsewhere.command("cont")
        stopped = look_after_break(elsewhere)
        assert [each["kind"] for each in stopped["noticed"]] == ["stopped"]
        assert stopped["epoch"] == after["epoch"] + 1
