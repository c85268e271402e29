"""HTTP answers (RFC 9110) as failures, with both forms of Retry-After."""

from backstay_core.clock import SECOND
from backstay_core.errors.rows import build, row_from
from backstay_core.failure import ConfigurationError, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from backstay_core.errors.rows import Row

#  status → kind, for those that differ from their class (4xx validation, 5xx internal, as RFC 9110, 15 has it)
STATUS = {
    401: "auth", 402: "permission", 403: "permission", 404: "missing", 405: "unsupported", 407: "auth",
    408: "timeout", 409: "conflict", 410: "missing", 412: "state", 418: "unsupported", 421: "unavailable",
    423: "conflict", 424: "state", 425: "unavailable", 426: "unsupported", 428: "state", 429: "throttle",
    451: "permission", 499: "cancelled",
    501: "unsupported", 502: "unavailable", 503: "unavailable", 504: "timeout", 505: "unsupported", 507: "capacity",
    510: "unsupported", 511: "auth", 520: "unavailable", 521: "connect", 522: "connect", 523: "connect",
    524: "timeout", 525: "connect", 526: "permission", 529: "throttle", 530: "unavailable",
}  # fmt: skip

#  status → fields that differ from the row of the kind
FIELDS: "dict[int, dict[str, Any]]" = {
    408: {"executed": "no"},  # the request was not read to its end
    416: {"code": "OUT_OF_RANGE"},
    421: {"executed": "no", "retry": "elsewhere"},
    423: {"code": "FAILED_PRECONDITION"},
    425: {"executed": "no", "retry": "later"},
}

#  status → (kind, fields) where the answer also asks for a pause
PAUSED: "dict[int, tuple[str, dict[str, Any]]]" = {
    413: ("validation", {"retry": "later"}),  # RFC 9110, 15.5.14: then the condition is temporary
    503: ("throttle", {"code": "UNAVAILABLE"}),  # the server lives and asks for less
}

TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 412: "Precondition Failed", 413: "Content Too Large",
    422: "Unprocessable Content", 429: "Too Many Requests", 499: "Client Closed Request",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 507: "Insufficient Storage",
}  # fmt: skip

LONGEST_PAUSE = 10 * 365 * 86_400  # seconds; a server that asks for more is understood to ask for this much

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_HEADERS = 200


def from_http_status(status: int, headers: "Any" = None, now: "int | None" = None, message: str = "") -> Failure:
    """The failure that an HTTP answer with `status` is.

    `headers` is a mapping or a list of pairs; `now` is the wall clock in ns since the Unix epoch, without which a date
    in Retry-After says nothing. A 503 that names a pause is a *throttle*: the server lives and asks for less. Raises
    `ConfigurationError` for what is no status or no failure (1xx, 2xx).
    """
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 999:
        raise ConfigurationError(f"an HTTP status is a number from 100 to 999; got {_short(status)}")
    if status < 300:
        raise ConfigurationError(f"HTTP status {int(status)} is no failure")
    status = int(status)  # an IntEnum's member prints its name
    pause = None if headers is None else pause_of(headers, now)
    row = _PAUSED.get(status) if pause is not None else None
    if row is None:
        row = _ROWS.get(status) or _row_of(status)
    if not message:
        title = TITLES.get(status)
        message = f"HTTP {status} {title}" if title else f"HTTP {status}"
    return build(row, message, pause)


def _row_of(status: int, paused: bool = False) -> "Row":
    kind = STATUS.get(status)
    if kind is None:
        kind = "unsupported" if status < 400 else "validation" if status < 500 else "internal"
    fields = FIELDS.get(status, {})
    if paused:
        kind, fields = PAUSED[status]
    return row_from(Failure(kind, reason=f"HTTP_{status}", domain="http", **fields))


_ROWS = {status: _row_of(status) for status in (*TITLES, *STATUS)}
_PAUSED = {status: _row_of(status, True) for status in PAUSED}


def pause_of(headers: "Any", now: "int | None" = None) -> "int | None":
    """The pause in ns that response headers ask for, or None: Retry-After, or its forms in ms (x-amz-retry-after,
    retry-after-ms), which are more exact. Never raises, whatever `headers` is."""
    pause = None
    try:
        for seen, (key, value) in enumerate(headers.items() if hasattr(headers, "items") else headers):
            if seen >= _MOST_HEADERS:
                break
            if isinstance(key, bytes):
                key = key.decode("latin-1")
            if len(key) == 11 and key.lower() == "retry-after":
                pause = retry_after(_text(value), now) if pause is None else pause
            elif key.lower() in ("retry-after-ms", "x-amz-retry-after"):
                milliseconds = retry_after(_text(value))
                if milliseconds is not None:
                    return milliseconds // 1000
    except Exception:
        return pause
    return pause


def retry_after(value: str, now: "int | None" = None) -> "int | None":
    """The pause in ns that the value of a Retry-After header asks for: delta-seconds (a fraction is accepted too) or an
    HTTP date, for which `now` is the wall clock in ns. None for anything else, and for negative numbers."""
    if len(value) > 100:
        return None
    text = value.strip()
    whole, _, fraction = text.partition(".")
    if _digits(whole) and (not fraction or _digits(fraction)):
        seconds = int(whole) if len(whole) <= 12 else LONGEST_PAUSE
        return min(seconds, LONGEST_PAUSE) * SECOND + int((fraction + "000000000")[:9])
    date = http_date(text, now)
    if date is None or now is None:
        return None
    return min(max(0, date - now), LONGEST_PAUSE * SECOND)


def http_date(text: str, now: "int | None" = None) -> "int | None":
    """An HTTP date (RFC 9110, 5.6.7: IMF-fixdate, RFC 850 or asctime) in ns since the Unix epoch, or None.

    The two-digit year of RFC 850 needs `now`: a year more than 50 years ahead is one of the past.
    """
    words = text.replace(",", " ").replace("-", " ").split()
    if len(words) == 6 and words[5] in ("GMT", "UTC"):
        day, month, year, clock = words[1], words[2], words[3], words[4]
    elif len(words) == 5:
        month, day, clock, year = words[1], words[2], words[3], words[4]
    else:
        return None
    parts = clock.split(":")
    if len(parts) != 3 or month not in _MONTHS:
        return None
    if not all(_digits(part) and len(part) <= 4 for part in (day, year, *parts)):
        return None
    number = int(year)
    if len(year) == 2:
        if now is None:
            return None
        this = 1970 + now // (SECOND * 31_556_952)  # mean Gregorian year
        number += this // 100 * 100 + 100
        while number > this + 50:
            number -= 100
    hour, minute, second = (int(part) for part in parts)
    m = _MONTHS.index(month) + 1
    if not (1 <= int(day) <= _days_in(number, m) and hour <= 23 and minute <= 59 and second <= 60):
        return None
    return ((_days(number, m, int(day)) * 24 + hour) * 60 + minute) * 60 * SECOND + second * SECOND


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the leap day comes last."""
    y = year if month > 2 else year - 1
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return y * 365 + y // 4 - y // 100 + y // 400 + of_year - 719_468


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _text(value: "Any") -> str:
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _short(value: "Any") -> str:
    """What was given, short and safe: numbers as they are, of anything else only the type."""
    if isinstance(value, int) and not isinstance(value, bool) and -(1 << 62) < value < 1 << 62:
        return str(int(value))
    return type(value).__name__
