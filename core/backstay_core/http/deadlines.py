"""Deadlines between processes: how much time a caller has left, as a header of its request.

Rules:

DH1   A header holds a duration, never a time of day: clocks of two machines need not agree.
DH2   A value is read strictly: ASCII digits, not more of them than its format allows, for gRPC followed by one unit.
      Anything else (a sign, a fraction, an exponent, a list, blanks inside) says nothing, as if it were not there.
DH3   Zero is a deadline that has passed.
DH4   Of several values the shortest counts. One longer than `LONGEST` is understood to be that long.
DH5   What is written is rounded down: nobody is told of more time than there is.

Sources of the formats: gRPC over HTTP/2, *Requests*, ``grpc-timeout``; Envoy's ``x-envoy-expected-rq-timeout-ms``,
whose form ``x-request-timeout-ms`` shares.
"""

from backstay_core.clock import MILLISECOND, SECOND
from backstay_core.failure import ConfigurationError, shown
from backstay_core.options import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LONGEST = 10 * 365 * 86_400 * SECOND
_MOST_HEADERS = 200

#  unit of grpc-timeout → ns, from fine to coarse
GRPC_UNITS = {
    "n": 1,
    "u": 1000,
    "m": MILLISECOND,
    "S": SECOND,
    "M": 60 * SECOND,
    "H": 3600 * SECOND,
}
GRPC_DIGITS = 8
MILLISECOND_DIGITS = 12


def _read_milliseconds(text: str) -> "int | None":
    return int(text) * MILLISECOND if _digits(text, MILLISECOND_DIGITS) else None


def _write_milliseconds(ns: int) -> str:
    return str(ns // MILLISECOND)


def _read_grpc(text: str) -> "int | None":
    unit = GRPC_UNITS.get(text[-1:])
    return int(text[:-1]) * unit if unit is not None and _digits(text[:-1], GRPC_DIGITS) else None


def _write_grpc(ns: int) -> str:
    """In the finest unit that has room for it."""
    for unit in GRPC_UNITS:
        count = str(ns // GRPC_UNITS[unit])
        if len(count) <= GRPC_DIGITS:
            return count + unit
    raise ConfigurationError(f"no unit of grpc-timeout has room for {shown(ns)} ns")


def _digits(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isascii() and text.isdigit()


class Codec:
    """One header: `read` gives the ns that a value stands for, or None; `write` the value for so many ns."""

    __slots__ = ("read", "write")

    def __init__(self, read: "Callable[[str], int | None]", write: "Callable[[int], str]") -> None:
        self.read = read
        self.write = write


#  header, in small letters → how it is read and written
CODECS = {
    "x-request-timeout-ms": Codec(_read_milliseconds, _write_milliseconds),
    "x-envoy-expected-rq-timeout-ms": Codec(_read_milliseconds, _write_milliseconds),
    "grpc-timeout": Codec(_read_grpc, _write_grpc),
}


def time_left(headers: "Any", accepted: "tuple[str, ...]" = tuple(CODECS)) -> "int | None":
    """The ns that the `accepted` headers of a request give, or None without a valid one.

    `headers` is a mapping or a list of pairs, of texts or bytes; what is nothing of the kind has none. Never raises.
    """
    least = None
    try:
        for seen, (key, value) in enumerate(headers.items() if hasattr(headers, "items") else headers):
            if seen >= _MOST_HEADERS:
                break
            name = (key.decode("latin-1") if isinstance(key, bytes) else key).lower()
            if name in accepted:
                for one in value if isinstance(value, (list, tuple)) else (value,):
                    text = one.decode("latin-1") if isinstance(one, bytes) else one
                    ns = CODECS[name].read(text.strip(" \t"))
                    if ns is not None and (least is None or ns < least):
                        least = ns
    except Exception:
        pass  # what was read before counts
    return None if least is None else min(least, LONGEST)


def write(header: str, ns: int) -> str:
    """The value of `header` for `ns` (not negative; cut at `LONGEST`)."""
    return CODECS[known_header(header)].write(max(0, min(ns, LONGEST)))


def known_header(header: "Any") -> str:
    """The header's name in small letters. Raises `ConfigurationError` for one that has no row in `CODECS`."""
    name = header.lower() if isinstance(header, str) else ""
    if name not in CODECS:
        hint = nearest(name, tuple(CODECS))
        raise ConfigurationError(
            f"no deadline header {shown(header)}"
            + (f"; did you mean {hint!r}?" if hint else f"; known: {', '.join(CODECS)}")
        )
    return name
