"""What must not leave: values under keys that name a secret, and secrets inside text.

A key is covered if it contains one of the words, whatever its case and whatever joins its parts: ``X-Api-Key``,
``apiKey`` and ``api_key`` are one. Rather too much is hidden than too little: ``token_count`` is covered as well.
What comes out is plain data for canonical JSON, bounded in depth, number of items and length of texts.
"""

import re

from backstay_core.failure import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "api_key", "access_key",
    "private_key", "cookie", "credential", "session_id", "signature", "connection_string",
)  # fmt: skip

MASK = "[redacted]"
CUT = "..."
MARGIN = 250  # characters beyond a cut that are looked at: a secret there is known by what follows it

_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s/]{1,200}@")  # to the last @: people do not escape it
_BEARER = re.compile(r"\b(bearer)\s{1,4}[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE)
_WHOLE_LINE = re.compile(r"\b(authorization|cookie)(['\"]?\s{0,4}[:=]\s{0,4})[^\r\n]+", re.IGNORECASE)


class Redactor:
    """Makes values fit to leave. Immutable.

    `words` are the parts of keys that name secrets, `depth` bounds nesting, `items` how many values a result holds in
    all, `text` the length of each text. Raises `ConfigurationError` for anything else than positive numbers and words
    of letters, digits, ``_`` and ``-``.
    """

    __slots__ = ("_in_text", "_plain", "depth", "items", "mask", "text", "words")

    def __init__(
        self,
        words: "tuple[str, ...]" = WORDS,
        *,
        mask: str = MASK,
        depth: int = 8,
        items: int = 500,
        text: int = 2000,
    ) -> None:
        for bound in (depth, items, text):
            if isinstance(bound, bool) or not isinstance(bound, int) or bound < 1:
                raise ConfigurationError(f"a redactor's bounds are positive whole numbers; got {bound!r}")
        if isinstance(words, str) or not all(isinstance(word, str) and _plain(word) for word in words):
            raise ConfigurationError("a redactor's words are a tuple of words of letters, digits, _ and -")
        self.words = tuple(words)
        self.mask = mask
        self.depth = depth
        self.items = items
        self.text = text
        self._plain = tuple(_plain(word) for word in words)
        parts = "|".join("[_-]?".join(re.escape(part) for part in re.split("[_-]+", word)) for word in self.words)
        key = rf"(?:{parts})[\w.-]{{0,40}}\\{{0,4}}['\"]?\s{{0,20}}[=:]\s{{0,4}}"
        quoted = r"\"(?:[^\"\\]|\\[\s\S])*\"?|'(?:[^'\\]|\\[\s\S])*'?"
        escaped = r"\\{1,4}\"[^\"]*\"?|\\{1,4}'[^']*'?"  # in a text that is itself quoted
        value = rf"(?:{quoted}|{escaped}|[^\s,;&'\"}}\])]+)"
        self._in_text = re.compile(f"({key})(?!{re.escape(mask)}){value}", re.IGNORECASE) if parts else None

    def covers(self, key: str) -> bool:
        """Does this key name a secret?"""
        plain = _plain(key[:200])
        return any(word in plain for word in self._plain)

    def scrub(self, text: str) -> str:
        """`text`, cut, without what stands after a covered key, after *Bearer*, and before the @ of a URL."""
        whole = len(text) <= self.text
        if not whole:
            text = text[: self.text + MARGIN]
        mask = self.mask.replace("\\", r"\\")
        text = _USER_INFO.sub(rf"\g<1>{mask}@", text)
        text = _WHOLE_LINE.sub(rf"\g<1>\g<2>{mask}", text)
        text = _BEARER.sub(rf"\g<1> {mask}", text)
        if self._in_text is not None:
            text = self._in_text.sub(rf"\g<1>{mask}", text)
        return text if whole else text[: max(1, self.text - len(CUT))] + CUT

    def clean(self, value: "Any") -> "Any":
        """`value` as plain data: what JSON knows stays, without floats (their text); what it does not becomes the name
        of its class, for text made from any object might hold anything. Never raises."""
        return self._clean(value, self.depth, [self.items])

    def _clean(self, value: "Any", depth: int, left: "list[int]") -> "Any":
        if left[0] <= 0:
            return CUT
        left[0] -= 1
        if value is None or value is True or value is False:
            return value
        try:
            if isinstance(value, str):
                return self.scrub(str.__str__(value))
            if isinstance(value, int):
                return int.__add__(value, 0) if int.bit_length(value) <= 256 else "<int>"
            if isinstance(value, float):
                return float.__repr__(value)
            if isinstance(value, (bytes, bytearray)):
                return f"<{len(value)} bytes>"
            if isinstance(value, dict):
                return self._mapping(value, depth, left) if depth else CUT
            if isinstance(value, (list, tuple)):
                return self._sequence(value, depth, left) if depth else CUT
            return f"<{type(value).__name__}>"
        except Exception:
            return "<unreadable>"

    def _mapping(self, value: "dict[Any, Any]", depth: int, left: "list[int]") -> "dict[str, Any]":
        cleaned: "dict[str, Any]" = {}
        for key, item in value.items():
            if left[0] <= 0:
                cleaned[CUT] = CUT
                break
            name = str.__str__(key) if isinstance(key, str) else str(key) if type(key) is int else type(key).__name__
            if self.covers(name):
                left[0] -= 1
                cleaned[name[:200]] = self.mask
            else:
                cleaned[self.scrub(name[:200])] = self._clean(item, depth - 1, left)
        return cleaned

    def _sequence(self, value: "list[Any] | tuple[Any, ...]", depth: int, left: "list[int]") -> "list[Any]":
        if len(value) == 2 and isinstance(value[0], str) and self.covers(value[0]):  # a header as a pair
            return [str.__str__(value[0])[:200], self.mask]
        cleaned = []
        for item in value:
            if left[0] <= 0:
                cleaned.append(CUT)
                break
            cleaned.append(self._clean(item, depth - 1, left))
        return cleaned


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if "a" <= char <= "z" or "0" <= char <= "9")


REDACTOR = Redactor()
