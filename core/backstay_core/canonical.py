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
    parts: "list[str]" = []
    _write(value, parts)
    return "".join(parts)


def _write(value: "Any", out: "list[str]") -> None:
    if value is None:
        out.append("null")
    elif value is True:
        out.append("true")
    elif value is False:
        out.append("false")
    elif isinstance(value, int):
        out.append(str(value) if -SAFE_INTEGER <= value <= SAFE_INTEGER else f'"{value}"')
    elif isinstance(value, str):
        out.append('"')
        for char in value:
            out.append(_ESCAPES.get(char) or (char if " " <= char <= "~" else _unicode_escape(ord(char))))
        out.append('"')
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            out.append("," if i else "[")
            _write(item, out)
        out.append("]" if value else "[]")
    elif isinstance(value, dict):
        for i, key in enumerate(sorted(value)):
            if not isinstance(key, str):
                raise TypeError(f"JSON keys are text; got {key!r}")
            out.append("," if i else "{")
            _write(key, out)
            out.append(":")
            _write(value[key], out)
        out.append("}" if value else "{}")
    else:
        raise TypeError(f"no canonical text for {type(value).__name__}")


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
