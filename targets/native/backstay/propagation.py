"""Deadlines across processes: the time that is left goes out as a header and comes in as the ambient deadline.

A client adds `outgoing()` to the headers of its request; a server runs its handler inside `incoming(headers)`. The
integrations (`backstay.integrations`) do both. The headers, and what a hostile value means, are rules DH1 to DH5 in
`backstay_core.http.deadlines`.
"""

from __future__ import annotations

from backstay.ambient import SECONDS, deadline, remaining
from backstay.errors import DeadlineExceeded
from backstay_core.clock import SECOND, to_ns
from backstay_core.http.deadlines import CODECS, known_header, time_left, write
from backstay_core.options import CHECKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["HEADER", "incoming", "outgoing", "require"]

HEADER = "x-request-timeout-ms"


def outgoing(header: str = HEADER, *, margin: float = 0.0, least: float = 0.0) -> dict[str, str]:
    """Headers that tell a server how long the answer is waited for: the ambient deadline's remainder minus `margin`
    seconds for the way there and back. Empty without a deadline.

    Raises `DeadlineExceeded` if that leaves no more than `least` seconds, how long the call takes at best: one that
    cannot finish is not sent. Raises `ConfigurationError` for a header that is not known.
    """
    name = known_header(header)
    left = room(margin, least, name)
    return {} if left is None else {name: write(name, left)}


def require(least: float) -> None:
    """Refuse to begin what takes `least` seconds at best where the ambient deadline leaves no more than that.

    Raises `DeadlineExceeded`.
    """
    room(0.0, least, "require")


def room(margin: float, least: float, where: str) -> int | None:
    """The ns that the ambient deadline leaves after `margin`, None without one. Raises `DeadlineExceeded` if that is no
    more than `least`."""
    for option, value in (("margin", margin), ("least", least)):
        CHECKS["seconds"](f"{option}=…", SECONDS, value)
    seconds = remaining()
    if seconds is None:
        return None
    left = seconds - margin
    if left <= least:
        raise DeadlineExceeded(f"{where}: the deadline leaves {max(0.0, left):.3g} s", "NO_TIME", None)
    return to_ns(left)


def incoming(headers: Any, *, margin: float = 0.0, accepted: tuple[str, ...] = tuple(CODECS)) -> deadline:
    """``with incoming(request.headers): …``: the deadline that a request brings holds inside, `margin` seconds earlier
    for the way back. `accepted` are the headers that are read. Without a valid one nothing changes.

    `headers` is a mapping or a list of pairs. Whatever a client sends, this does not raise; a deadline that has passed
    makes policies with a Timeout refuse, and `require(0)`.
    """
    for name in accepted:
        known_header(name)
    CHECKS["seconds"]("margin=…", SECONDS, margin)
    ns = time_left(headers, tuple(map(known_header, accepted)))
    return deadline(None if ns is None else max(0.0, ns / SECOND - margin))
