"""Whose call it is: how important, and for whom; and what gates make of it.

Rules:

PR1   A call has a priority, one of `PRIORITIES` or its number, *normal* if nothing else is said, and a tenant, none if
      nothing is said. Only a gate with `shed` looks at the priority, and only one with `fair` at the tenant.
PR2   Of a gate's places (the tokens of a bucket, the calls of a window) a call may use all but its priority's part of
      what is withheld: withheld is the share `shed` of them, rounded down, and of that nothing is kept from the
      *critical* and all from *background*, in equal steps, rounded down.
PR3   At a gate with `shed` those who wait are served by priority, the most important first; nobody is served before
      those in front of him.
PR4   At a gate with `fair` a call that begins to wait gets a round: one after the round served last, or one after the
      last round of its tenant's calls of the same priority that wait, whichever is later. Of one priority, rounds are
      served in order, and within a round the calls in the order in which they began to wait.

So with `shed` a rising load is refused class by class, and never the most important one while others get in; with
`fair` a tenant with many calls cannot keep another one waiting for more than one of them.
"""

from backstay_core.failure import ConfigurationError, shown
from backstay_core.options import PPM, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PRIORITIES = ("critical", "high", "normal", "low", "background")
NORMAL = 2
LEAST = 4  # the number of the least important
LONGEST_TENANT = 200  # characters

SHED = Field("shed", "ratio", "share of its places that calls of the least priority may not use", most=0.999999)
FAIR = Field("fair", "flag", "those who wait are served by turns of tenants")


class Caller:
    """Who calls: a priority (0, the most important, to 4) and a tenant.

    Raises `ConfigurationError` for what is neither a priority's name nor its number, and for a tenant that is no text.
    """

    __slots__ = ("priority", "tenant")

    def __init__(self, priority: "int | str" = NORMAL, tenant: str = "") -> None:
        if isinstance(priority, str) and priority in PRIORITIES:
            priority = PRIORITIES.index(priority)
        if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= LEAST:
            raise ConfigurationError(
                f"a priority is 0 to {LEAST} or one of {', '.join(PRIORITIES)}; got {shown(priority)}"
            )
        if not isinstance(tenant, str) or len(tenant) > LONGEST_TENANT:
            raise ConfigurationError(f"a tenant is a text of at most {LONGEST_TENANT} characters; got {shown(tenant)}")
        self.priority = int(priority)
        self.tenant = tenant

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Caller) and (self.priority, self.tenant) == (other.priority, other.tenant)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Caller(priority={PRIORITIES[self.priority]!r}, tenant={self.tenant!r})"


ANYBODY = Caller()


def withheld(options: "Any", places: int) -> int:
    """How many of so many places the least important may not use (PR2)."""
    kept: int = places * options.shed_ppm // PPM
    return kept
