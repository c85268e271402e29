"""A configuration changes while it runs: state is kept, calls that have begun end as they began, nothing is lost."""

import asyncio
import gc
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from backstay import Bulkhead, BulkheadFull, CircuitOpen, ConfigurationError, Retry, load
from backstay.configuration import Configuration
from backstay.frames.names import ALWAYS
from tests.config.running import (
    BREAKER,
    BUDGET,
    BULKHEAD,
    CALM,
    FALLBACK,
    RETRY,
    TIMEOUT,
    attempts_of,
    document,
    failing,
)


def test_who_is_inside_a_bulkhead_is_still_counted(start):
    configuration = start(RETRY, BULKHEAD)
    policy = configuration.policies["p"]
    seen: list[int] = []

    @policy
    def work(depth: int) -> None:
        seen.append(policy[Bulkhead].inside)
        if depth == 0:
            configuration.apply(document(TIMEOUT, BULKHEAD, {**RETRY, "attempts": 2}))
        if depth < 2:
            work(depth + 1)

    with pytest.raises(BulkheadFull):
        work(0)
    assert seen == [1, 2]
    assert policy[Bulkhead].inside == 0
    work(2)


def test_who_is_inside_a_bulkhead_that_begins_anew_gives_nothing_back(start):
    configuration = start(BULKHEAD)
    policy = configuration.policies["p"]

    @policy
    def work() -> int:
        configuration.apply(document({"kind": "bulkhead", "limit": 1}))
        return policy[Bulkhead].inside

    assert work() == 0
    assert (policy[Bulkhead].inside, policy.layers[0].free) == (0, 1)


def test_a_budget_is_kept_with_its_options(start):
    configuration = start({**RETRY, "attempts": 3, "budget": BUDGET})
    policy = configuration.policies["p"]
    fails, calls = failing(policy)
    attempts_of(fails, calls)
    assert policy[Retry].tokens == 3
    configuration.apply(document(TIMEOUT, {**RETRY, "attempts": 2, "budget": BUDGET}))
    attempts_of(fails, calls)
    assert policy[Retry].tokens == 2
    report = configuration.apply(document({**RETRY, "attempts": 2, "budget": {**BUDGET, "burst": 8}}))
    assert policy[Retry].tokens == 8
    assert report.changed[0].endswith("; its budget begins anew")
    configuration.apply(document(RETRY))
    assert policy[Retry].tokens is None


def test_calls_that_have_begun_end_by_what_they_began_with(start):
    configuration = start({**RETRY, "attempts": 4}, CALM)
    policy = configuration.policies["p"]
    breaker = policy.layers[1]
    calls: list[int] = []

    @policy
    def fails() -> None:
        calls.append(1)
        if len(calls) == 2:
            configuration.apply(document(BULKHEAD, FALLBACK, TIMEOUT))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        fails()
    assert len(calls) == 4
    assert breaker.epoch.bad == 4
    assert fails() == "substitute"
    assert len(calls) == 5


def test_a_suspended_call_ends_by_what_it_began_with(start):
    configuration = start({**RETRY, "attempts": 2}, BULKHEAD)
    policy = configuration.policies["p"]
    old = policy.layers[1]

    async def main() -> None:
        go = asyncio.Event()

        @policy
        async def waits() -> str:
            await go.wait()
            raise ConnectionError

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        assert policy[Bulkhead].inside == 1
        configuration.apply(document(FALLBACK, BREAKER, {"kind": "bulkhead", "limit": 9}))
        assert policy[Bulkhead].inside == 0
        assert old.free == 1
        go.set()
        assert await waits() == "substitute"
        with pytest.raises(ConnectionError):
            await task

    asyncio.run(main())
    assert old.free == 2
    assert policy[Bulkhead].inside == 0


def test_nothing_piles_up_in_a_frame():
    configuration = Configuration(None, {}, {})
    configuration.apply(document(RETRY, BREAKER))
    policy = configuration.policies["p"]
    fails, calls = failing(policy, ValueError)
    names: list[set[str]] = []
    for attempts in range(1, 9):
        configuration.apply(document({**RETRY, "attempts": attempts}, CALM))
        attempts_of(fails, calls, ValueError)
        gc.collect()
        names.append(set(fails.__globals__) - set(ALWAYS))
    assert len({len(found) for found in names}) == 1
    assert not [name for name in names[-1] if name.endswith("'1")]


def test_nothing_is_kept_alive():
    configuration = Configuration(None, {}, {})
    configuration.apply(document(RETRY))
    policy = configuration.policies["p"]
    fails, _ = failing(policy)
    fast = policy.using(attempts=1)
    assert (len(policy._guarded), len(policy._derived)) == (1, 1)
    policy._using.clear()
    del fails, fast
    gc.collect()
    assert (len(policy._guarded), len(policy._derived)) == (0, 0)


# Shared state


def test_shared_state_stays_and_begins_anew_for_all(start):
    rows = {"q": {"strategies": [{"shared": "db"}]}, "r": {"strategies": [{**RETRY, "budget": "b"}]}}
    shared = {"db": BREAKER, "b": {"kind": "budget", **BUDGET}}

    def doc(first: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return {"policies": {"p": {"strategies": [first, {"shared": "db"}]}, **rows}, "shared": {**shared, **changes}}

    configuration = start()
    configuration.apply(doc(TIMEOUT))
    p, q, r = (configuration.policies[name] for name in "pqr")
    state, budget = p.layers[1], r.layers[0].budget
    state.force_open(0)
    report = configuration.apply(doc(BULKHEAD))
    assert p.layers[1] is q.layers[0] is configuration.shared["db"].state is state
    assert "shared.db (circuit_breaker)" in report.kept
    report = configuration.apply(doc(BULKHEAD, db={**BREAKER, "probes": 2}))
    assert p.layers[1] is q.layers[0] is configuration.shared["db"].state is not state
    assert report.reset == ("shared.db (circuit_breaker): probes 1 → 2",)
    assert r.layers[0].budget is budget
    report = configuration.apply(doc(BULKHEAD, db={**BREAKER, "probes": 2}, b={**BUDGET, "kind": "budget", "burst": 9}))
    assert r.layers[0].budget is configuration.shared["b"].state is not budget
    assert report.reset == ("shared.b (budget): burst 5 → 9",)
    report = configuration.apply(document(BREAKER))
    assert not configuration.shared
    assert [line.split()[0] for line in report.removed] == [
        "shared.db",
        "shared.b",
        "policies.p.strategies[0]",
        "policies.q",
        "policies.r",
    ]
    assert p.layers[0] is not state


def test_own_and_shared_state_are_not_mixed_up(start):
    configuration = start(BREAKER, shared={"db": BREAKER})
    policy = configuration.policies["p"]
    own = policy.layers[0]
    report = configuration.apply(document({"shared": "db"}, shared={"db": BREAKER}))
    assert policy.layers[0] is configuration.shared["db"].state is not own
    assert report.reset == ("policies.p.strategies[0] (circuit_breaker): other state",)
    configuration.apply(document(BREAKER, shared={"db": BREAKER}))
    assert policy.layers[0] is not configuration.shared["db"].state


# Storms


def test_a_storm_of_reloads(start):
    """Threads call and reload at once. Every call ends by one composition or another, and every place is given back."""
    documents = [
        document({**RETRY, "attempts": 2}, {**BULKHEAD, "limit": 50}),
        document({**BULKHEAD, "limit": 50}, {**RETRY, "attempts": 2}, TIMEOUT),
        document(FALLBACK, {**BREAKER, "window_calls": 9}, {**RETRY, "attempts": 1}, {**BULKHEAD, "limit": 50}),
        document({**BULKHEAD, "limit": 50}),
    ]
    configuration = start()
    configuration.apply(documents[0])
    policy = configuration.policies["p"]
    places = policy[Bulkhead]
    wrong: list[BaseException] = []

    @policy
    def work(fails: bool) -> str:
        if fails:
            raise ConnectionError
        return "done"

    patient = policy.using()

    def calling(number: int) -> None:
        try:
            for turn in range(300):
                try:
                    assert work(turn % 3 == number % 3) in ("done", "substitute")
                    assert patient.call(len, "ab") in (2, "substitute")
                except (ConnectionError, CircuitOpen):
                    pass
        except BaseException as error:
            wrong.append(error)

    def reloading(number: int) -> None:
        try:
            for turn in range(40):
                configuration.apply(documents[(turn * (number + 1)) % len(documents)])
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=calling, args=(number,)) for number in range(4)]
    threads += [threading.Thread(target=reloading, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    configuration.apply(documents[0])
    assert policy[Bulkhead]._state is places._state
    assert places.inside == 0
    assert work(False) == "done"


def test_reloads_of_one_file_from_many_threads(tmp_path: Path):
    path = tmp_path / "backstay.json"
    path.write_text(json.dumps(document(RETRY)), "utf-8")
    configuration = load(path, environ={})
    wrong: list[BaseException] = []

    def reloading(number: int) -> None:
        other = tmp_path / f"{number}"
        for turn in range(30):
            try:
                other.write_text(
                    "{" if turn % 3 == 0 else json.dumps(document({**RETRY, "attempts": turn + 1})), "utf-8"
                )
                other.replace(path)
                configuration.reload()
            except ConfigurationError:
                pass
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=reloading, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    path.write_text(json.dumps(document({**RETRY, "attempts": 77})), "utf-8")
    configuration.reload()
    assert configuration.policies["p"][Retry].options.attempts == 77
