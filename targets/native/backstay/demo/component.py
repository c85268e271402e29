"""The same load once more, in virtual time: decided natively, and inside the WASM component if that is installed.

`backstay_wasm` stands on this package and is therefore looked up by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from backstay.demo import virtual
from backstay.demo.protection import protection
from backstay.demo.scenario import Scenario

MISSING = "pip install 'backstay[wasm]', or in a checkout: make wasm"


@dataclass(frozen=True)
class Comparison:
    """`decisions` were taken twice; `different` is the first one that was not the same, if any."""

    decisions: int
    different: str | None = None


def compare(scenario: Scenario, seed: int) -> Comparison | None:
    """None if the component, or what runs it, is not installed. Its first use compiles it, which takes seconds."""
    try:
        wasm: Any = import_module("backstay_wasm")
    except ImportError:
        return None
    try:
        engine = wasm.Engine()
    except wasm.IncompatibleComponent:
        return None
    native = protection(scenario, seed)
    with engine:
        inside = wasm.Policy(native.name, *native.strategies, seed=seed, engine=engine)
        traces: tuple[list[Any], list[Any]] = ([], [])
        for policy, trace in zip((native, inside), traces, strict=True):
            virtual.run(scenario, seed, policy, trace)
    return judge(*traces)


def judge(native: list[Any], inside: list[Any]) -> Comparison:
    """Compare two traces, decision by decision."""
    for here, there in zip(native, inside, strict=False):
        if here != there:
            number, now, event, *_ = here
            return Comparison(
                len(native), f"request {number}, {event} at {now} ns: {here[3]} native, {there[3]} inside"
            )
    if len(native) != len(inside):
        return Comparison(len(native), f"{len(native)} decisions native, {len(inside)} inside")
    return Comparison(len(native))
