"""Short names of what pictures show."""

from collections.abc import Mapping
from typing import Any

from contract.calendar import LONGEST_WINDOW
from contract.columns import COLUMN, Axis
from contract.words import N_
from languages import Language

AXES: dict[Axis, str] = {
    "recency": N_("bought lately"),
    "frequency": N_("buys often"),
    "monetary": N_("spends much"),
    "activity": N_("active in the shop"),
}


def feature_label(name: str, say: Language) -> str:
    """Return a column's short name; the length of the longest window goes without saying."""
    return say.gettext(COLUMN[name].label)


def input_label(name: str, say: Language) -> str:
    """Return a column's short name with the length of its window, for a list that has several."""
    label, months = feature_label(name, say), COLUMN[name].months
    if months in (None, LONGEST_WINDOW):
        return label
    return say.gettext("{label}, {months} months", label=label, months=months)


def persona_label(persona: Mapping[str, Any], say: Language, between: str = "\N{NO-BREAK SPACE}") -> str:
    """Return a persona's emoji and name, by default on one line."""
    return f"{persona['emoji']}{between}{say.of(persona['label'])}"
