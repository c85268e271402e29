"""The component's side of `wit/`: arguments in, `backstay_core.engine`, answers out.

An exception that escapes from an export would leave the instance unusable, so every export catches everything, and an
error's text is made ASCII (half a surrogate pair cannot cross). The module is imported when the component is built:
what stands at its top is part of every instance, so there is an empty engine there and nothing else.
"""

from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.exports.types import Action, Decision, Error, Event  # type: ignore[import-not-found]

from backstay_core import engine_state
from backstay_core.documents import EngineError
from backstay_core.engine import Engine

ENGINE = Engine()
EVENTS = {Event.OK: "ok", Event.ERROR: "error", Event.WAKE: "wake", Event.ABORT: "abort"}
ACTIONS = {action.name.lower(): action for action in Action}


def answer(function, *args):  # type: ignore[no-untyped-def]
    """What the engine says, or an `Err`."""
    try:
        return function(*args)
    except EngineError as error:
        raise failed(error.kind, error.message) from None
    except MemoryError:
        raise failed("out-of-memory", "the engine's memory is exhausted") from None
    except BaseException as error:
        raise failed("internal", f"{type(error).__name__}: {error}") from None


def failed(kind, message):  # type: ignore[no-untyped-def]
    return Err(Error(kind, message[:2000].encode("ascii", "backslashreplace").decode("ascii")))


def decided(function, *args):  # type: ignore[no-untyped-def]
    call, action, token, time, more = answer(function, *args)
    return Decision(call, ACTIONS[action], token, time, more)


class Configuration:
    def load(self, document, seed):  # type: ignore[no-untyped-def]
        return answer(ENGINE.load, document, seed)

    def unload(self, policy):  # type: ignore[no-untyped-def]
        return answer(ENGINE.unload, policy)


class Calls:
    def begin(self, policy, now, deadline, queue, caller):  # type: ignore[no-untyped-def]
        return decided(ENGINE.begin, policy, now, deadline, queue, caller)

    def step(self, call, event, token, now, detail):  # type: ignore[no-untyped-def]
        return decided(ENGINE.step, call, EVENTS[event], token, now, detail)

    def close(self, call, now):  # type: ignore[no-untyped-def]
        return decided(ENGINE.close, call, now)


class State:
    def snapshot_policy(self, policy, now, wall):  # type: ignore[no-untyped-def]
        return answer(ENGINE.snapshot_policy, policy, now, wall)

    def restore_policy(self, policy, snapshot, mode, now, wall):  # type: ignore[no-untyped-def]
        return answer(ENGINE.restore_policy, policy, snapshot, mode, now, wall)

    def snapshot(self, now, wall):  # type: ignore[no-untyped-def]
        return answer(engine_state.snapshot, ENGINE, now, wall)

    def restore(self, snapshot, mode, now, wall):  # type: ignore[no-untyped-def]
        return answer(engine_state.restore, ENGINE, snapshot, mode, now, wall)


class Operation:
    def control(self, policy, position, command, now):  # type: ignore[no-untyped-def]
        return answer(ENGINE.control, policy, position, command, now)

    def report(self, now):  # type: ignore[no-untyped-def]
        return answer(engine_state.report, ENGINE, now)
