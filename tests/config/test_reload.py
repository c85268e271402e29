"""A configuration changes while it runs: what stays the same keeps its state, and nothing is lost or mixed up."""

import asyncio
import gc
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from backstay import Bulkhead, BulkheadFull, CircuitBreaker, CircuitOpen, ConfigurationError, Policy, Retry, load
from backstay.configuration import Configuration
from backstay.frames.compiler import ALWAYS
from tests.support.worlds import FLAVOURS

TIMEOUT = {"kind": "timeout", "seconds": 5.0}
RETRY = {"kind": "retry", "attempts": 3, "base": 0, "on": "transport_errors"}
BREAKER = {"kind": "circuit_breaker", "window_calls": 2, "minimum_calls": 2}
CALM = {"kind": "circuit_breaker"}
BULKHEAD = {"kind": "bulkhead", "limit": 2}
FALLBACK = {"kind": "fallback", "value": "substitute"}
BUDGET = {"ratio": 0, "per_second": 0, "burst": 5}


def document(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"policies": {"p": {"strategies": list(rows)}}, **more}


@pytest.fixture(params=sorted(FLAVOURS))
def start(request: pytest.FixtureRequest):
    """Makes a running configuration whose calls are compiled, and one whose calls are carried out step by step."""

    class Flavoured(Configuration):
        POLICY = FLAVOURS[request.param]

    def start(*rows: dict[str, Any], **more: Any) -> Configuration:
        configuration = Flavoured(None, {"last": lambda failure: "last"}, {})
        configuration._bind = more.pop("bind", {})
        configuration.apply(document(*rows, **more))
        return configuration

    return start


def failing(policy: Policy, error: type[Exception] = ConnectionError) -> tuple[Any, list[int]]:
    calls: list[int] = []

    @policy
    def fails() -> None:
        calls.append(1)
        raise error("again")

    return fails, calls


def attempts_of(function: Any, calls: list[int], error: Any = ConnectionError) -> int:
    calls.clear()
    with pytest.raises(error):
        function()
    return len(calls)


def test_what_is_the_same_stays(start):
    configuration = start(TIMEOUT, RETRY, BREAKER, BULKHEAD)
    policy = configuration.policies["p"]
    layers = policy.layers
    report = configuration.apply(document(TIMEOUT, RETRY, BREAKER, BULKHEAD))
    assert configuration.policies["p"] is policy
    assert policy.layers is layers
    assert report.unchanged
    assert report.kept == (
        "policies.p.strategies[0] (timeout)",
        "policies.p.strategies[1] (retry)",
        "policies.p.strategies[2] (circuit_breaker)",
        "policies.p.strategies[3] (bulkhead)",
    )
    assert str(report) == "the document was taken over: 4 kept"


def test_a_breaker_stays_open_while_its_neighbours_change(start):
    configuration = start(RETRY, BREAKER)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)
    assert attempts_of(fails, calls, CircuitOpen) == 2
    report = configuration.apply(document({**RETRY, "attempts": 7}, TIMEOUT, BREAKER, BULKHEAD))
    assert policy[CircuitBreaker].state == "open"
    assert attempts_of(fails, calls, CircuitOpen) == 0
    assert report.changed == ("policies.p.strategies[0] (retry): attempts 3 → 7",)
    assert report.kept == ("policies.p.strategies[2] (circuit_breaker)",)
    assert report.added == ("policies.p.strategies[1] (timeout)", "policies.p.strategies[3] (bulkhead)")
    assert str(report).splitlines() == [
        "the document was taken over: 1 kept, 1 changed, 2 added",
        "  changed  policies.p.strategies[0] (retry): attempts 3 → 7",
        "  added    policies.p.strategies[1] (timeout)",
        "  added    policies.p.strategies[3] (bulkhead)",
    ]


def test_a_breaker_with_other_options_begins_anew(start):
    configuration = start(RETRY, BREAKER)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)
    attempts_of(fails, calls, CircuitOpen)
    report = configuration.apply(document(RETRY, {**BREAKER, "open_for": 1.0}))
    assert policy[CircuitBreaker].state == "closed"
    assert attempts_of(fails, calls, CircuitOpen) == 2
    assert report.reset == ("policies.p.strategies[1] (circuit_breaker): open_for 30.0 → 1.0",)
    assert report.to_data()["reset"] == list(report.reset)


def test_decorated_functions_go_by_the_new_options(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)
    late, late_calls = failing(policy)  # not called before the reload
    assert attempts_of(fails, calls) == 3
    configuration.apply(document({**RETRY, "attempts": 5}))
    assert (attempts_of(fails, calls), attempts_of(late, late_calls)) == (5, 5)
    assert attempts_of(lambda: policy.call(late.__wrapped__), late_calls) == 5
    configuration.apply(document(FALLBACK, {**RETRY, "attempts": 4}))
    assert fails() == "substitute"
    assert policy.call(fails) == "substitute"
    configuration.apply(document())
    assert attempts_of(fails, calls) == 1


def test_coroutine_functions_too(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    calls: list[int] = []

    @policy
    async def fails() -> None:
        calls.append(1)
        raise ConnectionError

    async def main() -> None:
        for attempts in (3, 5):
            configuration.apply(document({**RETRY, "attempts": attempts}))
            for call in (fails, lambda: policy.acall(fails.__wrapped__)):
                calls.clear()
                with pytest.raises(ConnectionError):
                    await call()
                assert len(calls) == attempts

    asyncio.run(main())


def test_fallbacks_of_functions_follow(start):
    configuration = start(RETRY, BREAKER)
    policy = configuration.policies["p"]
    fails, calls = failing(policy)

    @fails.fallback
    def instead(failure: Any) -> str:
        return failure.kind

    assert fails() == "rejected"
    configuration.apply(document({**RETRY, "attempts": 1}, BREAKER))
    assert fails() == "rejected"  # the same breaker, still open
    configuration.apply(document({**RETRY, "attempts": 1}, CALM))
    calls.clear()
    assert fails() == "disconnect"
    assert len(calls) == 1
    assert fails.policy.layers[1:] == policy.layers


def test_policies_made_by_using_follow(start):
    configuration = start(TIMEOUT, RETRY, BULKHEAD)
    policy = configuration.policies["p"]
    patient = policy.using(attempts=9)
    fails, calls = failing(patient)
    configuration.apply(document(TIMEOUT, {**RETRY, "on": "any_failure"}, {"kind": "bulkhead", "limit": 7}))
    assert patient[Retry].options.attempts == 9
    assert patient[Retry].options.on == "any_failure"
    assert patient.layers[2] is policy.layers[2]
    assert attempts_of(fails, calls) == 9
    assert policy.using(attempts=9) is not None
    report = configuration.apply(document(TIMEOUT))
    [note] = [line for line in report.notes if "using()" in line]
    assert note.startswith("policies.p: ")
    assert note in str(report)
    assert attempts_of(fails, calls) == 9
    with pytest.raises(ConfigurationError, match="attempts"):
        policy.using(attempts=9)


def test_generators_and_blocks_follow(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    calls: list[int] = []

    @policy
    def items() -> Any:
        calls.append(1)
        raise ConnectionError
        yield

    def block() -> None:
        for attempt in policy.attempts():
            with attempt:
                calls.append(1)
                raise ConnectionError

    for attempts in (3, 5):
        configuration.apply(document({**RETRY, "attempts": attempts}))
        assert attempts_of(lambda: list(items()), calls) == attempts
        assert attempts_of(block, calls) == attempts


# State


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


# What else there is


def test_listeners_go_on_hearing(start):
    shared = {"db": BREAKER, "other": BREAKER}
    configuration = start(RETRY, BREAKER, {"shared": "db"}, shared=shared)
    policy = configuration.policies["p"]
    heard: list[tuple[str, str]] = []
    remove = policy.on("*", lambda event: heard.append((event.source, event.name)))

    def said(position: int) -> list[tuple[str, str]]:
        heard.clear()
        policy.layers[position].force_open(0)
        policy.layers[position].auto(0)
        return heard[:]

    expected = [("p: circuit_breaker", "forced_open"), ("p: circuit_breaker", "auto")]
    assert said(1) == said(2) == expected
    left = policy.layers[2]
    configuration.apply(document(RETRY, {**BREAKER, "probes": 2}, {"shared": "other"}, BREAKER, shared=shared))
    assert said(1) == said(2) == said(3) == expected
    heard.clear()
    left.force_open(0)
    assert heard == []
    twice: list[str] = []
    stop = policy.on("forced_open", lambda event: twice.append(event.name))
    assert said(3) == said(1) == expected
    assert twice == ["forced_open"] * 2
    stop()
    remove()
    assert said(1) == said(2) == said(3) == []
    assert len(twice) == 2


def test_policies_come_and_go(start):
    configuration = start(RETRY)
    gone = configuration.policies["p"]
    fails, calls = failing(gone)
    report = configuration.apply({"policies": {"q": {"strategies": []}}, "runtime_environments": {"os": {}}})
    assert list(configuration.policies) == ["q"]
    assert (report.added, report.removed) == (("policies.q", "runtime_environments.os"), ("policies.p",))
    assert attempts_of(fails, calls) == 3
    report = configuration.apply({"runtime_environments": {"os": {"enabled": False}}})
    assert report.changed == ("runtime_environments.os: enabled True → False",)
    assert configuration.runtime_environments["os"].enabled is False
    assert configuration.apply({}).removed == ("runtime_environments.os",)


def test_seeds(start):
    configuration = start(RETRY)
    policy = configuration.policies["p"]
    seed = policy.seed
    assert configuration.apply(document(RETRY)).unchanged
    assert policy.seed == seed
    seeded = {"policies": {"p": {"strategies": [RETRY], "seed": 7}}}
    assert configuration.apply(seeded).changed == ("policies.p.seed",)
    assert (policy.seed, policy.seeded) == (7, True)
    assert configuration.apply(seeded).unchanged
    configuration.apply(document(RETRY))
    assert policy.seeded is False


def test_a_bad_document_changes_nothing(start):
    configuration = start(RETRY, BREAKER, shared={"db": BREAKER})
    policy = configuration.policies["p"]
    before = (policy.layers, policy.strategies, configuration.policies, configuration.shared, configuration.document)
    for bad in (
        document({**RETRY, "attempts": 0}, BREAKER),
        document({**RETRY, "attempts": 1}, {**BREAKER, "open_cap": 1}),
        document({**RETRY, "attempts": 1}, {"shared": "no"}),
        {"policies": 3},
        None,
    ):
        with pytest.raises(ConfigurationError):
            configuration.apply(bad)
    after = (policy.layers, policy.strategies, configuration.policies, configuration.shared, configuration.document)
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_snapshots_fit_the_new_options(start):
    configuration = start(RETRY, BREAKER)
    configuration.apply(document({**RETRY, "attempts": 2}, BREAKER))
    policy = configuration.policies["p"]
    policy.restore(policy.snapshot(0), 0, "resume")


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
                    assert patient.call(len, "ab") == 2
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
