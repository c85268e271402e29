"""All questions that detection and the adapters' tables ask, for those who record environments."""

from backstay_core.environments.adapters import ADAPTERS
from backstay_core.environments.detection import OVERRIDE
from backstay_core.environments.signals import SIGNALS


def questions() -> "tuple[str, ...]":
    """Each once, sorted; without those whose paths are found out on the way (control groups), and without psutil's."""
    asked = [f"env:{OVERRIDE}"] + [question for signal in SIGNALS for question in signal.questions]
    for adapter in ADAPTERS:
        asked += [question for ability in adapter.ABILITIES for question in ability.questions]
        for row in adapter.INFO + adapter.USAGE:
            for source in row.sources:
                asked += [question for question in getattr(source, "questions", ()) if question[:1] != "="]
    known: "dict[str, None]" = {}
    for question in sorted(asked):
        if not question.startswith(("psutil:", "setting:")):
            known[question] = None
    return tuple(known)
