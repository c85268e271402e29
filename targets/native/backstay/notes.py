"""Notes on the caller's own exceptions (PEP 678): what a policy tried before it let one through.

An exception has at most one note of each policy: it may be one object that is raised again and again, or pass through
nested policies. Where an exception cannot be written on, there is no note; that is never an error.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Tried = int | tuple[int, int | None, str]

MOST = 8  # notes of ours on one exception, of different policies; the oldest makes room
_LONGEST_NAME = 100
_OURS = "backstay: "

#  why a policy gave up, in words; other words are taken as they are
WHY = {
    "": "",
    "attempts": "no attempts are left",
    "never": "trying again would not help",
    "executed": "it may have been executed, and the call is not declared idempotent",
    "pushback": "the server asks for more patience than pushback_cap",
    "time": "the next attempt would begin too late",
    "budget": "the retry budget is exhausted",
}


def annotate(error: BaseException, policy_name: str, tried: Tried) -> bool:
    """Write on `error` what the policy tried: the number of attempts, or (attempts, ns they took or None, why it gave
    up: a key of `WHY` or other words). Replaces the policy's earlier note. False if the exception takes no notes."""
    try:
        text = text_of(policy_name, tried)
        notes = getattr(error, "__notes__", None)
        if notes is not None and _written_over(error, notes, _beginning(policy_name), text):
            return True
        error.add_note(text)
    except Exception:
        return False
    return True


def text_of(policy_name: str, tried: Tried) -> str:
    """The whole note."""
    return _beginning(policy_name) + told(tried)


def _beginning(policy_name: str) -> str:
    return f"{_OURS}policy {policy_name[:_LONGEST_NAME]!r} "


def told(tried: Tried) -> str:
    """``made 3 attempts in 1.2 s and gave up: no attempts are left``."""
    if isinstance(tried, int):
        return f"made {tried} attempts and gave up" if tried != 1 else "made 1 attempt and gave up"
    attempts, ns, why = tried
    text = f"made {attempts} attempt{'' if attempts == 1 else 's'}"
    if ns is not None:
        text += f" in {duration(ns)}"
    why = WHY.get(why, why)
    return f"{text} and gave up: {why}" if why else f"{text} and gave up"


def duration(ns: int) -> str:
    """Two or three digits that matter: ``0.4 ms``, ``12 ms``, ``1.24 s``, ``3 min 20 s``."""
    if ns < 10_000_000:
        return f"{max(0, ns) / 1e6:.1f} ms"
    if ns < 1_000_000_000:
        return f"{ns // 1_000_000} ms"
    if ns < 60_000_000_000:
        return f"{ns / 1e9:.3g} s"
    minutes, seconds = divmod(ns // 1_000_000_000, 60)
    return f"{minutes} min {seconds} s"


def _written_over(error: BaseException, notes: object, head: str, text: str) -> bool:
    """Replace the note that begins with `head`. If there is none, make room for one more, and do not write into a list
    that a whole class shares."""
    if not isinstance(notes, list):
        return False
    own: object = error.__dict__.get("__notes__")
    if own is not notes:
        error.__notes__ = [*(note for note in notes if not (isinstance(note, str) and note.startswith(head))), text]
        return True
    ours = []
    for i, note in enumerate(notes):
        if isinstance(note, str) and note.startswith(_OURS):
            if note.startswith(head):
                notes[i] = text
                return True
            ours.append(i)
    if len(ours) >= MOST:
        del notes[ours[0]]
    return False
