"""What a call through a strategy can live through, found by trying: the step machine is driven by every short sequence
of moves, in a policy that is fresh, that has just seen a failure, or that another call is inside of.

The table it gives is drawn by `tools.state_diagram`. Nothing in it is written by hand but the names.
"""

from itertools import product

from backstay_core.config.rows import rows_of
from backstay_core.execution import (
    ATTEMPT,
    COMPLETE,
    ERROR,
    FAIL,
    OK,
    PAUSED,
    QUEUED,
    START,
    SUBSTITUTE,
    WAIT,
    WAKE,
    Execution,
)
from backstay_core.failure import NEVER, Failure
from backstay_core.options import Options
from backstay_core.policy import Policy

LONGEST = 4  # moves of a call

#  options with which a strategy shows all it can do within a few calls; others have their defaults
EXAMPLES: dict[str, dict[str, object]] = {
    "bulkhead": {"limit": 1, "queue": 1, "wait": 1.0},
    "circuit_breaker": {"window_calls": 1},
    "fallback": {"value": 0},
    "inject": {"enabled": True, "every": 2},
    "retry": {"attempts": 2, "backoff": "constant"},
    "timeout": {"seconds": 1.0},
}

BEFORE = ("", "failed", "inside")  # what another call has done, or does
RETURNS, FAILS, TIME, ROOM = "returns", "fails", "time is over", "another leaves"
MOVES = (RETURNS, FAILS, TIME, ROOM)
CALL = "call"  # where every one begins


def example(cls: type[Options]) -> Options:
    given = EXAMPLES.get(cls.KIND)
    if given is None:
        given = {row.name: row.field.least or 1 for row in rows_of(cls) if row.required}
    return cls(**given)


def lives(cls: type[Options]) -> tuple[tuple[str, str, str, str], ...]:
    """(from, move, to, "") for everything that can happen to a call, each pair of places once."""
    found: dict[tuple[str, str], list[str]] = {}
    for before in BEFORE:
        for moves in product(MOVES, repeat=LONGEST):
            for place, move, to in _life(Policy("p", example(cls), seed=1), before, moves):
                names = found.setdefault((place, to), [])
                if move not in names:
                    names.append(move)
    order = sorted(found, key=lambda pair: (_rank(pair[0]), _rank(pair[1])))
    return tuple((place, ", ".join(found[place, to]), to, "") for place, to in order)


PLACES = (CALL, "waiting", "attempt", "pause", "substitute", "returned", "failed", "timed out", "refused")


def _rank(place: str) -> int:
    return PLACES.index(place) if place in PLACES else len(PLACES)


def _life(policy: Policy, before: str, moves: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """One call: where it was, what happened, where it came to."""
    other = Execution(policy)
    if before:
        actions = other.step((START,), 0)
        if before == "failed":
            _end(other, actions, 0)
    call = Execution(policy, wake=lambda: None)
    now = 1
    actions = call.step((START,), now)
    place = _place(call, actions)
    steps = [(CALL, "begins", place)]
    for move in moves:
        if actions[-1][0] in (COMPLETE, FAIL):
            break
        until = actions[-1][1] if actions[-1][0] == WAIT else actions[-1][2]
        operates = actions[-1][0] in (ATTEMPT, SUBSTITUTE)
        if move in (RETURNS, FAILS) and operates:
            outcome = (OK, actions[-1][1], 0) if move == RETURNS else (ERROR, actions[-1][1], _failure())
            after = call.step(outcome, now)
        elif move == TIME and until < NEVER:
            now = until
            after = call.step((WAKE,), now)
        elif move == ROOM and call.mode == QUEUED and before == "inside":
            other.step((OK, 1, 0), now)
            after = call.step((WAKE,), now)
        else:
            continue
        if after:
            actions, came_from, place = after, place, _place(call, after)
            steps.append((came_from, move, place))
    return steps


def _failure() -> Failure:
    return Failure("unavailable", executed="no")


def _end(call: Execution, actions: list[tuple[object, ...]], now: int) -> None:
    """Let every attempt of a call fail."""
    while actions and actions[-1][0] in (ATTEMPT, SUBSTITUTE, WAIT):
        what = actions[-1]
        actions = call.step((WAKE,) if what[0] == WAIT else (ERROR, what[1], _failure()), now)
        if what[0] == WAIT:
            return


def _place(call: Execution, actions: list[tuple[object, ...]]) -> str:
    """What has become of a call, from what the host was told to do."""
    what = actions[-1]
    if what[0] == FAIL:
        failure = what[2]
        if what[1] == 0 and isinstance(failure, Failure):
            return {"rejected": "refused", "timeout": "timed out"}.get(failure.kind, "failed")
        return "failed"
    if what[0] == WAIT:
        return {QUEUED: "waiting", PAUSED: "pause"}.get(call.mode, call.mode)
    return {ATTEMPT: "attempt", SUBSTITUTE: "substitute", COMPLETE: "returned"}.get(str(what[0]), str(what[0]))
