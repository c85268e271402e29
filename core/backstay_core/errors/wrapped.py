"""Exceptions inside exceptions: the members of groups, and what is only passed on. Both may be nested or cyclic."""

from backstay_core.errors.rows import names_of
from backstay_core.errors.shapes import read
from backstay_core.errors.tables import WRAPPERS

MOST_MEMBERS = 500  # exceptions of a group that are looked at
DEEPEST = 16  # levels of groups and wrappers that are looked into


def leaves(group: BaseException) -> "list[BaseException]":
    """The exceptions in a group and its groups, in order: at most `MOST_MEMBERS`, none below `DEEPEST` levels."""
    found: "list[BaseException]" = []
    waiting: "list[tuple[object, int]]" = [(group, 0)]
    for _ in range(MOST_MEMBERS):
        if not waiting:
            break
        error, depth = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            members = read(error, "exceptions")
            if depth < DEEPEST and isinstance(members, (tuple, list)):
                waiting.extend([(member, depth + 1) for member in reversed(members[:MOST_MEMBERS])])
        elif isinstance(error, BaseException):
            found.append(error)
    return found


def holder_of(cls: type) -> "str | None":
    """The attribute in which exceptions of this class hold what they pass on, if they do nothing else."""
    for base in cls.__mro__:
        for name in names_of(base):
            if name in WRAPPERS:
                return WRAPPERS[name]
    return None


def innermost(error: BaseException) -> "BaseException | None":
    """What a wrapper passes on, through further wrappers; None if it holds none, a group, or itself."""
    inner = error
    for _ in range(DEEPEST):
        holder = holder_of(type(inner))
        if holder is None:
            return None if isinstance(inner, BaseExceptionGroup) else inner
        held = read(inner, holder)
        if isinstance(held, tuple) and held:
            held = held[0]
        if not isinstance(held, BaseException):
            return None
        inner = held
    return None
