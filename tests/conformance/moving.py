"""Runs a conformance vector so that everything moves before a step: policies and calls become text, and the text
becomes fresh policies and fresh calls.

Written in the kernel's dialect, as `simulate` is.
"""

import json

from backstay_core.canonical import dumps
from backstay_core.execution import NEW, Execution
from backstay_core.inflight import MODES, load, save
from tests.conformance import simulate


def always(step):
    return True


class Moving:
    """The world and the calls of one vector. `moves` says before which steps everything moves; the first one is 1.

    Calls are loaded in another order than the one in which they were saved: who waits before whom is said by what was
    saved of them.
    """

    def __init__(self, vector, moves):
        self.vector = vector
        self.moves = moves
        self.steps = 0
        self.calls = []
        self.world = simulate.World(vector)

    def call(self, written, policy, agenda, interruptible):
        self.calls.append(Call(self, written, policy, agenda, interruptible))
        return self.calls[-1]

    def move(self, now):
        self.steps += 1
        if not self.moves(self.steps):
            return
        world = self.world
        flying = [call for call in self.calls if call.execution.mode in MODES]
        policies = json.loads(dumps([policy.snapshot(now) for policy in world.policies]))
        calls = json.loads(dumps([save(call.execution, now) for call in flying]))
        world.policies = simulate.World(self.vector).policies
        for number in range(len(policies)):
            world.policies[number].restore(policies[number], now, "resume")
            world.policies[number].refresh()
        while flying:
            call = flying.pop()
            call.execution = load(calls.pop(), world.policies[call.number], now, call.execution.wake)
        for call in self.calls:
            old = call.execution
            if old.mode == NEW:
                call.execution = Execution(world.policies[call.number], old.wake, old.deadlines[0], old.caller)
                call.execution.now = old.now


class Call(simulate.Call):
    """A call that has everything moved before its steps."""

    def __init__(self, moving, written, policy, agenda, interruptible):
        self.moving = moving
        self.number = written.get("policy", 0)
        super().__init__(written, policy, agenda, interruptible)

    def step(self, event, reads=None):
        self.moving.move(self.agenda.now)
        super().step(event, reads)


def run(vector, moves=always):
    """What becomes of the vector, as `simulate.run` says it."""
    moving = Moving(vector, moves)
    return simulate.run(vector, world=lambda _: moving.world, call=moving.call)


def what_decides(result):
    """A result without what decides nothing: a budget notes when it was last looked at, and a snapshot is a look."""
    final = [dict(state) for state in result["final"]]
    for state in final:
        if state.get("budget"):
            state["budget"] = dict(state["budget"], state=dict(state["budget"]["state"], age=None))
    return dict(result, final=final)
