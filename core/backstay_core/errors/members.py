"""The members of a failure inside somebody else's object: problem details, ErrorInfo's metadata, JSON-RPC data."""

from backstay_core.clock import SECOND
from backstay_core.errors.http import LONGEST_PAUSE
from backstay_core.failure import CODES, EXECUTED, KINDS, RETRIES, SEVERITIES, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TEXT = 2000


def own_failure(members: "dict[str, Any]", message: str) -> "Failure | None":
    """The failure whose members these are, or None if the kind or the code is not there or not known.

    Of the others, what fits is taken and what does not is left out.
    """
    kind = members.get("kind")
    code = members.get("code")
    if not isinstance(kind, str) or kind not in KINDS or not isinstance(code, str) or code not in CODES:
        return None
    pause = members.get("retry_after_ms")
    if isinstance(pause, bool) or not isinstance(pause, int):
        pause = None
    context = members.get("context")
    return Failure(
        kind,
        message,
        code=code,
        retry=_word(members, "retry", RETRIES),
        executed=_word(members, "executed", EXECUTED),
        severity=_word(members, "severity", SEVERITIES),
        reason=text_member(members, "reason"),
        domain=text_member(members, "domain"),
        retry_after=None if pause is None else max(-1, min(pause * 1_000_000, LONGEST_PAUSE * SECOND)),
        context=context if isinstance(context, dict) else None,
    )


def _word(members: "dict[str, Any]", name: str, allowed: "tuple[str, ...]") -> "str | None":
    value = members.get(name)
    return value if isinstance(value, str) and value in allowed else None


def text_member(members: "dict[str, Any]", name: str) -> str:
    """The member as text, cut; empty if it is none."""
    value = members.get(name)
    return value[:_TEXT] if isinstance(value, str) else ""
