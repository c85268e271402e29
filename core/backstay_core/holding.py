"""What calls in flight hold at gates, as plain data: the permit's age, the ticket and its place in the queue.

Calls are read first, all of them, and take up what they hold only then (`hold`): a call that waits comes to stand where
it stood, whichever call was read before it, and a snapshot that does not fit has changed nothing.
"""

from backstay_core.execution import QUEUED, Execution
from backstay_core.failure import SnapshotError
from backstay_core.state import Fields, remaining
from backstay_core.strategies.contract import GATE, GRANTED, WAITING, Ticket
from backstay_core.strategies.queue import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from backstay_core.strategies.priority import Caller


def ticket_data(ticket: Ticket, layer: "Any", now: int) -> "dict[str, Any]":
    """A ticket of the gate `layer`, with times relative to `now` (ns)."""
    granted = ticket.status == GRANTED
    return {
        "granted": granted,
        "permit": layer.age(ticket.permit, now) if granted else None,
        "remaining": remaining(ticket.end, now),
        "until": remaining(ticket.until, now),
        "round": ticket.round,
        "place": ticket.place,
    }


def read_ticket(read: Fields, layer: "Any", now: int, wake: "Callable[[], object] | None", caller: "Caller") -> Ticket:
    """The ticket; it is in no queue before `hold`."""
    ticket: Ticket = layer.ticket(wake, read.time("remaining", now), caller)
    ticket.until = read.time("until", now)
    ticket.round = read.integer("round")
    ticket.place = read.integer("place", least=1)
    if read.flag("granted"):
        ticket.permit = layer.issued(read.optional("permit", most=layer.EPOCHS - 1), now)
        ticket.status = GRANTED
    return ticket


def hold(calls: "list[Execution]", now: int) -> None:
    """Let calls that were just read take up what they hold.

    Raises `SnapshotError`, with nothing changed, if more of them wait at a gate than there is room for, or hold a place
    of it than are taken: they would give back what nobody has.
    """
    executions: "list[Execution]" = []
    for call in calls:
        _attempts(call, executions)
    holders: "dict[Queue, int]" = {}
    for each in executions:
        for i in range(each.base, each.at + (each.mode == QUEUED)):
            layer: "Any" = each.layers[i]
            if isinstance(layer, Queue) and layer.hears_values:
                held: "Any" = each.held[i]
                permit = held if i < each.at else held.permit
                holders[layer] = holders.get(layer, 0) + (permit is layer.epoch)
    for layer, count in holders.items():
        if count > layer.inside:
            raise SnapshotError(f"{layer.options.KIND}: more calls hold a place than are inside")
    queued = [each for each in executions if each.mode == QUEUED and each.held[each.at].status == WAITING]
    queued.sort(key=_rank)  # so that each finds its place at the end
    joined = 0
    try:
        for each in queued:
            each.layers[each.at].rejoin(each.held[each.at], now)
            joined += 1
    except SnapshotError:
        for each in queued[:joined]:
            each.layers[each.at].abandon(each.held[each.at], now)
        raise
    for each in executions:
        for i in range(each.base, each.at):
            if each.layers[i].ROLE == GATE:
                each.layers[i].regain(each.held[i])


def _attempts(execution: Execution, found: "list[Execution]") -> None:
    """A call and all attempts of its races."""
    found.append(execution)
    if execution.race is not None:
        for lane in execution.race.lanes:
            _attempts(lane, found)


def _rank(execution: Execution) -> "tuple[int, int, int]":
    ticket: Ticket = execution.held[execution.at]
    return ticket.priority, ticket.round, ticket.place
