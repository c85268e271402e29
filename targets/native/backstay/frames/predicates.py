"""Which strategies ask a function of the user's."""

from __future__ import annotations

from backstay.classification import PredicateMatcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def has_predicate(layer: Any) -> bool:
    """Does this strategy ask a function of the user's about failures or results?"""
    options = layer.options
    return isinstance(getattr(options, "on_matches", None), PredicateMatcher) or (
        getattr(options, "results_match", None) is not None
    )
