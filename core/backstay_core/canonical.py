"""The one way in which text leaves the core: canonical JSON.

The same value gives the same bytes on every runtime: keys sorted, no spaces, ASCII only, integers beyond 2**53 as
decimal strings (a JavaScript reader would round them). There are no floats: their shortest text differs between
runtimes, so what is measured in fractions is carried as an integer of a smaller unit.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SAFE_INTEGER = (1 << 53) - 1
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def dumps(value: "Any") -> str:
    """Canonical JSON text of None, bool, int, str, list, tuple and dict with string keys.

    Raises TypeError for anything else.
    """
    # Text is joined level by level: one list of all parts would have to lie in one piece, which a small heap has not.
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value) if -SAFE_INTEGER <= value <= SAFE_INTEGER else f'"{value}"'
    if isinstance(value, str):
        return f'"{_escaped(value)}"'
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([dumps(item) for item in value]) + "]"
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"JSON keys are text; got {key!r}")
        return "{" + ",".join([dumps(key) + ":" + dumps(value[key]) for key in sorted(value)]) + "}"
    raise TypeError(f"no canonical text for {type(value).__name__}")


def _escaped(text: str) -> str:
    for char in text:
        if not " " <= char <= "~" or char in _ESCAPES:
            return "".join([_escape(char) for char in text])
    return text


def _escape(char: str) -> str:
    return _ESCAPES.get(char) or (char if " " <= char <= "~" else _unicode_escape(ord(char)))


def _unicode_escape(point: int) -> str:
    if point > 0xFFFF:
        point -= 0x10000
        return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"
    return f"\\u{point:04x}"


def fnv1a(text: str) -> str:
    """FNV-1a, 64 bit, of the text's UTF-8 bytes, in hexadecimal. A fingerprint, no protection."""
    digest = 0xCBF29CE484222325
    for byte in text.encode():
        digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"
